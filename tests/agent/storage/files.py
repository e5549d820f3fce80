"""The files of a store's blobs, as seen from outside."""

from __future__ import annotations

import asyncio
from pathlib import Path


def files(folder: Path) -> set[int]:
    return {int(path.name) for path in (folder / "blobs").glob("*/*")}


async def left(folder: Path, count: int) -> bool:
    """Whether so many files are left when all that is due has been removed, in its thread."""
    async with asyncio.timeout(10):
        while len(files(folder)) > count:
            await asyncio.to_thread(files, folder)
    return len(files(folder)) == count
