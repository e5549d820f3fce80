"""serialize: what the documents and headers look like on the wire."""

from __future__ import annotations

from collections import UserDict
from datetime import UTC, datetime
from email.header import decode_header
from typing import Any
from xml.etree import ElementTree

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.model import operations
from s3d.agent.s3.serialize import HOST_ID, metadata_headers, serialize_error, serialize_output

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
XML = ("Content-Type", "application/xml")


def answer(name: str, output: Members) -> tuple[int, dict[str, str], str]:
    status, headers, body = serialize_output(operations()[name], output)
    assert len(dict(headers)) == len(headers)
    return status, dict(headers), body.decode()


@pytest.mark.parametrize(
    ("name", "output", "root"),
    [
        ("ListBuckets", {"Buckets": []}, "ListAllMyBucketsResult"),
        ("ListObjects", {}, "ListBucketResult"),
        ("ListObjectsV2", {}, "ListBucketResult"),
        ("ListObjectVersions", {}, "ListVersionsResult"),
        ("ListMultipartUploads", {}, "ListMultipartUploadsResult"),
        ("ListParts", {}, "ListPartsResult"),
        ("CreateMultipartUpload", {}, "InitiateMultipartUploadResult"),
        ("CompleteMultipartUpload", {}, "CompleteMultipartUploadResult"),
        ("CopyObject", {}, "CopyObjectResult"),
        ("UploadPartCopy", {}, "CopyPartResult"),
        ("DeleteObjects", {}, "DeleteResult"),
        ("GetBucketAcl", {}, "AccessControlPolicy"),
        ("GetObjectTagging", {"TagSet": []}, "Tagging"),
        ("GetBucketVersioning", {}, "VersioningConfiguration"),
        ("GetBucketEncryption", {}, "ServerSideEncryptionConfiguration"),
        ("GetObjectLegalHold", {}, "LegalHold"),
        ("GetObjectAttributes", {}, "GetObjectAttributesResponse"),
    ],
)
def test_a_result_has_its_root_and_the_namespace(name: str, output: Members, root: str) -> None:
    status, headers, body = answer(name, output)
    assert (status, headers) == (200, dict([XML]))
    assert ElementTree.fromstring(body).tag == f"{{{NAMESPACE}}}{root}"
    assert body.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')


def test_a_listing_is_written_as_aws_does() -> None:
    page = {
        "Name": "b",
        "Prefix": "",
        "MaxKeys": 1000,
        "IsTruncated": False,
        "Contents": [{"Key": "a", "LastModified": NOON, "ETag": '"e"', "Size": 5}],
        "CommonPrefixes": [{"Prefix": "p/"}],
    }
    assert answer("ListObjects", page)[2].partition("\n")[2] == (
        f'<ListBucketResult xmlns="{NAMESPACE}"><IsTruncated>false</IsTruncated><Name>b</Name>'
        "<Prefix></Prefix><MaxKeys>1000</MaxKeys><Contents><Key>a</Key>"
        "<LastModified>2026-11-22T12:00:05.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
        "<Size>5</Size></Contents><CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"
        "</ListBucketResult>"
    )


@pytest.mark.parametrize("key", ["ctl\x01byte", "line1\nline2", "a\rb", "<script>&", "\x00", "é😀"])
def test_every_key_leaves_the_listing_parseable(key: str) -> None:
    body = answer("ListObjectsV2", {"Contents": [{"Key": key}]})[2]
    found = ElementTree.fromstring(body).findtext(f".//{{{NAMESPACE}}}Key")
    assert found == key.replace("\x01", "\ufffd").replace("\x00", "\ufffd")


@pytest.mark.parametrize(
    ("region", "element"),
    [
        (None, f'<LocationConstraint xmlns="{NAMESPACE}"/>'),
        ("", f'<LocationConstraint xmlns="{NAMESPACE}"/>'),
        ("eu-west-1", f'<LocationConstraint xmlns="{NAMESPACE}">eu-west-1</LocationConstraint>'),
    ],
)
def test_a_location_is_bare_text(region: str | None, element: str) -> None:
    assert answer("GetBucketLocation", {"LocationConstraint": region})[2].endswith(f"\n{element}")


@pytest.mark.parametrize(
    ("name", "output", "status"),
    [
        ("PutObject", {"ETag": '"e"'}, 200),
        ("CreateBucket", {"Location": "/b"}, 200),
        ("DeleteObject", {"DeleteMarker": True}, 204),
        ("DeleteBucket", {}, 204),
        ("PutBucketPolicy", {}, 204),
        ("PutBucketTagging", {}, 204),
        ("AbortMultipartUpload", {}, 204),
        ("HeadBucket", {"BucketRegion": "r"}, 200),
        ("GetObject", {"ETag": '"e"', "Body": b"not ours"}, 200),
        ("SelectObjectContent", {}, 200),
    ],
)
def test_what_has_no_document_has_no_body(name: str, output: Members, status: int) -> None:
    found, headers, body = answer(name, output)
    assert (found, body) == (status, "")
    assert "Content-Type" not in headers


def test_a_policy_is_the_body() -> None:
    assert answer("GetBucketPolicy", {"Policy": '{"é": 1}'}) == (200, {}, '{"é": 1}')
    assert answer("GetBucketPolicy", {}) == (200, {}, "")


