"""The objects that programs have open for reading.

One open():
1. thread: the look-up of the name has told which version there is. Of a small object whose bytes
   the kernel still has, nothing is requested before it asks for bytes; nor of a large one.
2. -> loop: any other small object, or one whose bytes are on this machine, is opened as a whole.
3. -> thread: OpenVersions says what the kernel may do with its page cache. A file has one, however
   many programs have it open. The pages may stay when they are of the version that is opened. While
   a program has an older version open, they are of that one, so a newer one is read past them.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cachetools import LRUCache

from s3d.agent.frontends.fuse.directories import Resolved
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.object_opener import SMALL, ObjectOpener, Opened
from s3d.agent.frontends.fuse.read_handle import ReadAheadBudget, ReadHandle
from s3d.agent.s3.etag import same_etag
from s3d.shared.control import ObjectInfo

_MAX_OBJECTS = 50_000
"""Objects of which the last version is remembered."""

ObjectName = tuple[str, str]


class PageCacheUse(NamedTuple):
    """What a newly opened file may do with the kernel's page cache, as in OpenFile."""

    direct_io: bool
    keep_cache: bool


class OpenVersions:
    """Counts open descriptors by bucket, key and ETag."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[ObjectName, Counter[str]] = {}
        self._last: LRUCache[ObjectName, str] = LRUCache(_MAX_OBJECTS)
        """The ETag of what the page cache may have."""

    def open(self, place: ObjectName, etag: str) -> PageCacheUse:
        """A program opens this version."""
        with self._lock:
            versions = self._open.setdefault(place, Counter())
            is_mixed = any(other != etag for other in versions)
            versions[etag] += 1
            if is_mixed:
                return PageCacheUse(direct_io=True, keep_cache=False)
            is_same = self._last.get(place) == etag
            self._last[place] = etag
            return PageCacheUse(direct_io=False, keep_cache=is_same)

    def close(self, place: ObjectName, etag: str) -> None:
        """A program closes it."""
        with self._lock:
            versions = self._open[place]
            versions[etag] -= 1
            if not versions[etag]:
                del versions[etag]
            if not versions:
                del self._open[place]

    def has_pages(self, place: ObjectName, etag: str) -> bool:
        """Whether the page cache may have this version."""
        with self._lock:
            return self._last.get(place) == etag

    def replace(self, place: ObjectName, old: str, new: str) -> None:
        """A program that had one version open reads another one."""
        self.close(place, old)
        self.open(place, new)

    def forget(self, place: ObjectName) -> None:
        """The page cache has other bytes: a program has written to the file."""
        with self._lock:
            self._last.pop(place, None)


class Reader:
    """A descriptor that is open for reading. Called by several threads at once.

    It stays with the version that it was opened with, unless the mount itself stores another one:
    programs of one machine see what each of them writes. Changed by OpenReaders only.
    """

    __slots__ = ("_lock", "_open", "etag", "handle", "info", "place")

    def __init__(
        self, info: ObjectInfo, open_version: Callable[[ObjectName, int, str], ReadHandle]
    ) -> None:
        """open_version: opens the version that an object has now, if about so many bytes and this
        ETag are to be expected; raises OSError."""
        self.info = info
        self.place: ObjectName = (info.bucket, info.key)
        self.etag = info.etag
        self.handle: ReadHandle | None = None
        """None: nothing had to be read yet, since the kernel has the bytes."""
        self._open = open_version
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return self.info.size

    def load(self) -> ReadHandle:
        """Open the version, if that was not needed before. Raises OSError ESTALE."""
        with self._lock:
            if self.handle is None:
                handle = self._open(self.place, self.size, self.etag)
                if not same_etag(handle.etag, self.etag):
                    handle.close()
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self.place[1])
                self.handle = handle
            return self.handle

    def renew(self, etag: str) -> None:
        """The mount has stored this version, and it is the one to read from now on."""
        with self._lock:
            if self.etag == etag:
                return
            handle, before = self._open(self.place, self.size, etag), self.handle
            self.handle, self.info, self.etag = handle, handle.info, handle.etag
        if before is not None:
            before.close()


class OpenReaders:
    """Opens and closes Readers."""

    def __init__(self, opener: ObjectOpener, bridge: LoopBridge, metadata: MetadataMemory) -> None:
        self._opener = opener
        self._bridge = bridge
        self._metadata = metadata
        self._budget = ReadAheadBudget()
        self._readers: set[Reader] = set()
        self._stored: LRUCache[ObjectName, str] = LRUCache(_MAX_OBJECTS)
        """The ETags of what the mount has stored."""
        self._lock = threading.Lock()
        self.versions = OpenVersions()

    def open(self, file: Resolved) -> tuple[Reader, PageCacheUse]:
        """Open an object in the version that it has now. Raises OSError."""
        place, entry = (file.bucket, file.key), file.entry
        info = ObjectInfo(*place, entry.size, entry.etag, entry.modified)
        if entry.etag and not self._is_read_at_once(place, entry.size):
            reader = Reader(info, self._open_version)
            reader.handle = self._handle_of(Opened(info, None))
        elif entry.size <= SMALL and self.versions.has_pages(place, entry.etag):
            reader = Reader(info, self._open_version)
        else:
            handle = self._open_version(place, entry.size, entry.etag)
            reader = Reader(handle.info, self._open_version)
            reader.handle = handle
        with self._lock:
            self._readers.add(reader)
        return reader, self.versions.open(place, reader.etag)

    def read(self, reader: Reader, size: int, offset: int) -> bytes:
        """Fewer bytes than size only at the end of the object. Raises OSError."""
        self._renew(reader)
        handle = reader.handle
        return (reader.load() if handle is None else handle).read(size, offset)

    def stored(self, place: ObjectName, etag: str) -> None:
        """The mount has stored this version."""
        with self._lock:
            if any(each.place == place for each in self._readers):
                self._stored[place] = etag
            else:
                self._stored.pop(place, None)

    def keep(self, place: ObjectName) -> None:
        """The object is about to go: what is open of it is read from now on as it is."""
        for reader in self._open_at(place[0], place[1]):
            with suppress(OSError):
                self._renew(reader)
                reader.load()
        with self._lock:
            self._stored.pop(place, None)

    def move(self, bucket: str, old: str, new: str) -> None:
        """An object, or a folder, whose key ends with a slash, has another key."""
        for reader in self._open_at(bucket, old):
            before = reader.place
            reader.place = (bucket, new + before[1].removeprefix(old))
            self.versions.close(before, reader.etag)
            self.versions.open(reader.place, reader.etag)
            with self._lock:
                stored = self._stored.get(before)
                if stored is not None:
                    self._stored[reader.place] = stored
            if reader.handle is not None:
                reader.handle.place = reader.place

    def close(self, reader: Reader) -> None:
        """The last descriptor of the reader was closed."""
        with self._lock:
            self._readers.discard(reader)
        self.versions.close(reader.place, reader.etag)
        if reader.handle is not None:
            reader.handle.close()

    def _renew(self, reader: Reader) -> None:
        """Let a reader go on with what the mount has stored since."""
        with self._lock:
            stored = self._stored.get(reader.place)
        if stored is not None and stored != reader.etag:
            etag = reader.etag
            reader.renew(stored)
            self.versions.replace(reader.place, etag, reader.etag)

    def _open_at(self, bucket: str, key: str) -> list[Reader]:
        with self._lock:
            readers = list(self._readers)
        return [
            each
            for each in readers
            if each.place == (bucket, key)
            or (key.endswith("/") and each.place[0] == bucket and each.place[1].startswith(key))
        ]

    def _is_read_at_once(self, place: ObjectName, size: int) -> bool:
        """As ObjectOpener's, which is asked about large objects only."""
        return size <= SMALL or self._bridge.call(
            partial(self._opener.is_read_at_once, *place, size)
        )

    def _open_version(self, place: ObjectName, size: int, etag: str) -> ReadHandle:
        return self._bridge.call(partial(self._open_now, place, size, etag))

    async def _open_now(self, place: ObjectName, size: int, etag: str) -> ReadHandle:
        """The object as it is now; size, etag: what a look-up has shown. On the loop."""
        if await self._opener.is_read_at_once(*place, size):
            known = self._metadata.get(*place)
            opened = await self._opener.open(*place, etag)
            self._metadata.note(opened.info, known)
        else:
            opened = Opened(await self._opener.describe(*place, etag), None)
        return self._handle_of(opened)

    def _handle_of(self, opened: Opened) -> ReadHandle:
        place = opened.info.bucket, opened.info.key
        return ReadHandle(
            place, opened, opener=self._opener, bridge=self._bridge, budget=self._budget
        )
