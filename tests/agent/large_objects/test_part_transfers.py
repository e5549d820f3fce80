"""Owners of transfers in parts, and stores whose ETags are no digests."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_map import MapName
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Response
from tests.agent.large_objects.conftest import BUCKET, SIZE, upload, uploads_of

ALL = [1, 2, 3, 4, 5, 6]


async def test_two_owners_do_not_share_an_upload(transfers, store, big_file):
    async with asyncio.TaskGroup() as tasks:
        for owner in ("t1", "t2"):
            tasks.create_task(upload(transfers, big_file, owner=owner))
    assert store.take() == sorted(ALL + ALL)
    assert await uploads_of(store) == []


async def test_a_store_whose_etags_are_no_digests_is_believed_the_second_time(
    transfers, store, data, tmp_path
):
    info = await S3Client(store.inner).put(BUCKET, "film.mkv", BytesBody(data))
    other = '"' + "0" * 32 + '"'

    async def call(request, call=store.inner.call):
        given = dict(request.input)
        if given.pop("IfMatch", other) != other:
            raise S3Error("PreconditionFailed")
        answer = await call(request.replace(input=given))
        return S3Response({**answer.output, "ETag": other}, answer.body)

    store.inner.call = call
    name, info = MapName(str(tmp_path / "part")), replace(info, etag=other)
    with pytest.raises(S3Error) as caught:
        await transfers.download(name, info, lambda size: None)
    assert caught.value.code == "BadDigest"
    (await transfers.download(name, info, lambda size: None)).close()
    assert Path(name.name).read_bytes() == data
    assert len(data) == SIZE
