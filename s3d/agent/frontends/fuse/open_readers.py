"""The objects that programs have open for reading.

One open():
1. thread: the look-up of the name has told which version there is.
2. -> loop: a small object, or one whose bytes are on this machine, is opened as a whole. Of any
   other object nothing is requested before it is read.
3. -> thread: OpenVersions says what the kernel may do with its page cache. A file has one, however
   many programs have it open. The pages may stay when they are of the version that is opened. While
   a program has an older version open, they are of that one, so a newer one is read past them.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from typing import NamedTuple

from s3d.agent.frontends.fuse.directories import Resolved
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.object_opener import ObjectOpener, Opened
from s3d.agent.frontends.fuse.read_handle import ReadAheadBudget, ReadHandle
from s3d.agent.storage.record_cache import LRUCache
from s3d.shared.control import ObjectInfo

_MOST = 50_000
"""Objects of which the last version is remembered."""

Place = tuple[str, str]


class PageCacheUse(NamedTuple):
    """What a newly opened file may do with the kernel's page cache, as in OpenFile."""

    direct_io: bool
    keep_cache: bool


class OpenVersions:
    """Counts open descriptors by bucket, key and ETag."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Place, Counter[str]] = {}
        self._last: LRUCache[Place, str] = LRUCache(_MOST, lambda _: 1)
        """The ETag of what the page cache may have."""

    def open(self, place: Place, etag: str) -> PageCacheUse:
        """A program opens this version."""
        with self._lock:
            versions = self._open.setdefault(place, Counter())
            is_mixed = any(other != etag for other in versions)
            versions[etag] += 1
            if is_mixed:
                return PageCacheUse(direct_io=True, keep_cache=False)
            is_same = self._last.get(place) == etag
            self._last.put(place, etag)
            return PageCacheUse(direct_io=False, keep_cache=is_same)

    def close(self, place: Place, etag: str) -> None:
        """A program closes it."""
        with self._lock:
            versions = self._open[place]
            versions[etag] -= 1
            if not versions[etag]:
                del versions[etag]
            if not versions:
                del self._open[place]

    def forget(self, place: Place) -> None:
        """The page cache has other bytes: a program has written to the file."""
        with self._lock:
            self._last.forget(place)


class OpenReaders:
    """Opens and closes ReadHandles."""

    def __init__(self, opener: ObjectOpener, bridge: LoopBridge, metadata: MetadataMemory) -> None:
        self._opener = opener
        self._bridge = bridge
        self._metadata = metadata
        self._budget = ReadAheadBudget()
        self.versions = OpenVersions()

    def open(self, file: Resolved) -> tuple[ReadHandle, PageCacheUse]:
        """Open an object in the version that it has now. Raises OSError."""
        place = file.bucket, file.key
        if self._opener.is_read_at_once(*place, file.entry.size):
            opened = self._bridge.call(partial(self._opener.open, *place))
            self._metadata.note(opened.info)
        else:
            opened = Opened(self._info_of(file), None)
        handle = ReadHandle(
            place, opened, opener=self._opener, bridge=self._bridge, budget=self._budget
        )
        return handle, self.versions.open(place, handle.etag)

    def close(self, handle: ReadHandle) -> None:
        """The last descriptor of the handle was closed."""
        self.versions.close(handle.place, handle.etag)
        handle.close()

    def _info_of(self, file: Resolved) -> ObjectInfo:
        """What the listing has told, if it has told which version there is."""
        bucket, key, entry = file
        if entry.etag:
            return ObjectInfo(bucket, key, entry.size, entry.etag, entry.mtime_ns / 1e9)
        return self._bridge.call(partial(self._opener.describe, bucket, key))
