"""Look-ups and listings over a real store: what they find, and how many requests they make."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.frontends.fuse.directories import BUCKETS, Directories
from s3d.agent.frontends.fuse.folder_entries import FILE_MODE
from s3d.agent.frontends.fuse.folder_memory import FolderMemory
from s3d.agent.frontends.fuse.folder_requests import FolderRequests
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, S3Request
from tests.agent.frontends.fuse.conftest import BUCKET, World
from tests.agent.manual_clock import ManualClock

ROOT = (BUCKET, "")
LIST, HEAD = "ListObjectsV2", "HeadObject"
ODD_KEYS = [
    "a", "a/b", "//lead", "x//y", "x/", "x//", "dots/.", "dots/..x", "dots/../dots/z",
    "long/" + "n" * 300, "long/" + "n" * 301, "long/" + "é" * 200 + "/f", "slash/",
    "nul/a\0b", "mark/a%s3d-object",
    "mark/%s3d-name", "newline/a\nb", "space/ ", "percent/%2E", "plain/file.txt",
]  # fmt: skip


class Mounted:
    """The directories of a mount of a store, whose time stands still."""

    def __init__(self, world: World, root: tuple[str, str] = ROOT) -> None:
        self.clock = ManualClock()
        self.memory = FolderMemory(1.0, self.clock)
        self.metadata = MetadataMemory()
        self.directories = Directories(
            FolderRequests(world.client, self.metadata),
            world.bridge,
            self.memory,
            self.metadata,
            root,
        )
        world.events.taps.append(
            lambda event: self.memory.changed(
                *event.subject.partition("/")[::2],
                is_removal=str(event.data.get("operation", "")).startswith("Delete"),
            )
        )
        self.world = world

    def names(self, path: str) -> list[str]:
        folder, name = self.directories.locate(path)
        if name:
            folder = self.directories.folder_in(folder, name)
        return sorted(entry.name for entry in self.directories.entries(folder))

    def key_of(self, path: str) -> str:
        return self.directories.resolve(path).key

    def exists(self, path: str) -> bool:
        try:
            self.directories.resolve(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return False
        return True

    def files(self, path: str = "") -> list[str]:
        """The paths of all files below a path, as `find` walks."""
        folder, name = self.directories.locate(path)
        if name:
            folder = self.directories.folder_in(folder, name)
        found = []
        for entry in self.directories.entries(folder):
            below = f"{path}/{entry.name}"
            found += self.files(below) if entry.is_folder else [below]
        return found

    async def count(self, call: Callable[[str], object], path: str) -> list[str]:
        return (await self.world.count(call, path))[1]


@pytest.fixture
async def mounted(world: World) -> Mounted:
    return Mounted(world)


async def test_a_folder_is_listed_once_and_answers_for_all_its_names(mounted: Mounted) -> None:
    for key in ("d/one", "d/two", "d/sub/three"):
        await mounted.world.put(key)
    names, asked = await mounted.world.count(mounted.names, "/d")
    assert names == ["one", "sub", "two"]
    assert asked == [LIST]
    for path in ("/d/one", "/d/two", "/d/sub"):
        assert await mounted.count(mounted.exists, path) == []
    assert (await mounted.world.count(mounted.exists, "/d/none")) == (False, [])
    assert await mounted.count(mounted.names, "/d") == []


async def test_a_single_name_costs_one_head_and_one_key_of_a_listing(mounted: Mounted) -> None:
    await mounted.world.put("d/one")
    found, asked = await mounted.world.count(mounted.exists, "/d/one")
    assert found
    assert asked == [HEAD, LIST]
    assert await mounted.count(mounted.exists, "/d/one") == []
    missing, asked = await mounted.world.count(mounted.exists, "/d/none")
    assert not missing
    assert asked == [HEAD, LIST]
    assert await mounted.count(mounted.exists, "/d/none") == []


async def test_many_names_of_a_folder_are_answered_by_one_page(mounted: Mounted) -> None:
    for n in range(20):
        await mounted.world.put(f"d/{n}")
    asked = [len(await mounted.count(mounted.exists, f"/d/{n}")) for n in range(20)]
    assert asked == [2, 2, 1, *[0] * 17]


async def test_a_large_folder_is_listed_page_by_page(mounted: Mounted) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(2_500):
            group.create_task(mounted.world.put(f"d/{n:04}"))
    names, asked = await mounted.world.count(mounted.names, "/d")
    assert names == [f"{n:04}" for n in range(2_500)]
    assert asked == [LIST] * 3
    assert await mounted.count(mounted.names, "/d") == []
    mounted.clock.now += 1.4  # `ls -l` may take longer in a large folder
    assert await mounted.count(mounted.exists, "/d/2499") == []

    def first() -> str:
        mounted.memory.changed(BUCKET)
        return next(mounted.directories.entries((BUCKET, "d/"))).name

    assert await mounted.world.count(first) == ("0000", [LIST])


async def test_what_is_remembered_expires(mounted: Mounted) -> None:
    await mounted.world.put("d/one")
    await mounted.count(mounted.names, "/d")
    mounted.clock.now += 1.1
    assert await mounted.count(mounted.exists, "/d/one") == [HEAD, LIST]
    mounted.clock.now += 1.1
    assert await mounted.count(mounted.names, "/d") == [LIST]


@pytest.mark.rule("MOUNT-7")
async def test_changes_through_the_agent_are_seen_at_once(mounted: Mounted) -> None:
    await mounted.world.put("d/one")
    await asyncio.to_thread(mounted.names, "/d")
    await mounted.world.put("d/two")
    assert await asyncio.to_thread(mounted.exists, "/d/two")
    assert await asyncio.to_thread(mounted.names, "/d") == ["one", "two"]
    await mounted.world.client.delete(BUCKET, "d/one")
    await mounted.world.client.delete(BUCKET, "d/two")
    assert not await asyncio.to_thread(mounted.exists, "/d/one")
    assert await asyncio.to_thread(mounted.names, "/d") == []
    assert not await asyncio.to_thread(mounted.exists, "/d")


async def test_a_new_file_does_not_make_its_folders_unknown(mounted: Mounted) -> None:
    await mounted.world.put("d/e/one")
    for path in ("", "/d", "/d/e"):
        await asyncio.to_thread(mounted.names, path)
    await mounted.world.put("d/e/two")
    assert await mounted.count(mounted.exists, "/d") == []
    assert await mounted.count(mounted.exists, "/d/e") == []
    await mounted.world.put("new/file")
    assert await asyncio.to_thread(mounted.exists, "/new")


@pytest.mark.rule("MOUNT-5")
async def test_odd_keys_are_readable_at_exactly_one_path(mounted: Mounted) -> None:
    for key in ODD_KEYS:
        await mounted.world.put(key)
    paths = await asyncio.to_thread(mounted.files)
    keys = [await asyncio.to_thread(mounted.key_of, path) for path in paths]
    assert sorted(keys) == sorted(ODD_KEYS)
    mounted.memory.changed(BUCKET)  # and the same by single look-ups
    for path, key in zip(paths, keys, strict=True):
        mounted.memory.changed(BUCKET)
        assert await asyncio.to_thread(mounted.key_of, path) == key


async def test_a_folder_hides_an_object_of_its_name_under_another_one(mounted: Mounted) -> None:
    for key in ("a", "a-b", "a/b"):
        await mounted.world.put(key)
    names = await asyncio.to_thread(mounted.names, "")
    assert names == ["a", "a%s3d-object", "a-b"]
    assert await asyncio.to_thread(mounted.key_of, "/a") == "a/"
    assert await asyncio.to_thread(mounted.key_of, "/a%s3d-object") == "a"
    with pytest.raises(NotADirectoryError):
        await asyncio.to_thread(mounted.key_of, "/a%s3d-object/b")
    await mounted.world.client.delete(BUCKET, "a/b")
    assert not await asyncio.to_thread(mounted.exists, "/a%s3d-object")
    assert await asyncio.to_thread(mounted.key_of, "/a") == "a"


async def test_a_marker_is_the_folder_itself_unless_it_has_bytes(mounted: Mounted) -> None:
    await mounted.world.put("empty/", b"")
    await mounted.world.put("full/", b"bytes")
    assert await asyncio.to_thread(mounted.names, "") == ["empty", "full"]
    assert await asyncio.to_thread(mounted.names, "/empty") == []
    assert await asyncio.to_thread(mounted.names, "/full") == ["%s3d-name"]
    assert await asyncio.to_thread(mounted.key_of, "/full/%s3d-name") == "full/"
    assert not await asyncio.to_thread(mounted.exists, "/empty/%s3d-name")


async def test_the_root_of_a_mount_of_all_buckets_has_the_buckets(world: World) -> None:
    await world.client.create_bucket("other")
    await world.put("d/one", bucket="other")
    mounted = Mounted(world, BUCKETS)
    names, asked = await world.count(mounted.names, "")
    assert names == [BUCKET, "other"]
    assert asked == ["ListBuckets"]
    assert await mounted.count(mounted.exists, "/other") == []
    assert await mounted.count(mounted.exists, "/none") == []
    assert await asyncio.to_thread(mounted.names, "/other/d") == ["one"]
    await world.client.create_bucket("third")
    assert await asyncio.to_thread(mounted.names, "") == [BUCKET, "other", "third"]
    with pytest.raises(PermissionError):
        mounted.directories.key_for("/file")


async def test_a_mount_may_show_a_part_of_a_bucket(world: World) -> None:
    await world.put("p/q/file")
    mounted = Mounted(world, (BUCKET, "p/"))
    assert await asyncio.to_thread(mounted.names, "") == ["q"]
    assert await asyncio.to_thread(mounted.key_of, "/q/file") == "p/q/file"
    assert mounted.directories.key_for("/q/new") == (BUCKET, "p/q/new")


async def test_the_key_of_a_new_file(mounted: Mounted) -> None:
    directories = mounted.directories
    assert directories.key_for("/d/one") == (BUCKET, "d/one")
    assert directories.key_for("/%s3d-name/one") == (BUCKET, "/one")
    with pytest.raises(OSError, match="at most 1024 bytes") as caught:
        directories.key_for("/" + "/".join(["n" * 200] * 6))
    assert caught.value.errno == errno.ENAMETOOLONG
    for name in ("a%s3d-object", "a%s3d-0123456789abcdef"):
        with pytest.raises(OSError, match="a new file cannot") as caught:
            directories.key_for(f"/d/{name}")
        assert caught.value.errno == errno.EINVAL


async def test_times_and_modes_of_metadata_are_kept_when_a_listing_follows(
    mounted: Mounted,
) -> None:
    metadata = {"mtime": "1600000000.5", "mode": "100755"}
    attributes = ObjectAttributes(metadata=metadata)
    await mounted.world.client.store(BUCKET, "d/run", BytesBody(b""), attributes)
    for _ in range(2):
        entry = (await asyncio.to_thread(mounted.directories.resolve, "/d/run")).entry
        assert (entry.mode, entry.mtime_ns) == (0o100755, 1_600_000_000_500_000_000)
        assert await asyncio.to_thread(mounted.names, "/d") == ["run"]
    await mounted.world.put("d/run", b"another version")
    assert await asyncio.to_thread(mounted.names, "/d") == ["run"]
    entry = (await asyncio.to_thread(mounted.directories.resolve, "/d/run")).entry
    assert entry.mode == FILE_MODE
    assert entry.mtime_ns > 1_700_000_000_000_000_000


async def test_the_path_of_a_key(world: World) -> None:
    everything, part = Mounted(world, BUCKETS), Mounted(world, (BUCKET, "p/"))
    assert everything.directories.path_of("b", "d/e") == "/b/d/e"
    assert everything.directories.path_of("b", "x//y/") == "/b/x/%s3d-name/y"
    assert everything.directories.path_of("b", "") == ""
    assert part.directories.path_of(BUCKET, "p/q") == "/q"
    assert part.directories.path_of(BUCKET, "other") == ""
    assert part.directories.path_of("other", "p/q") == ""


class Away(Layer):
    """A remote that cannot be reached while is_away is set, but for what a cache answers."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.is_away = False
        self.cached: set[str] = set()

    def fallback(self, request: S3Request[Any]) -> Answer:
        if self.is_away and request.key not in self.cached:
            raise S3Error("ServiceUnavailable", "The remote is unreachable.")
        return self.inner.call(request)


