"""The root of a sync folder: its marker, which identifies the folder, and s3d's own files in it.

In .s3d of the root: marker, canary, stage (files that are complete, and not in their place yet) and
trash (what was replaced or deleted, by id).
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from s3d.agent.core.path_names import RESERVED

STAGE, TRASH, MARKER = "stage", "trash", "marker"
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class MarkedFolder:
    """The root, open. Raises OSError when it does not exist."""

    def __init__(self, root: Path, *, own: bool = True, umask: int = 0o077) -> None:
        """own: whether it has .s3d; without it, the folder can only be read. umask: of files and
        folders that are made."""
        self._umask = umask
        self.root = root
        self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._own = self._stage = self._trash = -1
        self._stage_sync = SharedSync(lambda: os.fsync(self._stage))
        self.folds = False
        if not own:
            return
        try:
            self._own = self._own_folder(RESERVED, self.fd)
            self._stage = self._own_folder(STAGE, self._own)
            self._trash = self._own_folder(TRASH, self._own)
            self.folds = self._is_folding()
        except OSError:
            os.close(self.fd)
            raise

    def _is_folding(self) -> bool:
        """Whether the file system ignores the case of names."""
        try:
            os.stat(RESERVED.upper(), dir_fd=self.fd)
        except OSError:
            return False
        return True

    def _own_folder(self, name: str, folder: int) -> int:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        return os.open(name, OPEN_FOLDER, dir_fd=folder)

    def close(self) -> None:
        for fd in (self._trash, self._stage, self._own, self.fd):
            if fd >= 0:
                os.close(fd)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        facts = os.fstat(self.fd)
        return facts.st_dev, facts.st_ino

    def is_in_place(self) -> bool:
        """Whether the path still leads to this folder, and its marker exists."""
        try:
            facts = os.stat(self.root)
            os.stat(MARKER, dir_fd=self._own)
        except OSError:
            return False
        return (facts.st_dev, facts.st_ino) == self.identity

    def marker(self) -> str:
        """The id of the folder in its marker; "" without a marker."""
        try:
            fd = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._own)
        except OSError:
            return ""
        with os.fdopen(fd, encoding="ascii", errors="replace") as file:
            return file.read(100).strip()

    def mark(self, uuid: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(MARKER, flags, 0o600, dir_fd=self._own), "w") as file:
            file.write(uuid + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_names_of(self._own, self.fd)

    def touch_canary(self, name: str = "canary") -> None:
        """Make a change that a watcher has to report."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._own), "w") as file:
            file.write("s3d\n")

    def touch_and_remove(self, name: str) -> None:
        """As touch_canary(), with a file that goes at once."""
        self.touch_canary(name)
        os.unlink(name, dir_fd=self._own)


class SharedSync:
    """One sync for all threads that wait for it at the same time."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._synced = 0

    def wait(self) -> None:
        """Wait until the caller's changes would survive a power cut. Raises OSError."""
        mine = next(self._numbers)
        with self._lock:
            if self._synced >= mine:
                return
            latest = next(self._numbers)  # all that have a smaller one have done their work
            self._sync()
            self._synced = latest


def sync_names_of(*folders: int) -> None:
    """Sync the names in these folders to disk."""
    for folder in folders:
        os.fsync(folder)