def test_headers_of_an_object() -> None:
    output = {
        "AcceptRanges": "bytes",
        "LastModified": NOON,
        "ContentLength": 5,
        "ETag": '"e"',
        "ContentType": "text/plain",
        "ContentLanguage": None,
        "DeleteMarker": False,
        "Metadata": {"a": "1", "b-c": "two  words"},
        "ObjectLockRetainUntilDate": NOON,
        "TagCount": 2,
        "Expires": "never",
    }
    assert answer("HeadObject", output) == (
        200,
        {
            "accept-ranges": "bytes",
            "Last-Modified": "Sun, 22 Nov 2026 12:00:05 GMT",
            "Content-Length": "5",
            "ETag": '"e"',
            "Content-Type": "text/plain",
            "x-amz-delete-marker": "false",
            "x-amz-meta-a": "1",
            "x-amz-meta-b-c": "two  words",
            "x-amz-object-lock-retain-until-date": "2026-11-22T12:00:05.000Z",
            "x-amz-tagging-count": "2",
            "Expires": "never",
        },
        "",
    )


@pytest.mark.parametrize(
    ("output", "expires"),
    [
        ({"Expires": NOON}, "Sun, 22 Nov 2026 12:00:05 GMT"),
        ({"Expires": NOON, "ExpiresString": "tomorrow"}, "tomorrow"),
        ({"ExpiresString": "0"}, "0"),
        ({"Expires": "a\r\nb"}, "a  b"),
    ],
)
def test_expires_is_sent_as_it_was_written(output: Members, expires: str) -> None:
    assert answer("GetObject", output)[1] == {"Expires": expires}


@pytest.mark.parametrize("bad", ["a\r\nX-Injected: 1", "a\x00b", "a\x7fb", "a\ud800b"])
def test_no_value_ends_its_header(bad: str) -> None:
    value = answer("GetObject", {"ContentDisposition": bad})[1]["Content-Disposition"]
    assert value.isprintable()
    assert value.startswith("a ")


def test_headers_beyond_ascii_are_utf8_text() -> None:
    output = {"ContentDisposition": 'attachment; filename="é\xa0.txt"'}
    assert answer("GetObject", output)[1]["Content-Disposition"] == output["ContentDisposition"]


@pytest.mark.parametrize("value", ["grüße", "日本", "a\r\nb", "\ttab"])
def test_metadata_beyond_ascii_is_an_encoded_word(value: str) -> None:
    [(name, word)] = metadata_headers({"a": value})
    [(decoded, charset)] = decode_header(word)
    assert (name, decoded.decode(charset or "")) == ("x-amz-meta-a", value)


def test_metadata_without_a_possible_name_is_counted() -> None:
    assert metadata_headers({"a": "1", "b c": "2", "d\r\n": "3", "é": "4"}) == [
        ("x-amz-meta-a", "1"),
        ("x-amz-missing-meta", "3"),
    ]


def test_any_mapping_is_an_output() -> None:
    output: Any = UserDict({"ETag": '"e"', "ExpiresString": "0", "Expires": NOON})
    assert answer("GetObject", output)[1] == {"ETag": '"e"', "Expires": "0"}


# ---------------------------------------------------------------- errors


def test_an_error_document_has_the_elements_of_aws_and_no_namespace() -> None:
    error = S3Error("NoSuchKey", "no <k>", Key="k&")
    status, headers, body = serialize_error(error, "/b/k", "ID")
    assert (status, headers) == (404, [XML])
    assert body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>no &lt;k&gt;</Message><Key>k&amp;</Key><Resource>/b/k</Resource>"
        f"<RequestId>ID</RequestId><HostId>{HOST_ID}</HostId></Error>"
    )


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (S3Error("InvalidRange", ActualObjectSize=5), {"Content-Range": "bytes */5"}),
        (S3Error("InvalidRange"), {}),
        (S3Error("SlowDown"), {"Retry-After": "1"}),
        (S3Error("SlowDown", RetryAfter=30), {"Retry-After": "30"}),
        (S3Error("NoSuchKey", DeleteMarker="true", VersionId="v"),
         {"x-amz-delete-marker": "true", "x-amz-version-id": "v"}),
        (S3Error("NoSuchVersion", VersionId="v"), {}),
        (S3Error("MethodNotAllowed", Allow="DELETE"), {"Allow": "DELETE"}),
        (S3Error("PreconditionFailed", Condition="If-Match"), {}),
        (S3Error("NoSuchBucket", BucketRegion="a\r\nb"), {"x-amz-bucket-region": "a  b"}),
    ],
)  # fmt: skip
def test_what_an_error_says_in_headers(error: S3Error, headers: dict[str, str]) -> None:
    found = serialize_error(error, "/b/k", "ID")
    assert dict(found[1]) == {**headers, "Content-Type": "application/xml"}
    root = ElementTree.fromstring(found[2])
    assert [e.tag for e in root if e.tag in ("DeleteMarker", "Allow", "RetryAfter")] == []


def test_not_modified_has_no_document() -> None:
    error = S3Error("NotModified", ETag='"e"', LastModified="Sun, 22 Nov 2026 12:00:05 GMT")
    assert serialize_error(error, "/b/k", "ID") == (
        304,
        [("ETag", '"e"'), ("Last-Modified", "Sun, 22 Nov 2026 12:00:05 GMT")],
        b"",
    )


def test_a_hostile_resource_leaves_the_document_parseable() -> None:
    _, _, body = serialize_error(S3Error("InvalidURI", URI="\ud800\x01"), "/<&\x00\ud800", "ID")
    assert ElementTree.fromstring(body).findtext("Resource") == "/<&\ufffd\ufffd"
