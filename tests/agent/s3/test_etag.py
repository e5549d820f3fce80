from __future__ import annotations

import hashlib

import pytest

from s3d.agent.s3.etag import (
    etag_of_completion,
    matches_any,
    opaque_tag,
    quote_etags,
    quoted,
    same_etag,
    same_state,
    unquoted,
)


@pytest.mark.parametrize(
    ("etag", "expected"),
    [("", ""), ("abc", '"abc"'), ('"abc"', '"abc"'), ("abc-3", '"abc-3"'), ('W/"a"', 'W/"a"')],
)
def test_an_etag_has_quotes(etag, expected):
    assert quoted(etag) == expected


@pytest.mark.finding("F6")
@pytest.mark.parametrize(
    ("operation", "output", "expected"),
    [
        ("HeadObject", {"ETag": "a", "Size": 1}, {"ETag": '"a"', "Size": 1}),
        ("ListObjectsV2", {"Contents": [{"ETag": "a"}, {"Key": "k"}]},
         {"Contents": [{"ETag": '"a"'}, {"Key": "k"}]}),
        ("ListObjectVersions", {"Versions": [{"ETag": "a"}]}, {"Versions": [{"ETag": '"a"'}]}),
        ("ListParts", {"Parts": [{"ETag": '"a"'}]}, {"Parts": [{"ETag": '"a"'}]}),
        ("CopyObject", {"CopyObjectResult": {"ETag": "a"}}, {"CopyObjectResult": {"ETag": '"a"'}}),
        ("UploadPartCopy", {"CopyPartResult": {"ETag": "a"}}, {"CopyPartResult": {"ETag": '"a"'}}),
        ("GetObjectAttributes", {"ETag": "a"}, {"ETag": "a"}),
        ("DeleteObject", {}, {}),
    ],
)  # fmt: skip
def test_every_etag_of_an_answer_has_quotes(operation, output, expected):
    quote_etags(operation, output)
    assert output == expected


def test_quotes_make_no_difference():
    assert unquoted('"a"') == unquoted("a") == "a"
    assert same_etag('"a"', "a")
    assert same_state('"a"', "a")
    assert not same_etag("a", "b")


def test_the_etag_of_no_object_equals_no_etag_but_is_a_state():
    assert not same_etag("", "")
    assert same_state("", "")
    assert not same_state('"a"', "")


def test_a_weak_tag_is_the_same_as_a_strong_one_only_for_weak_comparison():
    assert opaque_tag(' W/"a" ') == opaque_tag("a") == "a"
    assert matches_any('"b", W/"a"', '"a"', weak=True)
    assert not matches_any('"b", W/"a"', '"a"')


@pytest.mark.finding("user-1")
def test_the_etag_of_a_completion_is_made_of_the_parts_that_it_lists():
    md5, other = hashlib.md5(b"one").hexdigest(), hashlib.md5(b"other").hexdigest()
    whole = f"{hashlib.md5(bytes.fromhex(md5)).hexdigest()}-1"
    part = {"PartNumber": 1, "ETag": f'"{md5}"'}
    assert etag_of_completion({"MultipartUpload": {"Parts": [part]}}) == whole
    assert etag_of_completion({"MultipartUpload": {"Parts": [part, part]}}) == whole
    parts = [{"PartNumber": 1, "ETag": other}, part]
    assert etag_of_completion({"MultipartUpload": {"Parts": parts}}) == whole
    assert etag_of_completion({"MultipartUpload": {"Parts": [part | {"ETag": "none"}]}}) == ""
    assert etag_of_completion({}) != whole
