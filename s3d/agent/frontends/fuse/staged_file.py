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
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from s3d.agent.frontends.fuse.byte_ranges import OldBytes, Range
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.hash_ahead import HashAhead, HashThread
from s3d.agent.frontends.fuse.staged_content import StagedContent
from s3d.agent.storage.adopted_file import HashedStart
from s3d.shared.atomic_file import sync_file, sync_folder

FETCH = 8 << 20
"""Bytes that are fetched at once."""

NewId = Callable[[], int]
"""A number that no staging file of the folder has had."""
Gaps = Callable[[int, list[Range]], list[Range]]
"""The size of a file and its missing runs -> those that have to be fetched."""


class OldVersion(Protocol):
    """The bytes of the version that a file was opened with."""

    place: ObjectName
    """Where it is."""
    etag: str
    """Of the object that has the bytes."""

    def read(self, offset: int, size: int) -> bytes:
        """Exactly so many bytes. Raises OSError: ESTALE when the version is gone."""


class StagingFolder(NamedTuple):
    """Where staging files are."""

    path: Path
    new_id: NewId
    hash_thread: HashThread | None = None
    """Hashes them while they are written; None: nobody does."""


class FrozenFile(NamedTuple):
    """One version of a file, whose bytes do not change any more."""

    path: Path
    size: int
    revision: int
    mtime_ns: int
    missing: Sequence[Range] = ()
    """What is still to be had from the old version."""
    data: bytes | None = None
    """All bytes of a small file, which may have no name on the disk; None: the file has them."""
    hashed: HashedStart | None = None
    """Of the first bytes, when they were hashed while they were written."""

    @property
    def id(self) -> int:
        return int(self.path.name)

    def read_bytes(self) -> bytes:
        """All bytes of a file of which nothing is missing. Raises OSError."""
        return self.path.read_bytes() if self.data is None else self.data


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
        self, staging: StagingFolder, *, old_size: int = 0, old: OldVersion | None = None
    ) -> None:
        """Create the file. old: None for an empty file. Raises OSError."""
        self.revision = 0
        """Grows with each change."""
        self._staging = staging
        self.old = old
        self._old_bytes = OldBytes(old_size)
        self._is_frozen = False
        self._lock = threading.RLock()
        self._content = StagedContent.create(staging.path, staging.new_id(), old_size)
        self.hashing = HashAhead(
            staging.hash_thread,
            self._lock,
            lambda: None if self._is_frozen else self._content,
            is_empty=not old_size,
        )

    @classmethod
    def recover(
        cls, staging: StagingFolder, id: int, old: OldVersion | None, old_bytes: OldBytes
    ) -> StagedFile:
        """Open the file of an earlier run. Raises OSError."""
        file = cls.__new__(cls)
        file.revision, file._staging = 1, staging
        file.old, file._old_bytes = old, old_bytes
        file._is_frozen, file._lock = False, threading.RLock()
        file._content = StagedContent.open(staging.path, id)
        file.hashing = HashAhead(None, file._lock, lambda: None, is_empty=False)
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

    def write(self, data: bytes | memoryview, offset: int | None) -> int:
        """Write all of it; offset None: at the end. Raises OSError."""
        if not data:
            return 0  # does not extend a file that ends before
        with self._lock:
            content = self._thaw(self.size)
            start = content.size if offset is None else offset
            content.make_room(start + len(data))
            self.hashing.change(start)
            view, place = memoryview(data), start
            while view:
                written = os.pwrite(content.fd, view, place)
                view, place = view[written:], place + written
            content.size = max(content.size, place)
            content.note_written(place)
            self._old_bytes.add(start, place)
            self._note_change()
            self.hashing.wrote(start, place)
            return len(data)

    def truncate(self, size: int) -> None:
        """Cut, or extend with zeros. Raises OSError."""
        with self._lock:
            content = self._thaw(size)
            content.make_room(size)
            self.hashing.change(size)
            os.ftruncate(content.fd, size)
            content.size = size
            self.hashing.cut(size)
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
                        content.path, content.size, self.revision, content.mtime_ns, missing,
                        content.all_bytes(), self.hashing.hashed,
                    )  # fmt: skip
            self._fetch(gaps)

    def sync(self) -> SyncedFile:
        """Make the bytes durable, and the name of the file. Raises OSError.

        What is written meanwhile is not part of the result.
        """
        with self._lock:
            content, old = self._content, self._old_bytes
            content.save()
            synced = SyncedFile(content.id, self.revision, old.end, old.take_unrecorded())
            fd = os.dup(content.fd)  # a write may go on in another file meanwhile
        try:
            os.utime(fd, ns=(content.mtime_ns, content.mtime_ns))  # not when bytes were fetched
            sync_file(fd)
            if not content.is_name_durable:
                sync_folder(self._staging.path)
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
        content = self._content
        if id != content.id or content.is_saved:
            (self._staging.path / str(id)).unlink(missing_ok=True)

    def close(self, *, remove: bool = True) -> None:
        """Nothing can be read any more. remove: nobody needs the file."""
        with self._lock:
            self.hashing.stop()
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

    def _thaw(self, keep: int) -> StagedContent:
        """The file to write to: another one when the store has this one. keep: bytes of it that are
        still needed."""
        if self._is_frozen:
            frozen = self._content
            self._content = frozen.copy(self._staging.new_id(), min(keep, frozen.size))
            self._is_frozen = False
            frozen.close()
            self._old_bytes.record_again()
        return self._content
