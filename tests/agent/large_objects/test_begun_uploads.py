"""Uploads that nobody will complete are aborted."""

from __future__ import annotations

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects import begun_uploads
from s3d.agent.s3.errors import S3Error
from tests.agent.large_objects.conftest import PLACE, away_at, maps, upload, uploads_of


async def test_old_uploads_are_aborted_and_new_ones_stay(
    transfers, store, big_file, tmp_path, monkeypatch
):
    store.fails = away_at("UploadPart", 4)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    store.fails = lambda request: None
    assert await transfers.abort_old_uploads() == 0
    assert len(await uploads_of(store)) == 1
    monkeypatch.setattr(begun_uploads, "UPLOAD_AGE", -1.0)
    assert await transfers.abort_old_uploads() == 1
    assert (maps(tmp_path), await uploads_of(store)) == ([], [])


async def test_an_upload_whose_id_was_lost_is_found_and_aborted(
    transfers, store, big_file, tmp_path
):
    store.fails = away_at("UploadPart", 1)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    path = tmp_path / "maps" / maps(tmp_path)[0]
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    other = await S3Client(store.inner).output(
        "CreateMultipartUpload", PLACE | {"Key": "film.mkv.other"}
    )
    store.fails = lambda request: None
    await upload(transfers, big_file)
    assert [row["UploadId"] for row in await uploads_of(store)] == [other["UploadId"]]
