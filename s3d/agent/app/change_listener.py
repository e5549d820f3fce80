"""What the agent does when another writer has changed the remote: the read cache revalidates, sync
folders look, and open screens and mounts read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from s3d.agent.core.events import Events
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.agent.remote_changes.message_forms import Hint
from s3d.agent.sync.folder_status import REMOTE
from s3d.agent.sync.folders import Folders, look_at
from s3d.shared.config.folder_settings import SyncFolderConfig

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.layer import Cache
    from s3d.agent.sync.folder import SyncFolder

LOOK_TIMEOUT = 100.0
"""Seconds until objects must have been looked at: less than a message of a queue is hidden."""


class ChangeListener:
    """Passes hints on to the parts of the agent that show or keep objects."""

    def __init__(self, cache: Cache | None, folders: Folders, events: Events) -> None:
        self._cache, self._folders, self._events = cache, folders, events

    async def look_at(self, hints: Sequence[Hint]) -> bool:
        """False when a folder could not look at its objects in time."""
        for hint in hints:
            if self._cache is not None and not hint.is_folder:
                self._cache.changed_by_others(hint.bucket, hint.key)
            subject = f"{hint.bucket}/{hint.key}"
            self._events.emit("store.changed", subject, operation="RemoteChange", by=REMOTE)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT), asyncio.TaskGroup() as group:
                for folder in self._folders.by_name.values():
                    concerned = _of_folder(folder, hints)
                    if concerned:
                        group.create_task(_look(folder, concerned), name=f"look {folder.name}")
        except TimeoutError:
            return False
        return True

    def list_again(self, place: WatchedPrefix) -> None:
        for folder in self._folders.by_name.values():
            if place_of(folder.context.config) == place:
                folder.schedule.look_at_bucket()


async def _look(folder: SyncFolder, hints: Sequence[Hint]) -> None:
    start = len(folder.context.config.prefix)
    paths = [path for hint in hints if not hint.is_folder and (path := hint.key[start:])]
    await look_at(folder, paths, everything=any(hint.is_folder for hint in hints))


def _of_folder(folder: SyncFolder, hints: Sequence[Hint]) -> list[Hint]:
    """The hints about objects below the folder's prefix, or about a folder around it."""
    config = folder.context.config
    return [
        hint
        for hint in hints
        if hint.bucket == config.bucket
        and (
            hint.key.startswith(config.prefix)
            or (hint.is_folder and config.prefix.startswith(hint.key))
        )
    ]


def place_of(config: SyncFolderConfig) -> WatchedPrefix:
    return WatchedPrefix(config.bucket, config.prefix)
