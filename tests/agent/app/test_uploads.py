"""What follows a pushed write in a gateway: first the cache adopts it, then its receipt is owed."""

import hashlib

import pytest

from s3d.agent.app.uploads import open_uploads
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.records import Layout, ObjectRecord, Stored
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places

BODY = b"12345"
MD5 = f'"{hashlib.md5(BODY).hexdigest()}"'
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

    async def adopt(bucket, key, etag, stored):
        seen.append((key, uploads.writer.folder.has_receipts))

    arrived = uploads.after_push(adopt, lambda layout: BytesBody(BODY))
    await arrived("bucket", "k", MD5, STORED)
    assert seen == [("k", False)]
    assert [each.key for each in uploads.writer.folder.file.owed(9)] == ["k"]


async def test_without_a_cache_only_the_receipt_is_owed(uploads):
    await uploads.after_push(None, lambda layout: BytesBody(BODY))("bucket", "k", MD5, STORED)
    assert uploads.writer.folder.file.count_owed() == 1


def test_what_is_wrong_is_a_warning(uploads):
    assert uploads.warnings() == []
    uploads.writer.error = "cannot verify uploads: AccessDenied"
    assert uploads.warnings() == [uploads.writer.error]
