"""Answers that few programs ever see, as AWS gives them: most of them were measured by others.

A test names the page, or the measurement, that decides.
"""

from __future__ import annotations

import http.client
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)
PART = 5 << 20


@pytest.fixture(scope="module")
def s3(agent: AgentProcess) -> Any:
    """boto3 without checksums of its own."""
    return agent.s3(request_checksum_calculation="when_required")


class Answer:
    """A response, and what its error document says."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        is_error = status >= 400 and body
        root = ElementTree.fromstring(body) if is_error else ()
        self.error = {element.tag: element.text for element in root}


class Wire:
    """Requests as they are written: with any query, and without a client's own checks."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        is_signed: bool = True,
        **headers: str,
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, self._agent.endpoint + path, given, body)
        if is_signed:
            S3SigV4Auth(Credentials(*self._agent.key), "s3", "us-east-1").add_auth(request)
        sent = request.prepare()
        connection = http.client.HTTPConnection(urlsplit(self._agent.endpoint).netloc)
        try:
            connection.request(method, path, sent.body, dict(sent.headers))
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def wire(agent: AgentProcess) -> Wire:
    return Wire(agent)


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


# ---------------------------------------------------------------- numbers


@pytest.mark.finding("RARE-NUMBERS")
@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        ("max-keys=-1", "maxKeys", "Argument maxKeys must be an integer between 0 and 2147483647"),
        ("max-keys=x", "max-keys", "Provided max-keys not an integer or within integer range"),
        ("max-keys=2147483648", "max-keys", "Provided max-keys not an integer or within integer"),
        ("list-type=2&max-keys=-1", "maxKeys", "Argument maxKeys must be"),
        ("max-uploads=-1&uploads=", "max-uploads", "Argument max-uploads must be an integer"),
    ],
)
def test_the_error_of_a_number_says_what_it_has_to_be(wire, bucket, query, name, message):
    answer = wire("GET", f"/{bucket}?{query}")
    assert (answer.status, answer.error["Code"]) == (400, "InvalidArgument")
    assert answer.error["ArgumentName"] == name
    assert answer.error["Message"].startswith(message)