async def test_what_was_known_last_answers_while_the_remote_is_away(world: World) -> None:
    await world.put("d/known")
    await world.put("d/cached")
    away = Away(world.store)
    world.client = S3Client(away)
    mounted = Mounted(world)
    await asyncio.to_thread(mounted.names, "/d")
    await asyncio.to_thread(mounted.exists, "/d")
    mounted.clock.now += 1_000
    away.is_away = True
    assert await asyncio.to_thread(mounted.names, "/d") == ["cached", "known"]
    assert await asyncio.to_thread(mounted.exists, "/d/known")
    mounted.memory.changed(BUCKET)
    away.cached = {"d/cached"}
    assert await asyncio.to_thread(mounted.exists, "/d/cached")
    for call in (mounted.names, mounted.exists):
        with pytest.raises(OSError, match="unreachable") as caught:
            await asyncio.to_thread(call, "/d/unknown")
        assert caught.value.errno == errno.EIO


async def test_a_listing_tells_what_there_is_not_while_the_remote_is_away(world: World) -> None:
    await world.put("d/known")
    away = Away(world.store)
    world.client = S3Client(away)
    mounted = Mounted(world)
    await asyncio.to_thread(mounted.names, "/d")
    mounted.clock.now += 1_000
    away.is_away = True
    assert not await asyncio.to_thread(mounted.exists, "/d/new")


async def test_a_folder_that_was_forgotten_is_not_empty_while_the_remote_is_away(
    world: World,
) -> None:
    await world.put("d/known")
    away = Away(world.store)
    world.client = S3Client(away)
    mounted = Mounted(world)
    await asyncio.to_thread(mounted.names, "/d")
    mounted.memory.changed(BUCKET)
    away.is_away = True
    for call, path in ((mounted.names, "/d"), (mounted.exists, "/d/known")):
        with pytest.raises(OSError, match="unreachable") as caught:
            await asyncio.to_thread(call, path)
        assert caught.value.errno == errno.EIO
