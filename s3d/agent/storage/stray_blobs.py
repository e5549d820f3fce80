"""Files of blobs that no row of the index references, left by a crash or by the loss of a newer
index.

They are removed at the start (sweep). Where the index may not be the newest one of its files
(generation.py), such a file may be the only copy of an object, so it is moved to the lost folder
(quarantine), from which a repair restores it (replace_from).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from s3d.agent.storage.blobs import Blobs, folders_of, ids_in
from s3d.shared.atomic_file import sync_folder

logger = logging.getLogger(__name__)

Referenced = Callable[[list[int]], Awaitable[set[int]]]
"""Returns those of the blobs that the index names."""


async def sweep(blobs: Blobs, referenced: Referenced) -> int:
    """Remove the files of earlier runs that the index does not name; how many there were.

    It works folder by folder, and may run while the store is in use, because it does not look at
    files of this run.
    """
    swept = 0
    async for stray in _strays(blobs, referenced):
        await asyncio.to_thread(blobs.unlink, stray)
        swept += len(stray)
    if swept:
        logger.info("removed files that no object references count=%d", swept)
    return swept


async def quarantine(blobs: Blobs, referenced: Referenced) -> int:
    """Move the same files to the lost folder; how many there were. Raises OSError.

    Their numbers are not given to other blobs, so that each file can be brought back.
    """
    moved = 0
    async for stray in _strays(blobs, referenced):
        await asyncio.to_thread(_move_to_lost, blobs, stray)
        moved += len(stray)
    return moved


def replace_from(blobs: Blobs, blob: int, file: Path) -> None:
    """Let a file be this blob; a file that is there now goes to the lost folder. Raises OSError."""
    path = blobs.path(blob)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists():
        _move_to_lost(blobs, [blob])
    file.rename(path)
    sync_folder(path.parent)
    sync_folder(blobs.lost)


async def _strays(blobs: Blobs, referenced: Referenced) -> AsyncIterator[list[int]]:
    for folder in await asyncio.to_thread(folders_of, blobs.folder):
        old = [b for b in await asyncio.to_thread(ids_in, folder) if b < blobs.first_id]
        known = await referenced(old)
        if stray := [blob for blob in old if blob not in known]:
            yield stray


def _move_to_lost(blobs: Blobs, strays: list[int]) -> None:
    """In a thread."""
    blobs.lost.mkdir(mode=0o700, exist_ok=True)
    for blob in strays:
        target = blobs.lost / str(blob)
        count = 0
        while target.exists():
            count += 1
            target = blobs.lost / f"{blob}.{count}"
        blobs.path(blob).rename(target)
    sync_folder(blobs.lost)