@pytest.mark.finding("RARE-NUMBERS")
def test_the_numbers_of_parts_have_errors_of_their_own(s3, wire, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    answer = wire("PUT", f"/{bucket}/k?partNumber=10001&uploadId={upload}")
    assert (
        answer.error["Message"] == "Part number must be an integer between 1 and 10000, inclusive"
    )
    answer = wire("GET", f"/{bucket}/k?part-number-marker=-1&uploadId={upload}")
    assert answer.error["ArgumentName"] == "partNumberMarker"
    answer = wire("GET", f"/{bucket}/k?max-parts=-1&uploadId={upload}")
    assert answer.error["Message"].startswith("Argument max-parts must be an integer")
    answer = wire("GET", f"/{bucket}/k?versionId=")
    assert answer.error["Message"] == "Version id cannot be the empty string"


# ---------------------------------------------------------------- delete markers


@pytest.mark.finding("RARE-MARKER")
def test_a_delete_marker_is_changed_by_no_request(s3, wire, bucket):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html"""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    for path in (f"/{bucket}/k?acl=", f"/{bucket}/k?acl=&versionId={marker}"):
        answer = wire("PUT", path, x_amz_acl="private")
        assert (answer.status, answer.error["Code"]) == (405, "MethodNotAllowed")
        assert answer.error["ResourceType"] == "DeleteMarker"
    assert wire("GET", f"/{bucket}/k?acl=").status == 404
    for method in ("GET", "HEAD"):
        answer = wire(method, f"/{bucket}/k?versionId={marker}")
        assert (answer.status, answer.headers["allow"]) == (405, "DELETE")
        assert answer.headers["x-amz-delete-marker"] == "true"
        assert answer.headers["last-modified"].endswith("GMT")


# ---------------------------------------------------------------- object lock


@pytest.fixture(scope="module")
def locked(s3) -> str:
    s3.create_bucket(Bucket="rare-locked", ObjectLockEnabledForBucket=True)
    return "rare-locked"


LOCKS = [
    {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": UNTIL},
    {"ObjectLockLegalHoldStatus": "ON"},
]


@pytest.mark.finding("RARE-LOCK")
@pytest.mark.parametrize("lock", LOCKS, ids=["retention", "hold"])
def test_a_locked_object_comes_with_a_digest(s3, locked, lock):
    """What nobody can replace must be right.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
    """
    place = {"Bucket": locked, "Key": "k"}
    with pytest.raises(ClientError, match="for Put Object requests with Object Lock") as refused:
        s3.put_object(Body=b"x", **place, **lock)
    assert code(refused) == (400, "InvalidRequest")
    s3.put_object(Body=b"x", ContentMD5="ndTkYSaMgDT1yFZOFVxnpg==", **place, **lock)
    s3.put_object(Body=b"x", ChecksumAlgorithm="SHA256", **place, **lock)
    upload = place | {"UploadId": s3.create_multipart_upload(**place, **lock)["UploadId"]}
    with pytest.raises(ClientError, match="for Put Part requests with Object Lock"):
        s3.upload_part(PartNumber=1, Body=b"x", **upload)
    s3.upload_part(PartNumber=1, Body=b"x", ContentMD5="ndTkYSaMgDT1yFZOFVxnpg==", **upload)


@pytest.mark.finding("RARE-LOCK")
def test_so_does_one_that_the_bucket_locks(s3, agent):
    s3.create_bucket(Bucket="rare-retained", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="rare-retained", Key="k", Body=b"x")
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket="rare-retained",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    with pytest.raises(ClientError, match="Content-MD5 OR x-amz-checksum-"):
        s3.put_object(Bucket="rare-retained", Key="k", Body=b"x")
    agent.s3().put_object(Bucket="rare-retained", Key="k", Body=b"x")  # with boto3's own CRC32
    assert "ObjectLockMode" in s3.head_object(Bucket="rare-retained", Key="k")


# ---------------------------------------------------------------- checksums of parts


def make(s3, bucket, *bodies: bytes, **members: str) -> list[dict[str, Any]]:
    """Upload the object "parts"; its parts with their checksums."""
    place = {"Bucket": bucket, "Key": "parts"}
    upload = place | {"UploadId": s3.create_multipart_upload(**place, **members)["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        sent = s3.upload_part(
            PartNumber=number, Body=body, ChecksumAlgorithm=members["ChecksumAlgorithm"], **upload
        )
        shown = {k: v for k, v in sent.items() if k == "ETag" or k.startswith("Checksum")}
        parts.append({"PartNumber": number, **shown})
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    return parts


@pytest.mark.finding("RARE-PART-CHECKSUM")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_a_part_is_read_with_its_own_checksum(s3, bucket, kind, count):
    """As AWS was measured: https://github.com/localstack/localstack/pull/12842"""
    bodies = [b"a" * PART, b"end"][-count:]
    parts = make(s3, bucket, *bodies, ChecksumAlgorithm="CRC32", ChecksumType=kind)
    for number, body in enumerate(bodies, 1):
        place = {"Bucket": bucket, "Key": "parts", "PartNumber": number}
        got = s3.get_object(ChecksumMode="ENABLED", **place)
        assert got["Body"].read() == body
        head = s3.head_object(ChecksumMode="ENABLED", **place)
        is_shown = kind == "COMPOSITE" or count == 1
        expected = parts[number - 1]["ChecksumCRC32"] if is_shown else None
        assert got.get("ChecksumCRC32") == head.get("ChecksumCRC32") == expected
        assert "ChecksumCRC32" not in s3.head_object(**place)


# ---------------------------------------------------------------- web pages and forms


@pytest.mark.finding("RARE-CORS")
def test_a_preflight_says_what_is_missing(wire, bucket):
    """Buckets without rules: the method is not looked at, and the resource is a bucket."""
    origin = {"Origin": "https://page.example"}
    for path, message in (
        (f"/{bucket}/k", "CORSResponse: CORS is not enabled for this bucket."),
        (f"/{bucket}-none/k", "CORSResponse: Bucket not found"),
    ):
        for headers, method in (
            ({"Access-Control-Request-Method": "PUT"}, "PUT"),
            ({}, "OPTIONS"),
        ):
            answer = wire("OPTIONS", path, is_signed=False, **origin, **headers)
            assert (answer.status, answer.error["Code"]) == (403, "AccessForbidden")
            assert answer.error["Message"] == message
            assert answer.error["Method"] == method
            assert answer.error["ResourceType"] == "BUCKET"


@pytest.mark.finding("RARE-FORM")
def test_a_form_without_a_key_is_no_matter_of_its_policy(s3, wire, bucket):
    fields = s3.generate_presigned_post(bucket, "in/${filename}")["fields"]
    del fields["key"]
    parts = [f'Content-Disposition: form-data; name="{k}"\r\n\r\n{v}' for k, v in fields.items()]
    parts.append('Content-Disposition: form-data; name="file"; filename="f"\r\n\r\ndata')
    body = "".join(f"--X\r\n{part}\r\n" for part in parts) + "--X--\r\n"
    kind = "multipart/form-data; boundary=X"
    answer = wire("POST", f"/{bucket}", body.encode(), is_signed=False, Content_Type=kind)
    assert (answer.status, answer.error["Code"]) == (400, "InvalidArgument")
    assert answer.error["ArgumentName"] == "key"


# ---------------------------------------------------------------- reads and writes


@pytest.mark.finding("RARE-IF-RANGE")
def test_a_download_that_continues_gets_no_bytes_of_another_object(s3, wire, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    same = wire("GET", f"/{bucket}/k", Range="bytes=5-", If_Range=etag)
    assert (same.status, same.headers["content-range"]) == (206, "bytes 5-9/10")
    s3.put_object(Bucket=bucket, Key="k", Body=b"abcdefghij")
    other = wire("GET", f"/{bucket}/k", Range="bytes=5-", If_Range=etag)
    assert (other.status, other.headers["content-length"]) == (200, "10")
    assert "content-range" not in other.headers


@pytest.mark.finding("RARE-MD5")
def test_a_wrong_md5_is_shown_beside_the_right_one(wire, bucket):
    wrong = "AAAAAAAAAAAAAAAAAAAAAA=="
    answer = wire("PUT", f"/{bucket}/k", b"x", Content_MD5=wrong)
    assert (answer.status, answer.error["Code"]) == (400, "BadDigest")
    assert answer.error["ExpectedDigest"] == wrong
    assert answer.error["CalculatedDigest"] == "ndTkYSaMgDT1yFZOFVxnpg=="


@pytest.mark.finding("RARE-BUCKET")
def test_the_head_of_a_bucket_says_that_it_is_no_access_point(wire, bucket):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html"""
    assert wire("HEAD", f"/{bucket}").headers["x-amz-access-point-alias"] == "false"
    answer = wire("GET", "/?max-buckets=0")
    assert answer.error["Message"] == "Argument max-buckets must be an integer between 1 and 10000"
