"""parse: what clients send that botocore does not, and what is refused with which error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_input, parse_output
from s3d.agent.s3.routing import Address

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)
Headers = dict[str, str] | list[tuple[str, str]]


def parse(
    name: str,
    headers: Headers | None = None,
    query: dict[str, str] | None = None,
    body: str | bytes = b"",
) -> Members:
    """The input without Bucket and Key."""
    op = operations()[name]
    pairs = tuple(headers.items() if isinstance(headers, dict) else headers or ())
    wire = WireRequest(op.method, "/b/k", "", pairs)
    payload = body.encode() if isinstance(body, str) else body
    members = parse_input(op, wire, Address("b", "k", False), query or {}, payload)
    return {name: value for name, value in members.items() if name not in ("Bucket", "Key")}


def refusal(name: str, **given: Any) -> S3Error:
    with pytest.raises(S3Error) as caught:
        parse(name, **given)
    return caught.value


# ---------------------------------------------------------------- where members come from


def test_bucket_and_key_come_from_the_address() -> None:
    wire = WireRequest("GET", "/b/k", "", ())
    address = Address("b", "k", virtual=True)
    assert parse_input(operations()["GetObject"], wire, address, {}, b"") == {
        "Bucket": "b",
        "Key": "k",
    }
    assert parse_input(operations()["HeadBucket"], wire, address, {}, b"") == {"Bucket": "b"}
    assert parse_input(operations()["ListBuckets"], wire, address, {}, b"") == {}


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("PutObject", {"ContentLength": 9}),
        ("UploadPart", {"ContentLength": 9, "PartNumber": 1, "UploadId": "u"}),
        ("PutObjectTagging", {"Tagging": {"TagSet": []}}),
    ],
)
def test_the_size_of_a_streaming_body_is_its_length_without_any_coding(
    name: str, members: Members
) -> None:
    op, address = operations()[name], Address("b", "k", False)
    headers = (("content-length", "90"), ("x-amz-decoded-content-length", "9"))
    query = {"partNumber": "1", "uploadId": "u"} if name == "UploadPart" else {}
    payload = b"" if op.streaming_input else b"<Tagging><TagSet/></Tagging>"
    wire = WireRequest(op.method, "/b/k", "", headers)
    found = parse_input(op, wire, address, query, payload, size=9)
    assert found == {"Bucket": "b", "Key": "k", **members}
    assert "ContentLength" not in parse_input(op, wire, address, query, payload)


def test_headers_and_words_that_are_no_members_are_ignored() -> None:
    headers = {"host": "h", "x-amz-date": "d", "user-agent": "u", "x-amz-unheard": "of"}
    query = {"x-id": "GetObject", "X-Amz-Signature": "s", "Version": "2006-03-01"}
    assert parse("GetObject", headers, query) == {}


def test_repeated_headers_are_one_list() -> None:
    headers = [("x-amz-object-attributes", "ETag"), ("x-amz-object-attributes", "Checksum, ")]
    assert parse("GetObjectAttributes", headers) == {"ObjectAttributes": ["ETag", "Checksum"]}
    headers = [("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]
    assert parse("PutObject", headers) == {"Metadata": {"a": "1,2"}}


@pytest.mark.parametrize(
    ("name", "query", "members"),
    [
        ("ListObjectsV2", {"max-keys": "", "prefix": "", "encoding-type": ""}, {"Prefix": ""}),
        ("ListObjects", {"max-keys": "100000", "delimiter": "/"},
         {"MaxKeys": 100_000, "Delimiter": "/"}),
        ("GetObject", {"versionId": "null", "partNumber": "2"},
         {"VersionId": "null", "PartNumber": 2}),
        ("GetObject", {"response-content-type": "a/b\tc"}, {"ResponseContentType": "a/b\tc"}),
        ("GetObject", {"response-expires": "never"}, {"ResponseExpires": "never"}),
    ],
)  # fmt: skip
def test_query(name: str, query: dict[str, str], members: Members) -> None:
    assert parse(name, query=query) == members


@pytest.mark.parametrize(
    ("name", "headers", "members"),
    [
        ("GetObject", {"if-modified-since": "Sun, 22 Nov 2026 12:00:05 GMT"},
         {"IfModifiedSince": NOON}),
        ("GetObject", {"if-modified-since": "yesterday", "if-unmodified-since": "-"}, {}),
        ("GetObject", {"range": "bytes=abc"}, {"Range": "bytes=abc"}),
        ("PutObject", {"x-amz-object-lock-retain-until-date": "2026-11-22T12:00:05Z"},
         {"ObjectLockRetainUntilDate": NOON}),
        ("PutObject", {"expires": "never"}, {"Expires": "never"}),
        ("PutObject", {"x-amz-acl": "", "content-type": "", "x-amz-tagging": "a=b&c=d%20e"},
         {"Tagging": "a=b&c=d%20e"}),
        ("PutObject", {"x-amz-server-side-encryption-bucket-key-enabled": "TRUE"},
         {"BucketKeyEnabled": True}),
        ("PutObject", {"if-none-match": "*"}, {"IfNoneMatch": "*"}),
        ("PutObject", {"content-encoding": "gzip"}, {"ContentEncoding": "gzip"}),
        ("PutObject", {"content-encoding": "aws-chunked"}, {}),
        ("UploadPart", {"content-encoding": "aws-chunked"}, {"PartNumber": 1, "UploadId": "u"}),
        ("PutObject", {"content-encoding": "gzip, aws-chunked"}, {"ContentEncoding": "gzip"}),
    ],
)  # fmt: skip
def test_headers(name: str, headers: dict[str, str], members: Members) -> None:
    query = {"partNumber": "1", "uploadId": "u"} if name == "UploadPart" else {}
    assert parse(name, headers, query) == members


# ---------------------------------------------------------------- user metadata


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("plain  text", "plain  text"),
        ("", ""),
        ("grüße", "grüße"),
        ("gr\udcfc\udcdfe", "grüße"),
        ("=?UTF-8?B?w6k=?=", "=?UTF-8?B?w6k=?="),
    ],
)
def test_metadata_is_kept_as_sent(sent: str, read: str) -> None:
    assert parse("PutObject", {"x-amz-meta-note": sent}) == {"Metadata": {"note": read}}
    assert parse("CreateMultipartUpload", {"x-amz-meta-note": sent}) == {"Metadata": {"note": read}}


def test_a_nameless_metadata_header_is_refused() -> None:
    """It could not be kept."""
    assert refusal("PutObject", headers={"x-amz-meta-": "x"}).code == "InvalidArgument"


def test_metadata_of_an_operation_without_any_is_ignored() -> None:
    assert parse("GetObject", {"x-amz-meta-a": "x"}) == {}


def test_metadata_is_limited_to_2_kib_of_names_and_values() -> None:
    assert parse("PutObject", {"x-amz-meta-a": 2047 * "m"})
    assert refusal("PutObject", headers={"x-amz-meta-a": 2048 * "m"}).code == "MetadataTooLarge"
    headers = {"x-amz-meta-a": 1024 * "é"}
    assert refusal("CopyObject", headers=headers).code == "MetadataTooLarge"


# ---------------------------------------------------------------- presigned: headers in the query


def test_headers_may_come_in_the_query() -> None:
    query = {"x-amz-acl": "private", "X-Amz-Meta-A": "1", "x-amz-storage-class": "STANDARD"}
    assert parse("PutObject", query=query) == {
        "ACL": "private",
        "Metadata": {"a": "1"},
        "StorageClass": "STANDARD",
    }


def test_a_header_wins_over_the_query() -> None:
    headers = [("x-amz-acl", "public-read"), ("x-amz-meta-a", "2"), ("x-amz-meta-a", "3")]
    query = {"x-amz-acl": "private", "x-amz-meta-a": "1"}
    assert parse("PutObject", headers, query) == {"ACL": "public-read", "Metadata": {"a": "2,3"}}


def test_the_checksum_of_nothing_that_sdks_presign_promises_nothing() -> None:
    query = {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "CRC32"}
    assert parse("PutObject", query=query) == {"ChecksumAlgorithm": "CRC32"}
    assert parse("PutObject", query={"x-amz-checksum-crc32": "CEaAGw=="}) == {
        "ChecksumCRC32": "CEaAGw=="
    }
    assert parse("PutObject", headers={"x-amz-checksum-crc32": "AAAAAA=="}) == {
        "ChecksumCRC32": "AAAAAA=="
    }


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("ListObjectsV2", {"max-keys": "99999999999999999999"}, "InvalidArgument"),
        ("ListObjectsV2", {"max-keys": "2147483648"}, "InvalidArgument"),
        ("ListObjectsV2", {"max-keys": "-1"}, "InvalidArgument"),
        ("ListObjectsV2", {"max-keys": "many"}, "InvalidArgument"),
        ("ListObjectsV2", {"encoding-type": "base64"}, "InvalidArgument"),
        ("ListObjectsV2", {"fetch-owner": "maybe"}, "InvalidArgument"),
        ("GetObject", {"versionId": ""}, "InvalidArgument"),
        ("GetObject", {"partNumber": "0"}, "InvalidArgument"),
        ("GetObject", {"response-content-disposition": "a\r\nX-Injected: 1"}, "InvalidArgument"),
        ("GetObject", {"response-content-type": "text/html\x00\x01"}, "InvalidArgument"),
        ("UploadPart", {"uploadId": "u", "partNumber": "10001"}, "InvalidArgument"),
        ("UploadPart", {"uploadId": "u", "partNumber": "-1"}, "InvalidArgument"),
        ("UploadPart", {"uploadId": "u", "partNumber": ""}, "InvalidArgument"),
        ("UploadPart", {"uploadId": "u"}, "InvalidArgument"),
        ("UploadPart", {"partNumber": "1"}, "InvalidArgument"),
        ("PutBucketAnalyticsConfiguration", {}, "MissingRequestBodyError"),
        ("DeleteBucketAnalyticsConfiguration", {}, "InvalidArgument"),
    ],
)
def test_a_bad_query_is_refused(name: str, query: dict[str, str], code: str) -> None:
    assert refusal(name, query=query).code == code


@pytest.mark.parametrize(
    ("name", "headers", "code"),
    [
        ("PutObject", {"x-amz-storage-class": "PLATINUM"}, "InvalidStorageClass"),
        ("PutObject", {"x-amz-acl": "everyone"}, "InvalidArgument"),
        ("CreateBucket", {"x-amz-acl": "bucket-owner-read"}, "InvalidArgument"),
        ("PutObject", {"x-amz-sdk-checksum-algorithm": "ADLER32"}, "InvalidRequest"),
        ("PutObject", {"x-amz-object-lock-mode": "SOFT"}, "InvalidArgument"),
        ("PutObject", {"x-amz-object-lock-retain-until-date": "soon"}, "InvalidArgument"),
        ("CopyObject", {"x-amz-copy-source": "b/k", "x-amz-metadata-directive": "MERGE"},
         "InvalidArgument"),
        ("CopyObject", {"x-amz-copy-source": "b/k", "x-amz-copy-source-if-modified-since": "?"},
         "InvalidArgument"),
        ("CopyObject", {}, "InvalidRequest"),
        ("GetObjectAttributes", {}, "InvalidRequest"),
        ("GetObjectAttributes", {"x-amz-object-attributes": "Colour"}, "InvalidArgument"),
    ],
)  # fmt: skip
def test_a_bad_header_is_refused(name: str, headers: dict[str, str], code: str) -> None:
    assert refusal(name, headers=headers).code == code


def test_a_refusal_names_what_was_wrong() -> None:
    error = refusal("ListObjects", query={"max-keys": "x"})
    assert error.detail == {"ArgumentName": "max-keys", "ArgumentValue": "x"}


# ---------------------------------------------------------------- bodies

PART = "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>"
DELETE = "<Delete>%s</Delete>"
COMPLETE = "<CompleteMultipartUpload>%s</CompleteMultipartUpload>"


@pytest.mark.parametrize(
    ("name", "body", "members"),
    [
        ("CreateBucket", "", {}),
        ("CreateBucket", " \n", {}),
        ("CreateBucket", "<CreateBucketConfiguration/>", {"CreateBucketConfiguration": {}}),
        ("DeleteObjects", "<Delete><Object><Key>a</Key></Object></Delete>",
         {"Delete": {"Objects": [{"Key": "a"}]}}),
        ("CompleteMultipartUpload", COMPLETE % PART,
         {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "e"}]}, "UploadId": "u"}),
        ("PutBucketPolicy", '{"a": "é"}', {"Policy": '{"a": "é"}'}),
        ("PutBucketAcl", "", {}),
        ("PutObject", "", {}),
        ("GetObject", "<ignored>", {}),
        ("PutBucketTagging", "<Tagging><TagSet/></Tagging>", {"Tagging": {"TagSet": []}}),
        ("PutObjectRetention",
         "<Retention><RetainUntilDate>2026-11-22T12:00:05.000Z</RetainUntilDate></Retention>",
         {"Retention": {"RetainUntilDate": NOON}}),
    ],
)  # fmt: skip
def test_bodies(name: str, body: str, members: Members) -> None:
    query = {"uploadId": "u"} if "UploadId" in members else {}
    assert parse(name, query=query, body=body) == members


def test_a_document_without_payload_member_becomes_members() -> None:
    body = (
        "<SelectObjectContentRequest><Expression>select</Expression><ExpressionType>SQL"
        "</ExpressionType><InputSerialization/><OutputSerialization/></SelectObjectContentRequest>"
    )
    assert parse("SelectObjectContent", body=body) == {
        "Expression": "select",
        "ExpressionType": "SQL",
        "InputSerialization": {},
        "OutputSerialization": {},
    }


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("DeleteObjects", "", "MissingRequestBodyError"),
        ("DeleteObjects", "<Delete/>", "MalformedXML"),
        ("DeleteObjects", "<Delete><Object><Key>a</Key><Version>1</Version></Object></Delete>",
         "MalformedXML"),
        ("DeleteObjects", "<Delete><Object><Key>a</Key></Object>", "MalformedXML"),
        ("DeleteObjects", b"<Delete><Object><Key>\xff</Key></Object></Delete>", "MalformedXML"),
        ("DeleteObjects", DELETE % (1001 * "<Object><Key>a</Key></Object>"), "MalformedXML"),
        ("CompleteMultipartUpload", "", "MalformedXML"),
        ("CompleteMultipartUpload", "this is not xml", "MalformedXML"),
        ("CompleteMultipartUpload", COMPLETE % "", "MalformedXML"),
        ("CompleteMultipartUpload", COMPLETE % (10_001 * PART), "MalformedXML"),
        ("CompleteMultipartUpload", COMPLETE % "<Part><ETag>e</ETag></Part>", "MalformedXML"),
        ("CompleteMultipartUpload", f"<Other>{PART}</Other>", "MalformedXML"),
        ("PutBucketVersioning", "", "MissingRequestBodyError"),
        ("PutBucketVersioning",
         "<VersioningConfiguration><Status>on</Status></VersioningConfiguration>", "MalformedXML"),
        ("PutObjectLegalHold", "", "MalformedXML"),
        ("PutBucketAcl", "<AccessControlPolicy>", "MalformedACLError"),
        ("PutBucketPolicy", b"\xff", "MalformedPolicy"),
        ("PutBucketPolicy", "", "MalformedPolicy"),
        ("SelectObjectContent", "", "MissingRequestBodyError"),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused(name: str, body: str | bytes, code: str) -> None:
    assert refusal(name, query={"uploadId": "u"}, body=body).code == code


# ---------------------------------------------------------------- a remote's answer


def test_an_answer_of_a_remote_becomes_output_members() -> None:
    headers = [("ETag", '"e"'), ("X-Amz-Meta-A", "1"), ("Content-Length", "5"), ("Expires", "0")]
    headers += [("Last-Modified", "Sun, 22 Nov 2026 12:00:05 GMT"), ("Server", "AmazonS3")]
    assert parse_output(operations()["GetObject"], 206, headers, b"") == {
        "ETag": '"e"',
        "Metadata": {"a": "1"},
        "ContentLength": 5,
        "Expires": "0",
        "LastModified": NOON,
    }


@pytest.mark.parametrize(
    ("name", "body", "members"),
    [
        ("GetBucketLocation", "<LocationConstraint>eu-west-1</LocationConstraint>",
         {"LocationConstraint": "eu-west-1"}),
        ("GetBucketLocation", "<LocationConstraint/>", {"LocationConstraint": ""}),
        ("GetBucketPolicy", "{}", {"Policy": "{}"}),
        ("ListObjectsV2", "<Any><Name>b</Name><Contents><Key>k</Key></Contents></Any>",
         {"Name": "b", "Contents": [{"Key": "k"}]}),
        ("CopyObject", "<R><ETag>e</ETag></R>", {"CopyObjectResult": {"ETag": "e"}}),
        ("DeleteObject", "<R/>", {}),
    ],
)  # fmt: skip
def test_a_document_of_a_remote(name: str, body: str, members: Members) -> None:
    assert parse_output(operations()[name], 200, (), body.encode()) == members


def test_a_remote_that_makes_no_sense_is_told() -> None:
    with pytest.raises(ValueError, match="no element"):
        parse_output(operations()["ListObjectsV2"], 200, (), b"<R>")
    with pytest.raises(S3Error):
        parse_output(operations()["GetObject"], 200, [("content-length", "x")], b"")
    assert parse_output(operations()["ListObjectsV2"], 204, (), b"<R>") == {}
