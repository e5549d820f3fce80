from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody
from s3d.agent.storage.records import Extent, Layout
from s3d.agent.stores.write_queue.remote_calls import probe, staged
from s3d.agent.stores.write_queue.staged_body import StagedDataCorrupt
from tests.agent.stores.write_queue.rig import DENIED, Rig, open_rig
from tests.contract.client import read

PART = 5 << 20


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def test_ask_gives_the_members(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    head = await S3Client(rig.remote).output("HeadObject", {"Bucket": "bbb", "Key": "k"})
    assert head["ContentLength"] == 5


async def test_who_knocks_learns_why_nobody_opens(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    assert await probe(S3Client(rig.remote), "bbb", "k") is None
    rig.remote.fail("GetObject", DENIED)
    for bucket, key, code in [("bbb", "k", "AccessDenied"), ("none", "k", "NoSuchBucket")]:
        error = await probe(S3Client(rig.remote), bucket, key)
        assert error is not None
        assert error.code == code


async def test_an_empty_layout_has_no_bytes_to_open() -> None:
    def lost(layout: Layout) -> Body:
        raise S3Error("InternalError", "gone")

    assert await read(staged(lost, Layout())) == b""
    with pytest.raises(StagedDataCorrupt):
        staged(lost, Layout((Extent(1, 0, 1),)))


@pytest.mark.parametrize("is_refused", [True, False])
async def test_what_is_sent_is_closed_although_nobody_read_it(rig: Rig, is_refused: bool) -> None:
    """Else its file stays open, and on the disk once it is pushed, until the next start."""
    closed = []

    class Opened(BytesBody):
        async def aclose(self) -> None:
            closed.append(True)

    if is_refused:
        rig.remote.fail("PutObject", DENIED)
    with suppress(S3Error):
        await S3Client(rig.remote).output(
            "PutObject", {"Bucket": "bbb", "Key": "k"}, Opened(b"value")
        )
    assert closed


async def test_nothing_is_left_of_a_large_push(rig: Rig) -> None:
    rig.remote.fail("UploadPart", DENIED)
    await rig.put_parts("m", PART, PART)
    await rig.staged.put("bbb", "k", bytes(PART))
    rig.start()
    await rig.parked()
    await rig.journal.retry(bucket="bbb")
    await rig.pushed()
    assert not any(rig.blobs.is_leased(blob) for blob in range(10))
