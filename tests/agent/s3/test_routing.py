"""routing: every operation is reached, the ambiguous ones by what they require, and nothing else;
bucket and key are decoded once and never folded."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import UNKNOWN, operations, required_words, service
from s3d.agent.s3.model_overrides import COMMON_HEADERS, OFF_THE_TABLE
from s3d.agent.s3.routing import (
    Address,
    check_key,
    has_unknown_header,
    has_unknown_header_in_query,
    known_headers,
    parse_address,
    parse_query,
    route,
    unknown_operation,
)

BASES = ("localhost", "s3.localhost", "files.example")
Query = dict[str, str]
PART = {"partNumber": "1", "uploadId": "u"}
TWINS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
"""Deprecated operations and those that are meant today."""


def ask(method: str, path: str, query: Query, *headers: str) -> str:
    bucket, _, key = path.partition("/")
    return route(method, bucket, key, query, dict.fromkeys(headers, "x")).name


@pytest.mark.parametrize("name", sorted(operations().keys() - OFF_THE_TABLE))
def test_what_an_operation_requires_leads_to_it(name: str) -> None:
    op, model = operations()[name], service().operations[name]
    query = dict(
        word.partition("=")[::2] for word in model.http.request_uri.partition("?")[2].split("&")
    )
    query.pop("", None)
    given = service().input_of(name)
    query |= dict.fromkeys(required_words(given, "querystring"), "1")
    headers = [header.lower() for header in required_words(given, "header")]
    path = {"service": "", "bucket": "b", "object": "b/k"}[op.scope]
    assert ask(op.method, path, query, *headers) == TWINS.get(name, name)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "name"),
    [
        ("GET", "", {}, (), "ListBuckets"),
        ("GET", "", {"x-id": "ListBuckets"}, (), "ListBuckets"),
        ("GET", "b", {}, (), "ListObjects"),
        ("GET", "b", {"Version": "2006-03-01"}, (), "ListObjects"),
        ("GET", "b", {"list-type": "2", "prefix": "", "encoding-type": "url"}, (), "ListObjectsV2"),
        ("GET", "b", {"list-type": "1"}, (), "ListObjects"),
        ("GET", "b", {"list-type": "3", "marker": "m"}, (), "ListObjects"),
        ("GET", "b", {"list-type": ""}, (), "ListObjects"),
        ("GET", "b", {"list-type": "02"}, (), "ListObjects"),
        ("HEAD", "b", {"list-type": "2", "marker": ""}, (), "HeadBucket"),
        ("GET", "b", {"versions": "", "start-after": ""}, (), "ListObjectVersions"),
        ("GET", "b", {"location": ""}, (), "GetBucketLocation"),
        ("GET", "b", {"analytics": "", "id": "1"}, (), "GetBucketAnalyticsConfiguration"),
        ("GET", "b", {"analytics": "", "x-id": "1"}, (), "ListBucketAnalyticsConfigurations"),
        ("GET", "b", {"uploads": "", "max-uploads": "5"}, (), "ListMultipartUploads"),
        ("PUT", "b", {"x-id": "CreateBucket"}, (), "CreateBucket"),
        ("PUT", "b/k", {"x-id": "PutObject"}, (), "PutObject"),
        ("PUT", "b/k", {"X-Amz-Signature": "1", "X-Amz-Expires": ""}, (), "PutObject"),
        ("PUT", "b/k", {}, ("x-amz-copy-source",), "CopyObject"),
        ("PUT", "b/k", {"partNumber": "1", "uploadId": "u"}, (), "UploadPart"),
        ("PUT", "b/k", PART, ("x-amz-copy-source",), "UploadPartCopy"),
        ("PUT", "b/k", {"uploadId": "u"}, (), "UploadPart"),
        ("PUT", "b/k", {"partNumber": "1"}, (), "UploadPart"),
        ("PUT", "b/k", {"renameObject": ""}, (), "RenameObject"),
        ("POST", "b/k", {"uploadId": "u"}, (), "CompleteMultipartUpload"),
        ("GET", "b/k", {"uploadId": "u", "max-parts": "3"}, (), "ListParts"),
        ("GET", "b/k", {"partNumber": "2"}, (), "GetObject"),
        ("GET", "b/k", {"versionId": "v", "response-expires": ""}, (), "GetObject"),
        ("GET", "b/k", {"versionId": "v", "tagging": ""}, (), "GetObjectTagging"),
        ("GET", "b/k", {"whatever": "1"}, (), "GetObject"),
        ("GET", "b/k", {"annotation": "", "annotationName": "n"}, (), "GetObjectAnnotation"),
        ("GET", "b/k", {"annotation": ""}, (), "ListObjectAnnotations"),
        ("GET", "b", {"abac": ""}, (), "GetBucketAbac"),
        ("HEAD", "b/k", {"acl": ""}, (), "HeadObject"),
        ("HEAD", "b", {"location": ""}, (), "HeadBucket"),
        ("DELETE", "b/k", {"versionId": ""}, (), "DeleteObject"),
        ("DELETE", "b/k", {"versionId": "null", "tagging": ""}, (), "DeleteObjectTagging"),
    ],
)  # fmt: skip
def test_routes(method: str, path: str, query: Query, headers: tuple[str, ...], name: str) -> None:
    assert ask(method, path, query, *headers) == name


@pytest.mark.finding("F13")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["b", "b/k"])
def test_an_unknown_sub_resource_is_no_operation(method: str, path: str) -> None:
    bucket, _, key = path.partition("/")
    assert route(method, bucket, key, {"x-id": "1", "frobnicate": ""}, {}) is UNKNOWN


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", "", {}),
        ("POST", "", {}),
        ("DELETE", "", {}),
        ("HEAD", "", {}),
        ("PATCH", "b/k", {}),
        ("OPTIONS", "b", {}),
        ("POST", "b/k", {}),
        ("POST", "b/k", {"x-id": "1"}),
        ("PUT", "b/k", {"uploads": ""}),
        ("DELETE", "b/k", {"acl": ""}),
        ("DELETE", "b", {"versioning": ""}),
        ("GET", "b", {"delete": ""}),
        ("GET", "b/k", {"restore": ""}),
    ],
)
def test_a_method_that_the_resource_does_not_have_is_405(
    method: str, path: str, query: Query
) -> None:
    with pytest.raises(S3Error) as caught:
        ask(method, path, query)
    assert caught.value.code == "MethodNotAllowed"


def test_a_post_to_a_bucket_that_is_no_form_is_412() -> None:
    with pytest.raises(S3Error) as caught:
        ask("POST", "b", {})
    assert caught.value.code == "PreconditionFailed"


def test_two_sub_resources_at_once_are_refused() -> None:
    with pytest.raises(S3Error, match="acl, policy") as caught:
        ask("GET", "b", {"policy": "", "acl": ""})
    assert caught.value.code == "InvalidArgument"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"start-after": "k"}, "start-after"),
        ({"list-type": "1", "start-after": ""}, "start-after"),
        ({"start-after": "k", "continuation-token": "t"}, "continuation-token"),
        ({"list-type": "3", "continuation-token": ""}, "continuation-token"),
        ({"list-type": "2", "marker": "k"}, "marker"),
        ({"list-type": "2", "marker": "", "prefix": "p"}, "marker"),
    ],
)
def test_the_pages_of_the_other_listing_are_refused(query: Query, word: str) -> None:
    """Whoever asks for them would get the first page again and again."""
    with pytest.raises(S3Error) as caught:
        ask("GET", "b", query)
    assert (caught.value.code, caught.value.detail) == ("InvalidArgument", {"ArgumentName": word})


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "b", {"list-type": "2", "prefix": "p/", "frobnicate": ""}),
        ("GET", "b", {"location": "", "frobnicate": ""}),
        ("GET", "b/k", {"tagging": "", "frobnicate": ""}),
        ("PUT", "b/k", {**PART, "frobnicate": ""}),
    ],
)
def test_an_unknown_sub_resource_beside_a_known_one(method: str, path: str, query: Query) -> None:
    """A remote that knows it would answer it to a key that may only see the known one."""
    assert ask(method, path, query) == UNKNOWN.name
    assert ask(method, path, {**query, "frobnicate": "1"}) != UNKNOWN.name


# ---------------------------------------------------------------- the bucket and key


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


# ---------------------------------------------------------------- unknown headers


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["X-Amz-Signature", "x-amz-acl", "X-Amz-Meta-a", "prefix"], False),
        (["x-amz-copy-source"], True),
        (["X-Amz-Copy-Source"], True),
        (["x-amz-rename-source"], True),
        (["X-Amz-Foo"], True),
        (["foo"], False),
    ],
)
def test_words_for_headers_that_are_not_read_in_a_query(words: list[str], expected: bool) -> None:
    assert has_unknown_header_in_query(words) is expected


@pytest.mark.finding("F14")
@pytest.mark.parametrize("name", ["x-amz-checksum-md6", "x-amz-frobnicate", "x-amz-"])
def test_a_header_that_no_operation_has_is_unknown(name: str) -> None:
    assert has_unknown_header({"host", name})


@pytest.mark.parametrize(
    "name",
    [
        *COMMON_HEADERS,
        "x-amz-acl",
        "x-amz-checksum-xxhash128",
        "x-amz-meta-anything",
        "x-amzn-trace-id",
        "content-md5",
        "amz-sdk-invocation-id",
    ],
)
def test_what_is_read_or_asks_for_nothing_is_known(name: str) -> None:
    assert not has_unknown_header({name})
    assert not has_unknown_header({name})


def test_every_common_header_names_its_source() -> None:
    for name, source in COMMON_HEADERS.items():
        assert name == name.lower()
        assert name in known_headers()
        assert source.startswith("https://")


def test_the_body_of_a_request_with_an_unknown_header_travels_as_before() -> None:
    op = unknown_operation(operations()["PutObject"])
    assert (op.name, op.method, op.streaming_input, op.access) == ("", "PUT", True, "admin")
    assert unknown_operation(operations()["GetObject"]).streaming_output
