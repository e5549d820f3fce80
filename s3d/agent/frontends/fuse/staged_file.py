"""The staging file of an object that is open for writing: its bytes, while no store has them.

A file starts as long as the old version of its object, with holes. Written bytes go into it; bytes
of the old version are fetched when they are read, or at the end when nothing has replaced them.

    [0, old_end) without the written and fetched ranges: still to be fetched from the old version
    everything else: as the file has it, zeros where nothing was written

freeze() ends a version: the store that takes the file over by a hard link shares its bytes, so the
next write goes to a new file, a copy (a reflink where the file system has them). A version of which
the store copies most from the old version keeps its holes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from s3d.agent.frontends.fuse.byte_ranges import OldBytes, Range
from s3d.agent.frontends.fuse.hand_over import Place
from s3d.agent.large_objects.sparse_file import next_data
from s3d.shared.atomic_file import sync_file, sync_folder

FETCH = 8 << 20
"""Bytes that are fetched at once."""
_COPY = 64 << 20
_FICLONE = 0x40049409
"""ioctl of Linux: share the blocks of another file. https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html"""

NewId = Callable[[], int]
"""A number that no staging file of the folder has had."""
Gaps = Callable[[int, list[Range]], list[Range]]
"""The size of a file and its missing runs -> those that have to be fetched."""


class OldVersion(Protocol):
    """The bytes of the version that a file was opened with."""

    place: Place
    """Where it is."""
    etag: str
    """Of the object that has the bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """Exactly so many bytes. Raises OSError: ESTALE when the version is gone."""


class FrozenFile(NamedTuple):
    """One version of a file, whose bytes do not change any more."""

    path: Path
    size: int
    revision: int
    mtime_ns: int
    missing: Sequence[Range] = ()
    """What is still to be had from the old version."""

    @property
    def id(self) -> int:
        return int(self.path.name)


class SyncedFile(NamedTuple):
    """What sync() has made durable."""

    id: int
    revision: int
    old_end: int
    """Where the bytes end that may still have to be fetched; 0: none have."""
    ranges: list[Range]
    """Of the old version: those that were fetched or replaced since the last sync()."""


