"""What was pushed is in the cache without being fetched."""

from __future__ import annotations

import random

import pytest

from s3d.agent.storage.records import Checksum, Description, Extent, Layout, ObjectRecord, Stored
from s3d.agent.stores.read_cache.catalog.adopt_pushed import Pushed
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from tests.agent.stores.read_cache.rig import open_rig, outage

MIB = 1 << 20
LAYOUT = Layout((Extent(0, 0, 1),))
SIZES = (0, 5, 65_536, 65_537, 3 * MIB + 1)


def stored_of(data: bytes) -> Stored:
    about = Description(headers={"ContentType": "text/plain"}, metadata={"a": "1"})
    checksum = Checksum("CRC32", "AAAAAA==")
    return Stored(ObjectRecord("k", size=len(data), description=about, checksum=checksum), LAYOUT)


async def pushed(rig, data: bytes) -> Pushed:
    """It is at the remote, and its bytes are still staged."""
    answer = await rig.there.put("bbb", "k", data, ContentType="text/plain", Metadata={"a": "1"})
    source = data
    if len(data) > 65_536:
        source = rig.folder / "staged"
        source.write_bytes(data)
    return Pushed("bbb", "k", answer["ETag"], stored_of(data), source)


@pytest.mark.parametrize("size", SIZES)
async def test_it_is_read_without_a_fetch_after_one_question(rig, size):
    data = random.Random(size).randbytes(size)
    await rig.cache.adopt(await pushed(rig, data))
    wanted = await rig.there("GetObject", Bucket="bbb", Key="k")
    for _ in range(2):
        assert await rig.s3("GetObject", Bucket="bbb", Key="k") == wanted
    assert rig.remote.calls == {"HeadObject": 1}
    await rig.restart()
    assert await rig.s3.read("bbb", "k") == data
    assert rig.remote.calls == {"HeadObject": 1}


async def test_a_large_one_is_the_staged_file_itself(rig):
    data = random.Random(1).randbytes(3 * MIB)
    await rig.cache.adopt(await pushed(rig, data))
    assert rig.path("k").samefile(rig.folder / "staged")
    (rig.folder / "staged").unlink()
    assert await rig.s3.read("bbb", "k") == data


async def test_it_can_be_read_while_the_remote_is_away(rig):
    await rig.cache.adopt(await pushed(rig, b"12345"))
    rig.remote.error = outage
    answer = await rig.s3("GetObject", Bucket="bbb", Key="k")
    assert (answer.body, answer["ContentType"], answer["Metadata"]) == (
        b"12345",
        "text/plain",
        {"a": "1"},
    )


async def test_what_somebody_else_wrote_meanwhile_is_seen(rig):
    await rig.cache.adopt(await pushed(rig, b"ours"))
    await rig.there.put("bbb", "k", b"theirs")
    assert await rig.s3.read("bbb", "k") == b"theirs"


async def test_a_file_that_cannot_be_linked_is_not_adopted(rig):
    what = await pushed(rig, bytes(100_000))
    what.source.unlink()
    await rig.cache.adopt(what)
    assert rig.cache.catalog.peek("bbb", "k") is None
    assert await rig.s3.read("bbb", "k") == bytes(100_000)


async def test_nothing_is_adopted_without_room(tmp_path):
    async with open_rig(tmp_path, Limits(size=MIB, files=10)) as rig:
        await rig.cache.adopt(await pushed(rig, bytes(2 * MIB)))
        assert rig.cache.catalog.count == 0
