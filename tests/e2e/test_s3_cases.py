"""Cases of a public S3 suite that s3d once answered differently, with the answers of AWS.

A test names the page that decides where that is not the reference page of the operation itself.
docs/s3-compatibility.md lists where such suites and AWS differ.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

PART = 5 << 20
BODIES = (b"a" * PART, b"b" * PART, b"the end")


def code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = refused.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def b64(number: int, size: int) -> str:
    return base64.b64encode(number.to_bytes(size, "big")).decode()


# ---------------------------------------------------------------- checksums


def upload(s3: Any, bucket: str, algorithm: str, kind: str) -> tuple[dict[str, Any], list[Any]]:
    """An upload of three parts: what names it, and its parts with their checksums."""
    created = s3.create_multipart_upload(
        Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind
    )
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    member, parts = f"Checksum{algorithm}", []
    for number, body in enumerate(BODIES, 1):
        sent = s3.upload_part(PartNumber=number, Body=body, ChecksumAlgorithm=algorithm, **at)
        parts.append({"PartNumber": number, "ETag": sent["ETag"], member: sent[member]})
    return at, parts


KINDS = [
    ("CRC32", "FULL_OBJECT"),
    ("CRC32C", "FULL_OBJECT"),
    ("CRC64NVME", "FULL_OBJECT"),
    ("CRC32", "COMPOSITE"),
    ("SHA1", "COMPOSITE"),
    ("SHA256", "COMPOSITE"),
]


@pytest.mark.parametrize(("algorithm", "kind"), KINDS)
def test_complete_is_checked_by_the_checksum_of_the_object(
    s3: Any, bucket: str, algorithm: str, kind: str
) -> None:
    """The x-amz-checksum-* header of Complete is about the object, not about the document."""
    at, parts = upload(s3, bucket, algorithm, kind)
    member = f"Checksum{algorithm}"
    complete = {"MultipartUpload": {"Parts": parts}, "ChecksumType": kind, **at}
    wrong = parts[0][member] + ("-3" if kind == "COMPOSITE" else "")
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(**{member: wrong}, **complete)
    assert code(refused) == (400, "BadDigest")
    if kind == "COMPOSITE":
        digests = b"".join(base64.b64decode(part[member]) for part in parts)
        s3.put_object(Bucket=bucket, Key="digests", Body=digests, ChecksumAlgorithm=algorithm)
        whole = s3.head_object(Bucket=bucket, Key="digests", ChecksumMode="ENABLED")
        right = f"{whole[member]}-3"
    else:
        put = s3.put_object(
            Bucket=bucket, Key="whole", Body=b"".join(BODIES), ChecksumAlgorithm=algorithm
        )
        right = put[member]
    size = sum(map(len, BODIES))
    done = s3.complete_multipart_upload(**{member: right}, MpuObjectSize=size, **complete)
    assert (done[member], done["ChecksumType"]) == (right, kind)
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got[member], got["ChecksumType"]) == (right, kind)
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"]
    )
    assert attributes["Checksum"] == {member: right, "ChecksumType": kind}
    assert [part[member] for part in attributes["ObjectParts"]["Parts"]] == [
        part[member] for part in parts
    ]


def test_another_size_than_the_objects_is_refused(s3: Any, bucket: str) -> None:
    at, parts = upload(s3, bucket, "CRC32", "FULL_OBJECT")
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, MpuObjectSize=1, **at)
    assert code(refused) == (400, "InvalidRequest")


def test_a_composite_checksum_needs_that_of_each_part(s3: Any, bucket: str) -> None:
    at, parts = upload(s3, bucket, "SHA256", "COMPOSITE")
    del parts[1]["ChecksumSHA256"]
    with pytest.raises(ClientError, match="missing for part 2") as refused:
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    assert code(refused) == (400, "InvalidRequest")


def test_a_part_of_another_algorithm_is_refused(s3: Any, bucket: str) -> None:
    created = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    with pytest.raises(ClientError, match="Checksum Type mismatch") as refused:
        s3.upload_part(PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32", **at)
    assert code(refused) == (400, "InvalidRequest")


def test_a_part_that_is_sent_again_replaces_checksum_and_etag(s3: Any, bucket: str) -> None:
    at, parts = upload(s3, bucket, "SHA256", "COMPOSITE")
    body = b"another end"
    sent = s3.upload_part(PartNumber=3, Body=body, ChecksumAlgorithm="SHA256", **at)
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    assert code(refused) == (400, "InvalidPart")
    parts[2] |= {"ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]}
    digests = b"".join(base64.b64decode(part["ChecksumSHA256"]) for part in parts)
    right = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-3"
    done = s3.complete_multipart_upload(
        MultipartUpload={"Parts": parts}, ChecksumSHA256=right, **at
    )
    assert done["ChecksumSHA256"] == right
    md5s = b"".join(hashlib.md5(each).digest() for each in (*BODIES[:2], body))
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_wrong_checksum_of_an_object(s3: Any, bucket: str, algorithm: str) -> None:
    size = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}[algorithm]
    member = f"Checksum{algorithm}"
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **{member: b64(1, size)})
    assert code(refused) == (400, "BadDigest")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **{member: "bad"})
    assert code(refused) == (400, "InvalidRequest")


def test_a_complete_of_an_upload_without_algorithm_is_checked_by_its_parts(
    s3: Any, bucket: str
) -> None:
    created = s3.create_multipart_upload(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    sent = s3.upload_part(PartNumber=1, Body=b"x", ChecksumAlgorithm="CRC32", **at)
    complete = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}, **at}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(ChecksumCRC32=b64(1, 4), **complete)
    assert code(refused) == (400, "BadDigest")
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(ChecksumCRC64NVME=b64(1, 8), **complete)
    assert code(refused) == (400, "InvalidRequest")
    done = s3.complete_multipart_upload(ChecksumCRC32=b64(zlib.crc32(b"x"), 4), **complete)
    assert done["ChecksumCRC32"] == b64(zlib.crc32(b"x"), 4)


# ---------------------------------------------------------------- multipart, attributes


def test_of_a_part_that_is_listed_twice_the_last_one_counts(s3: Any, bucket: str) -> None:
    created = s3.create_multipart_upload(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    first = s3.upload_part(PartNumber=1, Body=b"B", **at)
    last = s3.upload_part(PartNumber=1, Body=b"A", **at)
    parts = [{"PartNumber": 1, "ETag": sent["ETag"]} for sent in (first, last)]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"A"


@pytest.mark.parametrize("bodies", [BODIES, BODIES[:1]])
def test_the_parts_of_an_object_without_checksums(s3: Any, bucket: str, bodies: Any) -> None:
    created = s3.create_multipart_upload(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        sent = s3.upload_part(PartNumber=number, Body=body, **at)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **at)
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert found["ETag"] == done["ETag"].strip('"')
    assert found["ObjectSize"] == sum(map(len, bodies))
    listed = found["ObjectParts"]
    assert (listed["TotalPartsCount"], listed["IsTruncated"]) == (len(bodies), False)
    assert [(one["PartNumber"], one["Size"]) for one in listed["Parts"]] == [
        (number, len(body)) for number, body in enumerate(bodies, 1)
    ]
    found = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=0
    )
    page = found["ObjectParts"]
    assert (page["MaxParts"], page["IsTruncated"]) == (1, len(bodies) > 1)
    assert page["NextPartNumberMarker"] == 1


def test_a_part_number_beyond_the_parts_is_416(s3: Any, bucket: str) -> None:
    """AWS's InvalidPartNumber; suites that ask for 400 InvalidPart are wrong about AWS."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert got["Body"].read() == b"data"
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert code(refused) == (416, "InvalidPartNumber")


