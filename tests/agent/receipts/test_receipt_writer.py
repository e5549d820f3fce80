"""Receipts of uploads to a real store: signed, chained, and only of what agrees."""

import hashlib

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.receipts.receipt_file import Due, Upload
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.verification import Verdict
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.shared.receipts import check_receipts
from tests.agent.receipts.test_verification import Fails


@pytest.fixture
def folder(tmp_path):
    folder = ReceiptFolder(tmp_path / "receipts", tmp_path / "state", "camera")
    yield folder
    folder.close()


@pytest.fixture
def writer(folder, remote) -> ReceiptWriter:
    return ReceiptWriter(folder, remote=remote, remote_id="remote-1")


async def uploaded(remote: S3Client, key: str, body: bytes = b"12345") -> Upload:
    if not await remote.buckets():
        await remote.create_bucket("bucket")
    info = await remote.put("bucket", key, BytesBody(body))
    return Upload("bucket", key, info.etag, len(body), hashlib.md5(body).hexdigest(), at=1.0)


async def test_uploads_that_agree_get_signed_receipts(writer, folder, remote):
    uploads = [await uploaded(remote, key) for key in "abc"]
    for each in uploads:
        await writer.note_upload(each)
    verdicts = await writer.verify_uploads(uploads)
    assert set(verdicts.values()) == {Verdict.AGREES}
    assert folder.file.count_without_receipt() == 0
    public = folder.key.public
    found = list(folder.file.receipts())
    assert (
        list(check_receipts(found, lambda one: public.is_signed(one.payload, one.signature))) == []
    )
    receipts = [one.receipt() for one in found]
    assert sorted(each.key for each in receipts) == ["a", "b", "c"]
    assert {(each.device, each.remote, each.operation) for each in receipts} == {
        ("camera", "remote-1", "HeadObject")
    }
    assert (await writer.find("bucket", "a", uploads[0].etag)).size == 5


async def test_what_may_be_evicted_is_stored_with_the_receipt(writer, folder, remote):
    upload = await uploaded(remote, "a")
    await writer.verify_uploads([upload], lambda one, at: Due(*one[:3], at + 7.0, one.at))
    (due,) = folder.file.due(1e12, 9)
    assert due.at == (await writer.find("bucket", "a", upload.etag)).verified + 7.0


async def test_an_upload_that_differs_or_was_replaced_gets_none_and_is_not_asked_again(
    writer, folder, remote
):
    differs = (await uploaded(remote, "a"))._replace(size=6)
    replaced = (await uploaded(remote, "b"))._replace(etag='"older"')
    for each in (differs, replaced):
        await writer.note_upload(each)
    verdicts = await writer.verify_uploads([differs, replaced])
    assert verdicts == {differs: Verdict.DIFFERS, replaced: Verdict.REPLACED}
    assert (folder.file.count(), folder.file.count_without_receipt()) == (0, 0)
    assert writer.verdicts[Verdict.DIFFERS] == 1


async def test_a_remote_that_is_away_leaves_the_receipt_owed(folder, remote):
    upload = await uploaded(remote, "a")
    front = Fails(remote.target, HeadObject=S3Error("ServiceUnavailable", "it is away"))
    writer = ReceiptWriter(folder, remote=S3Client(front), remote_id="r")
    await writer.note_upload(upload)
    assert await writer.verify_uploads([upload]) == {}
    assert folder.file.count_without_receipt() == 1
    assert "it is away" in writer.error


async def test_a_key_that_may_not_read_gets_no_receipts(folder, remote):
    upload = await uploaded(remote, "a")
    denied = S3Error("AccessDenied")
    front = Fails(remote.target, HeadObject=denied, GetObjectAttributes=denied)
    writer = ReceiptWriter(folder, remote=S3Client(front), remote_id="r")
    assert await writer.verify_uploads([upload]) == {upload: Verdict.UNVERIFIABLE}
    assert "AccessDenied" in writer.error
