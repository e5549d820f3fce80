from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body
from s3d.agent.storage.records import Extent, Layout
from s3d.agent.stores.write_queue.remote_calls import ask, knock, staged
from s3d.agent.stores.write_queue.staged_body import Rotten
from tests.agent.stores.write_queue.rig import DENIED, Rig, open_rig
from tests.contract.client import read


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


async def test_ask_gives_the_members(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    head = await ask(rig.remote, "HeadObject", {"Bucket": "bbb", "Key": "k"})
    assert head["ContentLength"] == 5


async def test_who_knocks_learns_why_nobody_opens(rig: Rig) -> None:
    await rig.there.put("bbb", "k", b"value")
    assert await knock(rig.remote, "bbb", "k") is None
    rig.remote.fail("GetObject", DENIED)
    for bucket, key, code in [("bbb", "k", "AccessDenied"), ("none", "k", "NoSuchBucket")]:
        error = await knock(rig.remote, bucket, key)
        assert error is not None
        assert error.code == code


async def test_an_empty_layout_has_no_bytes_to_open() -> None:
    def lost(layout: Layout) -> Body:
        raise S3Error("InternalError", "gone")

    assert await read(staged(lost, Layout())) == b""
    with pytest.raises(Rotten):
        staged(lost, Layout((Extent(1, 0, 1),)))