# ---------------------------------------------------------------- conditional writes


@pytest.mark.parametrize(
    "condition",
    [{"IfMatch": "*"}, {"IfNoneMatch": '"etag"'}, {"IfMatch": '"etag"', "IfNoneMatch": "*"}],
)
@pytest.mark.parametrize("exists", [True, False])
def test_conditions_that_aws_does_not_take_on_a_write(
    s3: Any, bucket: str, condition: dict[str, str], exists: bool
) -> None:
    """If-Match takes an ETag and If-None-Match takes `*` (the reference page of PutObject).

    https://github.com/aws/aws-sdk-ruby/issues/3144 shows AWS's 501; suites that ask for 404 or 412
    are those of servers that take more.
    """
    if exists:
        s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="k", Body=b"new", **condition)
    assert code(refused) == (501, "NotImplemented")
    created = s3.create_multipart_upload(Bucket=bucket, Key="k")
    at = {"Bucket": bucket, "Key": "k", "UploadId": created["UploadId"]}
    sent = s3.upload_part(PartNumber=1, Body=b"x", **at)
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    with pytest.raises(ClientError) as refused:
        s3.complete_multipart_upload(MultipartUpload=parts, **condition, **at)
    assert code(refused) == (501, "NotImplemented")


# ---------------------------------------------------------------- listings


