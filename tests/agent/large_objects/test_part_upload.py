"""Uploads in parts: continued where they were, never of two versions, never left behind."""

from __future__ import annotations

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from tests.agent.large_objects.conftest import (
    BUCKET,
    PART,
    PLACE,
    SIZE,
    away_at,
    maps,
    noted_in,
    stored,
    upload,
    uploads_of,
)

ALL = [1, 2, 3, 4, 5, 6]


async def test_an_upload_has_the_bytes_attributes_and_progress(
    transfers, store, big_file, data, tmp_path
):
    moved = await upload(transfers, big_file, attributes={"Metadata": {"a": "b"}})
    info, content = await stored(store)
    assert content == data
    assert info.metadata == {"a": "b"}
    assert info.etag.endswith('-6"')
    assert moved == SIZE
    assert (store.take(), maps(tmp_path), await uploads_of(store)) == (ALL, [], [])


@pytest.mark.parametrize("lost", [1, 3, 6])
async def test_an_interrupted_upload_sends_only_the_missing_parts(
    transfers, store, big_file, data, tmp_path, lost
):
    store.fails = away_at("UploadPart", lost)
    with pytest.raises(S3Error, match="away"):
        await upload(transfers, big_file)
    noted = noted_in(next((tmp_path / "maps").iterdir()))
    assert len(noted) <= lost - 1
    store.take()
    store.fails = lambda request: None
    assert await upload(transfers, big_file) == SIZE
    assert set(store.take()) <= set(ALL) - set(noted)
    assert (await stored(store))[1] == data


async def test_a_part_that_is_not_in_the_map_is_recognised_by_its_md5(
    transfers, store, big_file, tmp_path
):
    store.fails = away_at("CompleteMultipartUpload", 1)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    path = tmp_path / "maps" / maps(tmp_path)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))  # as if every part but the upload id had been lost
    store.take()
    store.fails = lambda request: None
    await upload(transfers, big_file)
    assert store.take() == []


async def test_a_damaged_part_at_the_store_is_sent_again(transfers, store, big_file, data):
    store.fails = away_at("CompleteMultipartUpload", 1)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    upload_id = (await uploads_of(store))[0]["UploadId"]
    other = PLACE | {"UploadId": upload_id, "PartNumber": 2, "ContentLength": PART}
    await S3Client(store.inner).output("UploadPart", other, BytesBody(bytes(PART)))
    store.take()
    store.fails = lambda request: None
    await upload(transfers, big_file)
    assert store.take() == [2]
    assert (await stored(store))[1] == data


@pytest.mark.parametrize("change", [{"version": "2"}, {"attributes": {"ContentType": "a/b"}}])
async def test_an_upload_of_another_version_starts_over(transfers, store, big_file, change):
    store.fails = away_at("UploadPart", 4)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    store.take()
    store.fails = lambda request: None
    await upload(transfers, big_file, **change)
    assert store.take() == ALL
    assert await uploads_of(store) == []


async def test_an_upload_that_the_store_has_forgotten_starts_over(transfers, store, big_file):
    store.fails = away_at("UploadPart", 4)
    with pytest.raises(S3Error):
        await upload(transfers, big_file)
    store.fails = lambda request: None
    upload_id = (await uploads_of(store))[0]["UploadId"]
    await S3Client(store.inner).output("AbortMultipartUpload", PLACE | {"UploadId": upload_id})
    store.take()
    await upload(transfers, big_file)
    assert store.take() == ALL


async def test_a_condition_that_fails_leaves_no_upload(transfers, store, big_file, tmp_path):
    await S3Client(store.inner).put(BUCKET, "film.mkv", BytesBody(b"here before"))
    with pytest.raises(S3Error) as caught:
        await upload(transfers, big_file, condition={"IfNoneMatch": "*"})
    assert caught.value.code == "PreconditionFailed"
    assert (maps(tmp_path), await uploads_of(store)) == ([], [])
    assert (await stored(store))[1] == b"here before"
