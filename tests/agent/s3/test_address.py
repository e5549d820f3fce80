"""address: bucket and key of a request, decoded once and never folded; rules of names."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.address import (
    Address,
    check_bucket_name,
    check_key,
    parse_address,
    parse_copy_source,
    parse_query,
)
from s3d.agent.s3.errors import S3Error

BASES = ("localhost", "s3.localhost", "files.example")


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("127.0.0.1:33333", "/", "", ""),
        ("127.0.0.1:33333", "/bucket", "bucket", ""),
        ("127.0.0.1:33333", "/bucket/", "bucket", ""),
        ("127.0.0.1", "/bucket/k", "bucket", "k"),
        ("localhost:1", "/bucket/a/b/", "bucket", "a/b/"),
        ("[::1]:33333", "/bucket/k", "bucket", "k"),
        ("localhost", "/bucket//a//b", "bucket", "/a//b"),
        ("localhost", "/bucket/./a/.", "bucket", "./a/."),
        ("localhost", "/bucket/a/../b", "bucket", "a/../b"),
        ("localhost", "/bucket/%2Fleading", "bucket", "/leading"),
        ("localhost", "/bucket/a%20b+c%2Bd%25%3F", "bucket", "a b+c+d%?"),
        ("localhost", "/bucket/%25zz", "bucket", "%zz"),
        ("localhost", "/bucket/%C3%A9t%C3%A9", "bucket", "été"),
        ("localhost", "/bucket/é", "bucket", "é"),
        ("localhost", "/bucket/line1%0Aline2%00", "bucket", "line1\nline2\x00"),
        ("localhost", "/Old_Bucket/k", "Old_Bucket", "k"),
        ("unknown.example", "/bucket/k", "bucket", "k"),
    ],
)
def test_path_style(host: str, path: str, bucket: str, key: str) -> None:
    assert parse_address(host, path, BASES) == Address(bucket, key, virtual=False)


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key"),
    [
        ("bucket.localhost:33333", "/", "bucket", ""),
        ("Bucket.LocalHost.", "/a/b", "bucket", "a/b"),
        ("bucket.s3.localhost", "/k", "bucket", "k"),
        ("a.b.files.example", "//k", "a.b", "/k"),
    ],
)
def test_virtual_host_style(host: str, path: str, bucket: str, key: str) -> None:
    assert parse_address(host, path, BASES) == Address(bucket, key, virtual=True)


@pytest.mark.parametrize("base", BASES)
def test_a_base_host_itself_is_no_bucket(base: str) -> None:
    assert parse_address(f"{base}:80", "/b-b/k", BASES) == Address("b-b", "k", virtual=False)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("*", "InvalidURI"),
        ("", "InvalidURI"),
        ("//key", "InvalidURI"),
        ("/bucket/bad%zzescape", "InvalidURI"),
        ("/bucket/cut%2", "InvalidURI"),
        ("/bucket/bad%FF%FEutf8", "InvalidURI"),
        ("/bucket/\udcff", "InvalidURI"),
        ("/bucket/..", "InvalidURI"),
        ("/bucket/%2e%2e/other/secret.txt", "InvalidURI"),
        ("/bucket/..%2F..%2Fetc%2Fpasswd", "InvalidURI"),
        ("/bucket/a/../../b", "InvalidURI"),
        ("/bucket/a/./../..", "InvalidURI"),
        ("/..", "InvalidBucketName"),
        ("/.s3d", "InvalidBucketName"),
        ("/%2e%2e%2ftmp", "InvalidBucketName"),
        ("/b%00b", "InvalidBucketName"),
        ("/b b/k", "InvalidBucketName"),
        ("/bucket/" + 1025 * "k", "KeyTooLongError"),
        ("/bucket/" + 513 * "%C3%A9", "KeyTooLongError"),
    ],
)
def test_a_path_that_names_nothing_is_refused(path: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_address("localhost", path, BASES)
    assert caught.value.code == code


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_every_key_comes_back_from_its_encoded_path(key: str) -> None:
    if ".." not in key:
        assert parse_address("h", f"/bucket/{quote(key)}", ()).key == key


@pytest.mark.parametrize("key", ["k", "a/b", "../x".replace("..", "a..b"), 1024 * "k", "a/../b"])
def test_a_good_key_passes(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    ("key", "code"), [("", "InvalidURI"), ("\ud800", "InvalidURI"), (1025 * "k", "KeyTooLongError")]
)
def test_a_bad_key_is_refused(key: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_key(key)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", {}),
        ("acl", {"acl": ""}),
        ("acl=", {"acl": ""}),
        ("list-type=2&prefix=a%2Fb%20c", {"list-type": "2", "prefix": "a/b c"}),
        ("prefix=a+b%2B&c+d=", {"prefix": "a b+", "c d": ""}),
        ("a=1&a=2", {"a": "1"}),
        ("&&a=b=c&", {"a": "b=c"}),
        ("%61cl", {"acl": ""}),
    ],
)
def test_query(query: str, words: dict[str, str]) -> None:
    assert parse_query(query) == words


def test_a_query_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(S3Error, match="InvalidURI"):
        parse_query("prefix=%FF")


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
