import asyncio
import errno

import pytest

from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.old_version import StoredVersion, describe
from tests.agent.frontends.fuse.conftest import BUCKET, World

PLACE = ObjectName(BUCKET, "key")


async def version(world: World) -> StoredVersion:
    info = await describe(world.client, PLACE)
    assert info is not None
    return StoredVersion(world.bridge, world.client, PLACE, info.etag)


async def test_an_object_is_described_with_its_tags(world: World):
    await world.put("key")
    await world.client.set_tags(BUCKET, "key", {"a": "b"})
    info = await describe(world.client, PLACE)
    assert info is not None
    assert (info.size, info.tags) == (4, {"a": "b"})
    assert await describe(world.client, ObjectName(BUCKET, "absent")) is None


async def test_ranges_of_one_version_are_read(world: World):
    await world.put("key", b"0123456789")
    old = await version(world)
    assert await asyncio.to_thread(old.read, 3, 4) == b"3456"


@pytest.mark.parametrize("data", [b"another one", b"", None], ids=["replaced", "emptied", "gone"])
async def test_another_version_is_stale(world: World, data):
    await world.put("key", b"0123456789")
    old = await version(world)
    if data is None:
        await world.client.delete(BUCKET, "key")
    else:
        await world.put("key", data)
    with pytest.raises(OSError, match="another version") as stale:
        await asyncio.to_thread(old.read, 3, 4)
    assert stale.value.errno == errno.ESTALE