def test_an_empty_continuation_token_is_the_first_page(s3: Any, bucket: str) -> None:
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key)
    page = s3.list_objects_v2(Bucket=bucket, ContinuationToken="")
    assert page["ContinuationToken"] == ""
    assert [row["Key"] for row in page["Contents"]] == ["a", "b", "c"]
    assert not page["IsTruncated"]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_names_in_a_url_encoded_listing(s3: Any, bucket: str, operation: str) -> None:
    for key in ("foo+1/bar", "foo/bar/xyzzy", "quux ab/thud", "asdf+b"):
        s3.put_object(Bucket=bucket, Key=key)
    page = getattr(s3, operation)(Bucket=bucket, Delimiter="/", EncodingType="url")
    assert page["Delimiter"] == "/"
    assert [row["Key"] for row in page["Contents"]] == ["asdf%2Bb"]
    prefixes = [one["Prefix"] for one in page["CommonPrefixes"]]
    assert prefixes == ["foo%2B1/", "foo/", "quux%20ab/"]


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_a_prefix_of_a_control_character(s3: Any, bucket: str, operation: str) -> None:
    s3.put_object(Bucket=bucket, Key="foo/bar")
    page = getattr(s3, operation)(Bucket=bucket, Prefix="\n")
    assert page["Prefix"] == "\n"
    assert "Contents" not in page


# ---------------------------------------------------------------- objects, versions, tags


def test_no_object_has_a_torrent(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    for key in ("k", "none"):
        with pytest.raises(ClientError) as refused:
            s3.get_object_torrent(Bucket=bucket, Key=key)
        assert code(refused) == (404, "NoSuchKey")


@pytest.mark.parametrize("status", ["Suspended", "Enabled", None])
def test_the_version_id_of_a_write(s3: Any, bucket: str, status: str | None) -> None:
    """Only where versioning is enabled."""
    if status:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    created = s3.create_multipart_upload(Bucket=bucket, Key="m")
    at = {"Bucket": bucket, "Key": "m", "UploadId": created["UploadId"]}
    sent = s3.upload_part(PartNumber=1, Body=b"x", **at)
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    done = s3.complete_multipart_upload(MultipartUpload=parts, **at)
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    for answer in (put, done, copied):
        assert ("VersionId" in answer) == (status == "Enabled")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    known = {row["Key"]: row["VersionId"] for row in versions}
    if status == "Enabled":
        assert known == {k: a["VersionId"] for k, a in zip("kmc", (put, done, copied), strict=True)}
    else:
        assert set(known.values()) == {"null"}


def test_a_delete_without_versions_makes_no_marker(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    for _ in range(2):
        deleted = s3.delete_object(Bucket=bucket, Key="k")
        assert deleted["DeleteMarker"] is False
        assert deleted["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "false"


def test_too_many_tags(s3: Any, bucket: str) -> None:
    tags = [{"Key": str(number), "Value": ""} for number in range(11)]
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    with pytest.raises(ClientError) as refused:
        s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert code(refused) == (400, "InvalidTag")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=bucket, Key="n", Tagging="&".join(f"{n}=" for n in range(11)))
    assert code(refused) == (400, "InvalidTag")


def test_metadata_beyond_ascii_is_an_encoded_word(s3: Any, bucket: str) -> None:
    """As AWS documents it: "S3 returns the metadata encoded as RFC 2047".

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
    """

    def add(request: Any, **_: Any) -> None:
        request.headers["x-amz-meta-word"] = "Hello World\xe9"

    s3.meta.events.register("before-sign.s3.PutObject", add)
    try:
        s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", add)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Metadata"]["word"] == "=?UTF-8?B?SGVsbG8gV29ybGTDqQ==?="


def test_an_empty_content_md5_is_no_digest(s3: Any, bucket: str) -> None:
    def add(request: Any, **_: Any) -> None:
        request.headers["Content-MD5"] = ""

    s3.meta.events.register("before-sign.s3.PutObject", add)
    try:
        with pytest.raises(ClientError) as refused:
            s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", add)
    assert code(refused) == (400, "InvalidDigest")
