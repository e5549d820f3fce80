"""Folders that exist for programs, although no object is below them.

S3 has no folders: when the last object below a prefix is removed, the folder is gone. A program
that has removed the files of a folder then removes the folder, and must not be told that there is
none. So a folder in which the mount has removed a name stays for a while, and those above it too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from s3d.agent.frontends.fuse.folder_memory import FolderId

TTL = 600.0
"""Seconds that an empty folder stays after its last name was removed."""
_MAX_FOLDERS = 10_000


class KeptFolders:
    """Used by FUSE threads and the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[FolderId, float] = {}
        """The one that was kept last is the last."""

    def keep(self, folder: FolderId) -> None:
        """The folder stays, and those above it."""
        with self._lock:
            now = self._clock()
            for each in _with_parents(folder):
                self._until.pop(each, None)
                self._until[each] = now + TTL
            while self._until and (
                len(self._until) > _MAX_FOLDERS or next(iter(self._until.values())) <= now
            ):
                del self._until[next(iter(self._until))]

    def has(self, folder: FolderId) -> bool:
        return self._until.get(folder, 0.0) > self._clock()

    def children(self, folder: FolderId) -> list[str]:
        """The components of the folders in a folder that stay."""
        bucket, prefix = folder
        with self._lock:
            below = [
                key[len(prefix) : -1]
                for of, key in self._until
                if of == bucket and key.startswith(prefix) and key != prefix
            ]
        return [
            each for each in below if "/" not in each and self.has((bucket, f"{prefix}{each}/"))
        ]

    def drop(self, folder: FolderId) -> None:
        """The folder is gone, with all that is below it."""
        bucket, prefix = folder
        with self._lock:
            for each in [each for each in self._until if _is_below(each, bucket, prefix)]:
                del self._until[each]

    def drop_above(self, bucket: str, key: str) -> None:
        """Somebody has removed this object: the folders that it was in are gone with it."""
        if self._until:
            above = key.rpartition("/")[0]
            with self._lock:
                for each in _with_parents((bucket, above + "/")):
                    self._until.pop(each, None)


def _is_below(folder: FolderId, bucket: str, prefix: str) -> bool:
    return folder[0] == bucket and folder[1].startswith(prefix)


def _with_parents(folder: FolderId) -> list[FolderId]:
    """A folder and those above it, but not the bucket; from the top."""
    bucket, prefix = folder
    parts = prefix.split("/")[:-1]
    return [(bucket, "/".join(parts[: n + 1]) + "/") for n in range(len(parts))]
