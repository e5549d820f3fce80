"""conditions: precedence of If-* and the ranges, as tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.conditions import (
    byte_range,
    check_copy_source,
    check_delete,
    check_read,
    check_write,
    range_applies,
    resolve_copy_range,
)
from s3d.agent.s3.errors import S3Error

ETAG = '"0123"'
MODIFIED = 1_700_000_000.75
BEFORE = datetime.fromtimestamp(1_699_999_999, UTC)
SAME = datetime.fromtimestamp(1_700_000_000, UTC)
AFTER = datetime.fromtimestamp(1_700_000_001, UTC)


def code_of(function, *arguments):
    """What the function gives, or the code of the S3Error that it raises."""
    try:
        return function(*arguments)
    except S3Error as error:
        return error.code


@pytest.mark.finding("RARE-IF-RANGE")
@pytest.mark.parametrize(
    ("validator", "applies"),
    [
        (None, True),
        (ETAG, True),
        ('"other"', False),
        (f"W/{ETAG}", False),
        ("Tue, 14 Nov 2023 22:13:20 GMT", True),
        ("Tue, 14 Nov 2023 22:13:21 GMT", False),
        ("Tue, 14 Nov 2023 22:13:19 GMT", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_a_range_of_another_object_is_no_range(validator, applies):
    """RFC 9110 section 13.1.5."""
    assert range_applies(validator, ETAG, MODIFIED) is applies


READ = [
    ({}, False),
    ({"IfMatch": ETAG}, False),
    ({"IfMatch": "0123"}, False),
    ({"IfMatch": "*"}, False),
    ({"IfMatch": '"x", "0123"'}, False),
    ({"IfMatch": '"x"'}, "PreconditionFailed"),
    ({"IfMatch": 'W/"0123"'}, "PreconditionFailed"),
    ({"IfMatch": ""}, "PreconditionFailed"),
    ({"IfNoneMatch": ETAG}, True),
    ({"IfNoneMatch": "0123"}, True),
    ({"IfNoneMatch": "*"}, True),
    ({"IfNoneMatch": 'W/"0123"'}, True),
    ({"IfNoneMatch": '"x" ,"0123"'}, True),
    ({"IfNoneMatch": '"x"'}, False),
    ({"IfUnmodifiedSince": BEFORE}, "PreconditionFailed"),
    ({"IfUnmodifiedSince": SAME}, False),
    ({"IfUnmodifiedSince": AFTER}, False),
    ({"IfModifiedSince": BEFORE}, False),
    ({"IfModifiedSince": SAME}, True),
    ({"IfModifiedSince": AFTER}, True),
    # If-Match decides over If-Unmodified-Since
    ({"IfMatch": ETAG, "IfUnmodifiedSince": BEFORE}, False),
    ({"IfMatch": '"x"', "IfUnmodifiedSince": AFTER}, "PreconditionFailed"),
    # If-None-Match decides over If-Modified-Since
    ({"IfNoneMatch": ETAG, "IfModifiedSince": BEFORE}, True),
    ({"IfNoneMatch": '"x"', "IfModifiedSince": AFTER}, False),
    # what fails with 412 is judged before what answers 304
    ({"IfMatch": '"x"', "IfNoneMatch": ETAG}, "PreconditionFailed"),
    ({"IfMatch": ETAG, "IfNoneMatch": ETAG}, True),
    ({"IfUnmodifiedSince": BEFORE, "IfModifiedSince": AFTER}, "PreconditionFailed"),
    ({"IfUnmodifiedSince": AFTER, "IfNoneMatch": ETAG}, True),
]


@pytest.mark.parametrize(("input", "expected"), READ)
def test_read(input, expected):
    assert code_of(check_read, input, ETAG, MODIFIED) == expected


@pytest.mark.parametrize(("input", "expected"), READ)
def test_copy_source_has_the_same_order_and_fails_where_a_read_answers_304(input, expected):
    source = {f"CopySource{name}": value for name, value in input.items()}
    code = None if expected is False else "PreconditionFailed"
    assert code_of(check_copy_source, source, ETAG, MODIFIED) == code


def test_a_failed_condition_is_named():
    with pytest.raises(S3Error) as read:
        check_read({"IfMatch": '"x"'}, ETAG, MODIFIED)
    assert read.value.detail == {"Condition": "If-Match"}
    with pytest.raises(S3Error) as copy:
        check_copy_source({"CopySourceIfNoneMatch": ETAG}, ETAG, MODIFIED)
    assert copy.value.detail == {"Condition": "x-amz-copy-source-If-None-Match"}


HERE = (ETAG, MODIFIED, 10)


@pytest.mark.parametrize(
    ("input", "current", "expected"),
    [
        ({}, None, None),
        ({}, HERE, None),
        ({"IfNoneMatch": "*"}, None, None),
        ({"IfNoneMatch": "*"}, HERE, "PreconditionFailed"),
        ({"IfNoneMatch": ETAG}, HERE, "NotImplemented"),
        ({"IfNoneMatch": ETAG}, None, "NotImplemented"),
        ({"IfMatch": ETAG}, HERE, None),
        ({"IfMatch": "0123"}, HERE, None),
        ({"IfMatch": '"x"'}, HERE, "PreconditionFailed"),
        ({"IfMatch": ETAG}, None, "NoSuchKey"),
        ({"IfMatch": "*"}, HERE, "NotImplemented"),
        ({"IfMatch": ETAG, "IfNoneMatch": "*"}, HERE, "NotImplemented"),
    ],
)
def test_write(input, current, expected):
    assert code_of(check_write, input, current) == expected


@pytest.mark.parametrize(
    ("input", "current", "expected"),
    [
        ({}, None, None),
        ({}, HERE, None),
        ({"IfMatch": ETAG}, HERE, None),
        ({"IfMatch": '"x"'}, HERE, "PreconditionFailed"),
        ({"IfMatch": ETAG}, None, "NoSuchKey"),
        ({"IfMatch": "*"}, HERE, None),
        ({"IfMatch": "*"}, None, "PreconditionFailed"),
        ({"IfMatchLastModifiedTime": SAME}, HERE, None),
        ({"IfMatchLastModifiedTime": BEFORE}, HERE, "PreconditionFailed"),
        ({"IfMatchLastModifiedTime": AFTER}, HERE, "PreconditionFailed"),
        ({"IfMatchLastModifiedTime": AFTER}, None, None),
        ({"IfMatchSize": 10}, HERE, None),
        ({"IfMatchSize": 9}, HERE, "PreconditionFailed"),
        ({"IfMatchSize": 9}, None, None),
        ({"IfMatch": ETAG, "IfMatchSize": 9}, HERE, "PreconditionFailed"),
        ({"IfMatch": ETAG, "IfMatchSize": 10, "IfMatchLastModifiedTime": SAME}, HERE, None),
    ],
)
def test_delete(input, current, expected):
    assert code_of(check_delete, input, current) == expected


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        (None, 10, None),
        ("", 10, None),
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=2-5", 10, (2, 4)),
        ("bytes=2-", 10, (2, 8)),
        ("bytes=-3", 10, (7, 3)),
        ("bytes=-30", 10, (0, 10)),
        ("bytes=2-99", 10, (2, 8)),
        ("bytes=9-9", 10, (9, 1)),
        ("Bytes= 2-5 ", 10, (2, 4)),
        ("bytes=10-", 10, "InvalidRange"),
        ("bytes=10-20", 10, "InvalidRange"),
        ("bytes=-0", 10, "InvalidRange"),
        ("bytes=0-", 0, "InvalidRange"),
        ("bytes=0-0", 0, "InvalidRange"),
        ("bytes=-1", 0, "InvalidRange"),
        ("bytes=5-2", 10, None),
        ("bytes=50-20", 10, None),
        ("bytes=-", 10, None),
        ("bytes=", 10, None),
        ("bytes=a-b", 10, None),
        ("bytes=--3", 10, None),
        ("bytes=1-2,4-5", 10, None),
        ("bytes=1.0-2", 10, None),
        ("bytes=+1-2", 10, None),
        ("bytes=٣-٤", 10, None),
        ("items=0-1", 10, None),
        ("0-1", 10, None),
        ("bytes=0-" + "9" * 999, 10, (0, 10)),
        ("bytes=0-" + "9" * 9999, 10, None),
        ("bytes=" + "9" * 30 + "-", 10, "InvalidRange"),
    ],
)
def test_range(header, size, expected):
    assert code_of(byte_range, header, size) == expected


def test_an_unsatisfiable_range_tells_the_size():
    with pytest.raises(S3Error) as caught:
        byte_range("bytes=10-", 10)
    assert caught.value.detail == {"RangeRequested": "bytes=10-", "ActualObjectSize": 10}


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_a_range_is_the_slice_it_names(first, last, size):
    data = bytes(range(size))
    found = code_of(byte_range, f"bytes={first}-{last}", size)
    if last < first:
        assert found is None
    elif first >= size:
        assert found == "InvalidRange"
    else:
        start, length = found
        assert data[start : start + length] == data[first : last + 1]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 10)),
        ("bytes=0-9", (0, 10)),
        ("bytes=2-5", (2, 4)),
        ("bytes=2-10", "InvalidArgument"),
        ("bytes=2-", "InvalidArgument"),
        ("bytes=-2", "InvalidArgument"),
        ("bytes=5-2", "InvalidArgument"),
        ("bytes=0-1,3-4", "InvalidArgument"),
        ("0-1", "InvalidArgument"),
        ("", "InvalidArgument"),
    ],
)
def test_the_range_of_a_copy_needs_both_ends_within_the_source(header, expected):
    assert code_of(resolve_copy_range, header, 10) == expected
