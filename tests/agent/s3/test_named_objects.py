"""named_objects: the source of a copy, and what buckets may be called."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.named_objects import check_bucket_name, parse_copy_source


@pytest.mark.parametrize(
    "name", ["abc", 63 * "a", "1st.bucket-name", "a-b.c-d", "123", "1.2.3.4.5"]
)
def test_a_good_bucket_name_passes(name: str) -> None:
    check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", 64 * "a", "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "a b", "äbc"),
        *("abc\n", "192.168.5.4", "xn--abc", "sthree-abc"),
        *("abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3"),
    ],
)
def test_a_bad_bucket_name_is_refused(name: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_bucket_name(name)
    assert caught.value.code == "InvalidBucketName"


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("bucket/key", ("bucket", "key", None)),
        ("/bucket/a/b%20c%3Fd", ("bucket", "a/b c?d", None)),
        ("bucket/key?versionId=v1", ("bucket", "key", "v1")),
        ("bucket%2Fkey", ("bucket", "key", None)),
        ("bucket/a+b%2Bc?versionId=v+1", ("bucket", "a b+c", "v+1")),
    ],
)
def test_copy_source(source: str, parts: tuple[str, str, str | None]) -> None:
    assert parse_copy_source(source) == parts


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("bucket", "InvalidArgument"),
        ("/bucket/", "InvalidArgument"),
        ("../key", "InvalidArgument"),
        ("/bucket/../other/secret.txt", "InvalidURI"),
        ("bucket/%zz", "InvalidURI"),
        ("bucket/key?versionId=", "InvalidArgument"),
    ],
)
def test_a_copy_source_that_names_nothing_is_refused(source: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_copy_source(source)
    assert caught.value.code == code
