"""Which answers of the remote prove an upload: tables, and the real answers of a store."""

import hashlib

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.receipts.receipt_file import Upload
from s3d.agent.receipts.verification import Verdict, compare_attributes, compare_head, verify
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody

BODY = b"12345"
MD5 = hashlib.md5(BODY).hexdigest()
PLAIN = Upload("b", "k", f'"{MD5}"', 5, MD5)
OPAQUE = Upload("b", "k", '"opaque"', 5, MD5, "CRC32C", "abc=")
COMPOSITE = OPAQUE._replace(checksum="abc=-2")

HEADS = [
    (PLAIN, {"ETag": f'"{MD5}"', "ContentLength": 5}, Verdict.AGREES),
    (PLAIN, {"ETag": f'"{MD5}"', "ContentLength": 6}, Verdict.DIFFERS),
    (PLAIN, {"ETag": f'"{MD5}"'}, Verdict.DIFFERS),
    (PLAIN, {"ETag": '"other"', "ContentLength": 5}, Verdict.REPLACED),
    (PLAIN, {}, Verdict.REPLACED),
    (OPAQUE, {"ETag": '"opaque"', "ContentLength": 5}, Verdict.UNVERIFIABLE),
    (OPAQUE, {"ETag": '"opaque"', "ContentLength": 5, "ChecksumCRC32C": "abc="}, Verdict.AGREES),
    (OPAQUE, {"ETag": '"opaque"', "ContentLength": 5, "ChecksumCRC32C": "abd="}, Verdict.DIFFERS),
    (OPAQUE, {"ETag": '"opaque"', "ContentLength": 5, "ChecksumSHA1": "abc="},
     Verdict.UNVERIFIABLE),
    (OPAQUE, {"ETag": '"opaque"', "ContentLength": 5, "ChecksumCRC32C": "abc=",
              "ChecksumType": "COMPOSITE"}, Verdict.UNVERIFIABLE),
    (COMPOSITE, {"ETag": '"opaque"', "ContentLength": 5, "ChecksumCRC32C": "abc=-2",
                 "ChecksumType": "COMPOSITE"}, Verdict.AGREES),
]  # fmt: skip


@pytest.mark.parametrize(("upload", "head", "verdict"), HEADS)
def test_head_object(upload, head, verdict):
    assert compare_head(upload, head).verdict is verdict


def test_the_attributes_have_other_names_and_a_composite_checksum_without_its_number():
    answer = {"ETag": "opaque", "ObjectSize": 5, "VersionId": "v",
              "Checksum": {"ChecksumCRC32C": "abc=", "ChecksumType": "COMPOSITE"}}  # fmt: skip
    found = compare_attributes(COMPOSITE, answer)
    assert found == (Verdict.AGREES, "CRC32C", "abc=-2", "GetObjectAttributes", "v")
    assert compare_attributes(COMPOSITE, {**answer, "ObjectSize": 4}).verdict is Verdict.DIFFERS
    assert compare_attributes(COMPOSITE, {**answer, "ETag": "x"}).verdict is Verdict.REPLACED


@pytest.fixture
async def stored(remote) -> S3Client:
    await remote.create_bucket("bucket")
    await remote.put("bucket", "k", BytesBody(BODY))
    return remote


async def test_a_real_store_confirms_an_upload_and_knows_a_replaced_one(stored):
    mine = PLAIN._replace(bucket="bucket")
    found = await verify(stored, mine)
    assert (found.verdict, found.algorithm, found.checksum) == (Verdict.AGREES, "MD5", MD5)
    await stored.put("bucket", "k", BytesBody(b"other"))
    assert (await verify(stored, mine)).verdict is Verdict.REPLACED
    await stored.delete("bucket", "k")
    assert (await verify(stored, mine)).verdict is Verdict.REPLACED


class Fails:
    """In front of a store: these operations raise."""

    def __init__(self, inner, **errors: S3Error) -> None:
        self._inner, self._errors = inner, errors
        self.seen: list[str] = []

    async def call(self, request):
        self.seen.append(request.op.name)
        if request.op.name in self._errors:
            raise self._errors[request.op.name]
        return await self._inner.call(request)


async def test_the_attributes_serve_where_head_object_is_denied(stored):
    mine = PLAIN._replace(bucket="bucket")
    front = Fails(stored.target, HeadObject=S3Error("AccessDenied"))
    found = await verify(S3Client(front), mine)
    assert (found.verdict, found.operation) == (Verdict.AGREES, "GetObjectAttributes")
    front = Fails(
        stored.target,
        HeadObject=S3Error("AccessDenied"), GetObjectAttributes=S3Error("AccessDenied"),
    )  # fmt: skip
    with pytest.raises(S3Error, match="AccessDenied"):
        await verify(S3Client(front), mine)


@pytest.mark.parametrize("operation", ["HeadObject", "GetObjectAttributes"])
async def test_a_remote_that_fails_gives_no_verdict(stored, operation):
    opaque = PLAIN._replace(bucket="bucket", content_etag="other")
    front = Fails(stored.target, **{operation: S3Error("InternalError")})
    with pytest.raises(S3Error, match="InternalError"):
        await verify(S3Client(front), opaque)


async def test_a_remote_without_the_operation_leaves_an_upload_unverifiable(stored):
    opaque = PLAIN._replace(bucket="bucket", content_etag="other")
    front = Fails(stored.target, GetObjectAttributes=S3Error("NotImplemented"))
    assert (await verify(S3Client(front), opaque)).verdict is Verdict.UNVERIFIABLE
    assert front.seen == ["HeadObject", "GetObjectAttributes"]
