"""Reads the local folder: every path is opened from the root's descriptor, without following links.

Asynchronous methods run in a thread; the others are for threads.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from s3d.agent.core.path_names import why_no_path
from s3d.agent.core.thread_call import in_thread
from s3d.agent.s3.part_sizes import DEFAULT_PART
from s3d.agent.sync.atomic_rename import Name
from s3d.agent.sync.file_content import FileContent, local_of, open_regular
from s3d.agent.sync.interfaces import ConcurrentChange
from s3d.agent.sync.marked_folder import OPEN_FOLDER, MarkedFolder, sync_names_of
from s3d.agent.sync.path_state import NO_BYTES, LocalEntry, Signature, is_folder
from s3d.agent.sync.reasons import reason_of, refusing

MISSING = (errno.ENOENT, errno.ENOTDIR)
T = TypeVar("T")


class FolderReader(MarkedFolder):
    """The folder, open. Raises OSError when it does not exist."""

    part_size = DEFAULT_PART
    """Of the parts in which large files are sent."""

    @contextmanager
    def at(self, path: str, *, make: bool = False) -> Iterator[Name]:
        """The name of a path and its open parent folder. make: create missing parents.

        Raises OSError: ENOTDIR when a file or a link is on the way, ENOENT for a path that leads
        out of the folder, or into what is ours.
        """
        if why_no_path(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        *parts, name = path.removesuffix("/").split("/")
        fd = os.dup(self.fd)
        try:
            for part in parts:
                if make and self._make(Name(fd, part)):
                    sync_names_of(fd)
                inner = os.open(part, OPEN_FOLDER, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield Name(fd, name)
        finally:
            os.close(fd)

    def _make(self, place: Name) -> bool:
        """Create a folder; False: it exists. The process's own umask is for s3d's files."""
        try:
            os.mkdir(place.name, 0o700, dir_fd=place.folder)
        except FileExistsError:
            return False
        os.chmod(place.name, 0o777 & ~self._umask, dir_fd=place.folder)
        return True

    async def _do(
        self,
        work: Callable[[], T],
        *,
        on_cancel: Callable[[], object] = lambda: None,
        undo: Callable[[T], object] = lambda result: None,
    ) -> T:
        """Do it in a thread to its end: a cancelled caller may close the folder afterwards. The
        options are those of in_thread()."""
        with refusing():
            return await in_thread(work, on_cancel=on_cancel, undo=undo)

    async def look(self, path: str) -> LocalEntry | None:
        return await self._do(lambda: self.look_now(path))

    def look_safely(self, path: str) -> LocalEntry | None:
        """Look at a path, for threads; an entry that cannot be read has its trouble."""
        try:
            return self.look_now(path)
        except OSError as error:
            return LocalEntry(path, NO_BYTES, trouble=reason_of(error))

    def look_now(self, path: str) -> LocalEntry | None:
        """Look at a path, for threads. Raises OSError."""
        try:
            with self.at(path) as place:
                facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
                if self.folds and place.name not in os.listdir(place.folder):
                    return LocalEntry(
                        path, NO_BYTES, trouble="the file system treats another name as this one"
                    )
                if not is_folder(path):
                    return local_of(path, facts)
                if not stat.S_ISDIR(facts.st_mode):
                    return None
                return LocalEntry(path, NO_BYTES, is_empty=self._is_empty(place))
        except OSError as error:
            if error.errno not in MISSING:
                raise
            if self._is_below_link(path):
                return LocalEntry(path, NO_BYTES, trouble="the path leads through a symbolic link")
            return None

    def _is_empty(self, place: Name) -> bool:
        fd = os.open(place.name, OPEN_FOLDER, dir_fd=place.folder)
        try:
            with os.scandir(fd) as entries:
                return next(entries, None) is None
        finally:
            os.close(fd)

    def _is_folder(self, path: str) -> bool:
        with suppress(OSError), self.at(path) as place:
            facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            return stat.S_ISDIR(facts.st_mode)
        return False

    def _is_below_link(self, path: str) -> bool:
        parts = path.removesuffix("/").split("/")[:-1]
        for count in range(1, len(parts) + 1):
            try:
                with self.at("/".join(parts[:count])) as place:
                    facts = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
            except OSError:
                return False
            if stat.S_ISLNK(facts.st_mode):
                return True
        return False

    async def read(self, path: str, signature: Signature) -> FileContent:
        stopped = threading.Event()

        def work() -> FileContent:
            try:
                return FileContent(
                    lambda: self._open(path), signature,
                    part_size=self.part_size, is_stopped=stopped.is_set,
                )  # fmt: skip
            except OSError as error:
                if error.errno in (*MISSING, errno.ELOOP):
                    raise ConcurrentChange from error
                raise

        return await self._do(work, on_cancel=stopped.set)  # else it would wait for minutes

    def _open(self, path: str) -> int:
        with self.at(path) as place:
            return open_regular(place)