class StagedFile:
    """Called by several threads at once; a lock keeps its parts together."""

    def __init__(
        self, folder: Path, new_id: NewId, *, old_size: int = 0, old: OldVersion | None = None
    ) -> None:
        """Create the file. old: None for an empty file. Raises OSError."""
        self.revision = 0
        """Grows with each change."""
        self._folder = folder
        self._new_id = new_id
        self.old = old
        self._old_bytes = OldBytes(old_size)
        self._is_frozen = False
        self._lock = threading.RLock()
        self._content = _Content.create(folder, new_id(), old_size)

    @classmethod
    def recover(
        cls, folder: Path, id: int, new_id: NewId, old: OldVersion | None, old_bytes: OldBytes
    ) -> StagedFile:
        """Open the file of an earlier run. Raises OSError."""
        file = cls.__new__(cls)
        file.revision, file._folder, file._new_id = 1, folder, new_id
        file.old, file._old_bytes = old, old_bytes
        file._is_frozen, file._lock = False, threading.RLock()
        file._content = _Content.open(folder, id)
        return file

    @property
    def id(self) -> int:
        """The name of the file in its folder."""
        return self._content.id

    @property
    def size(self) -> int:
        return self._content.size

    @property
    def mtime_ns(self) -> int:
        """When the bytes were changed last."""
        return self._content.mtime_ns

    @property
    def unfetched(self) -> int:
        """Bytes that fill() has to fetch."""
        with self._lock:
            return sum(end - start for start, end in self._old_bytes.missing(0, self.size))

    def read(self, offset: int, size: int) -> bytes:
        """Fewer bytes only at the end. Raises OSError."""
        with self._lock:
            gaps = self._old_bytes.missing(offset, offset + size)
        self._fetch(gaps)
        with self._lock:
            return os.pread(self._content.fd, max(0, min(size, self.size - offset)), offset)

    def write(self, data: bytes, offset: int | None) -> int:
        """Write all of it; offset None: at the end. Raises OSError."""
        if not data:
            return 0  # does not extend a file that ends before
        with self._lock:
            content = self._thaw(self.size)
            start = content.size if offset is None else offset
            view, place = memoryview(data), start
            while view:
                written = os.pwrite(content.fd, view, place)
                view, place = view[written:], place + written
            content.size = max(content.size, place)
            self._old_bytes.add(start, place)
            self._note_change()
            return len(data)

    def truncate(self, size: int) -> None:
        """Cut, or extend with zeros. Raises OSError."""
        with self._lock:
            content = self._thaw(size)
            os.ftruncate(content.fd, size)
            content.size = size
            self._old_bytes.cut(size)
            self._note_change()

    def touch(self) -> None:
        """Count as changed: something else than the bytes has changed. Raises OSError."""
        with self._lock:
            self._thaw(self.size)
            self.revision += 1

    def fill(self) -> None:
        """Fetch what is missing of the old version. Raises OSError."""
        while True:
            with self._lock:
                gaps = self._old_bytes.missing(0, self._old_bytes.end)
                if not gaps:
                    self._old_bytes.complete()
                    return
            self._fetch(gaps)

    def freeze(self, gaps_of: Gaps = lambda _, missing: missing) -> FrozenFile:
        """End this version, after what gaps_of selects was fetched: by default, all that is
        missing. Raises OSError."""
        while True:
            with self._lock:
                content = self._content
                missing = self._old_bytes.missing(0, content.size)
                gaps = gaps_of(content.size, missing)
                if not gaps:
                    self._is_frozen = True
                    if not missing:
                        self._old_bytes.complete()
                    return FrozenFile(
                        content.path, content.size, self.revision, content.mtime_ns, missing
                    )
            self._fetch(gaps)

    def sync(self) -> SyncedFile:
        """Make the bytes durable, and the name of the file. Raises OSError.

        What is written meanwhile is not part of the result.
        """
        with self._lock:
            content, old = self._content, self._old_bytes
            synced = SyncedFile(content.id, self.revision, old.end, old.take_unrecorded())
            fd = os.dup(content.fd)  # a write may go on in another file meanwhile
        try:
            os.utime(fd, ns=(content.mtime_ns, content.mtime_ns))  # not when bytes were fetched
            sync_file(fd)
            if not content.is_name_durable:
                sync_folder(self._folder)
                content.is_name_durable = True
        except BaseException:
            self.give_back(synced)
            raise
        finally:
            os.close(fd)
        return synced

    def give_back(self, synced: SyncedFile) -> None:
        """The ranges could not be recorded: the next sync() has them again."""
        with self._lock:
            for start, end in synced.ranges:
                self._old_bytes.add(start, end)

    def remove(self, id: int) -> None:
        """Remove a file that this one has been frozen as."""
        (self._folder / str(id)).unlink(missing_ok=True)

    def close(self, *, remove: bool = True) -> None:
        """Nothing can be read any more. remove: nobody needs the file."""
        with self._lock:
            self._content.close()
            if remove:
                self.remove(self.id)

    def _note_change(self) -> None:
        self.revision += 1
        self._content.mtime_ns = time.time_ns()

    def _fetch(self, gaps: list[Range]) -> None:
        for start, end in gaps:
            for place in range(start, end, FETCH):
                self._fetch_one(place, min(FETCH, end - place))

    def _fetch_one(self, start: int, size: int) -> None:
        assert self.old is not None
        data = self.old.read(start, size)
        if len(data) != size:
            raise OSError(errno.EIO, f"{size} bytes were expected, {len(data)} came")
        with self._lock:
            # Without those that were written while the bytes were on their way.
            for first, end in self._old_bytes.missing(start, start + size):
                os.pwrite(self._content.fd, data[first - start : end - start], first)
                self._old_bytes.add(first, end)

    def _thaw(self, keep: int) -> _Content:
        """The file to write to: another one when the store has this one. keep: bytes of it that are
        still needed."""
        if self._is_frozen:
            frozen = self._content
            content = _Content.create(self._folder, self._new_id(), 0)
            try:
                copy_file(frozen.fd, content.fd, min(keep, frozen.size))
            except BaseException:
                content.close()
                content.path.unlink()
                raise
            content.size, content.mtime_ns = min(keep, frozen.size), frozen.mtime_ns
            frozen.close()
            self._content, self._is_frozen = content, False
            self._old_bytes.record_again()
        return self._content


class _Content:
    """One file of the folder, open."""

    def __init__(self, path: Path, fd: int) -> None:
        stat_result = os.fstat(fd)
        self.path = path
        self.fd = fd
        self.size = stat_result.st_size
        self.mtime_ns = stat_result.st_mtime_ns
        self.is_name_durable = False

    @classmethod
    def create(cls, folder: Path, id: int, size: int) -> _Content:
        path = folder / str(id)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        os.ftruncate(fd, size)
        return cls(path, fd)

    @classmethod
    def open(cls, folder: Path, id: int) -> _Content:
        path = folder / str(id)
        return cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC))

    @property
    def id(self) -> int:
        return int(self.path.name)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def copy_file(source: int, target: int, size: int) -> None:
    """Copy the first bytes of an open file, or share their blocks; holes stay holes. Raises
    OSError."""
    if size and size == os.fstat(source).st_size:
        with suppress(OSError):
            fcntl.ioctl(target, _FICLONE, source)
            return
    if size > os.fstat(source).st_size:
        raise OSError(errno.EIO, "the staging file is shorter than it was")
    os.ftruncate(target, size)
    done = next_data(source, 0, size)
    while done < size:
        hole = _next_hole(source, done, size)
        copied = os.copy_file_range(source, target, min(_COPY, hole - done), done, done)
        if not copied:
            raise OSError(errno.EIO, "the staging file is shorter than it was")
        done = next_data(source, done + copied, size)


def _next_hole(fd: int, at: int, stop: int) -> int:
    """Where the data from an offset on end; stop where the file system does not know."""
    try:
        return min(os.lseek(fd, at, os.SEEK_HOLE), stop)
    except OSError:
        return stop
