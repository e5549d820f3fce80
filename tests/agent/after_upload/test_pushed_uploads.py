"""What is noted of a pushed write, for its receipt."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from s3d.agent.after_upload.pushed_uploads import COMPUTED, PushedUploads, open_uploads
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.checksums import hasher
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.records import Checksum, Extent, Layout, ObjectRecord, Stored
from s3d.agent.stores.read_cache.catalog.adopt_pushed import Pushed
from s3d.shared.config.after_upload import AfterUpload
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places

BODY = b"12345"
MD5 = f'"{hashlib.md5(BODY).hexdigest()}"'


STAGED = SimpleNamespace(body_of=lambda layout: BytesBody(BODY), whole=lambda layout: BODY)


def stored(checksum: Checksum | None = None, **layout) -> Stored:
    record = ObjectRecord("k", size=5, etag=MD5, checksum=checksum)
    return Stored(record, Layout(**layout))


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def pushed(writer, rules, woken) -> PushedUploads:
    return PushedUploads(writer, rules, staged=STAGED, wake=lambda: woken.append(True))


async def test_an_md5_is_enough_where_the_remote_has_it_as_its_etag(pushed, writer, woken):
    await pushed.arrived("bucket", "k", MD5, stored())
    (upload,) = writer.folder.file.without_receipt(9)
    assert (upload.etag, upload.content_etag, upload.size, upload.algorithm) == (MD5, MD5, 5, "")
    assert woken == [True]


async def test_a_checksum_of_the_client_is_noted(pushed, writer):
    await pushed.arrived("bucket", "k", '"opaque"', stored(Checksum("SHA256", "abc=")))
    (upload,) = writer.folder.file.without_receipt(9)
    assert (upload.algorithm, upload.checksum) == ("SHA256", "abc=")


async def test_a_checksum_is_computed_for_a_remote_with_other_etags(pushed, writer):
    await pushed.arrived("bucket", "k", '"opaque"', stored(extents=(Extent(1, 0, 5),)))
    (upload,) = writer.folder.file.without_receipt(9)
    running = hasher(COMPUTED)
    running.update(BODY)
    assert (upload.algorithm, upload.checksum) == (COMPUTED, running.b64())


async def test_nothing_is_noted_of_what_is_kept(writer, woken):
    rules = UploadRules(AfterUpload(), receipts=False)
    pushed = PushedUploads(writer, rules, staged=STAGED)
    await pushed.arrived("bucket", "k", MD5, stored())
    assert not writer.folder.has_receipts


async def test_a_disk_that_fails_fails_no_push(pushed, writer, caplog):
    writer.folder.file._db.execute("DROP TABLE owed")
    await pushed.arrived("bucket", "k", MD5, stored())
    assert "gets no receipt" in caplog.text


STORED = Stored(ObjectRecord("k", size=5, etag=MD5), Layout())


@pytest.fixture
def uploads(tmp_path):
    env = {"S3D_LOCAL_DIR": str(tmp_path), "S3D_RECEIPTS": "true", "S3D_DEVICE": "camera"}
    config = load_config(None, env, {})
    opened = open_uploads(config, find_places(config, env), None, "remote-1")
    yield opened
    opened.close()


async def test_a_pushed_write_is_adopted_before_its_receipt_is_owed(uploads):
    seen = []

    async def adopt(pushed):
        seen.append((pushed, uploads.writer.folder.has_receipts))

    arrived = uploads.after_push(STAGED, SimpleNamespace(adopt=adopt))
    await arrived("bucket", "k", MD5, STORED)
    assert seen == [(Pushed("bucket", "k", MD5, STORED, BODY), False)]
    assert [each.key for each in uploads.writer.folder.file.without_receipt(9)] == ["k"]


async def test_a_write_in_pieces_is_not_adopted(uploads):
    in_pieces = SimpleNamespace(body_of=STAGED.body_of, whole=lambda layout: None)
    cache = SimpleNamespace(adopt=None)  # calling it would fail
    await uploads.after_push(in_pieces, cache)("bucket", "k", MD5, STORED)
    assert uploads.writer.folder.file.count_without_receipt() == 1


async def test_without_a_cache_only_the_receipt_is_owed(uploads):
    await uploads.after_push(STAGED, None)("bucket", "k", MD5, STORED)
    assert uploads.writer.folder.file.count_without_receipt() == 1


def test_what_is_wrong_is_a_warning(uploads):
    assert uploads.warnings() == []
    uploads.writer.error = "cannot verify uploads: AccessDenied"
    assert uploads.warnings() == [uploads.writer.error]
