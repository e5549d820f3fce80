"""Names of the stores together with those of files that no store has yet."""

from __future__ import annotations

import asyncio
import os

from s3d.agent.frontends.fuse.filesystem import FileSystem
from tests.agent.frontends.fuse.conftest import BUCKET, World


async def test_files_that_no_store_has_are_listed_once(world: World, fs: FileSystem) -> None:
    await world.put("d/old", b"12")
    await world.put("d/sub/old", b"12")

    def names() -> dict[str, int]:
        entries = fs.read_directory(f"/{BUCKET}/d")
        return {entry.name: entry.attributes.size for entry in entries}

    def work() -> list[dict[str, int]]:
        seen = [names()]
        handles = [fs.create(f"/{BUCKET}/d/{name}", os.O_RDWR, 0o644).handle for name in "ab"]
        handles.append(fs.open(f"/{BUCKET}/d/old", os.O_RDWR).handle)
        handles.append(fs.create(f"/{BUCKET}/d/sub/new", os.O_RDWR, 0o644).handle)
        for handle in handles:
            fs.write(handle, b"12345", 0)
        seen.append(names())
        for handle in handles:
            fs.flush(handle)
            fs.release(handle)
        return [*seen, names()]

    before, during, after = await asyncio.to_thread(work)
    assert before == {"old": 2, "sub": 0}
    assert during == {"a": 5, "b": 5, "old": 5, "sub": 0}
    assert after == during


async def test_a_file_in_a_folder_that_is_new(world: World, fs: FileSystem) -> None:
    opened = await asyncio.to_thread(fs.create, f"/{BUCKET}/x/new", os.O_RDWR, 0o644)
    attributes = await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/x/new", None)
    assert attributes.size == 0
    await asyncio.to_thread(fs.flush, opened.handle)
    await asyncio.to_thread(fs.release, opened.handle)
    attributes = await asyncio.to_thread(fs.get_attributes, f"/{BUCKET}/x", None)
    assert attributes.mode == 0o040755
