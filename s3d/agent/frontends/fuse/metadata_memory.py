"""What the metadata of objects say about files: times, permissions, targets of symbolic links.

Listings have no metadata, and one HeadObject for each file is what makes other mounts slow. So what
is learnt by the way is remembered by the ETag, and objects without that show what listings say.
"""

from __future__ import annotations

import stat
import threading
from typing import NamedTuple

from s3d.agent.frontends.fuse.folder_entries import Entry
from s3d.agent.s3.etag import same_etag
from s3d.agent.storage.record_cache import LRUCache
from s3d.agent.sync.remote_tree import MODE, MTIME, read_mode, read_mtime
from s3d.shared.control import ObjectInfo

_MOST = 200_000
"""Objects whose metadata are remembered."""


class FileMetadata(NamedTuple):
    """What the metadata of one version say; None: nothing."""

    etag: str
    mtime_ns: int | None = None
    mode: int | None = None
    """Permissions."""


class MetadataMemory:
    """The metadata that were seen last. Used by FUSE threads and the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: LRUCache[tuple[str, str], FileMetadata] = LRUCache(_MOST, lambda _: 1)

    def note(self, info: ObjectInfo) -> None:
        """Remember what an answer of HeadObject or GetObject says."""
        mtime_ns = read_mtime(info.metadata.get(MTIME, ""))
        mode = read_mode(info.metadata.get(MODE, ""))
        self.put(info.bucket, info.key, FileMetadata(info.etag, mtime_ns, mode))

    def put(self, bucket: str, key: str, metadata: FileMetadata) -> None:
        """Remember the metadata of an object that the mount has changed."""
        with self._lock:
            if metadata.mtime_ns is None and metadata.mode is None:
                self._known.forget((bucket, key))
            else:
                self._known.put((bucket, key), metadata)

    def describe(self, bucket: str, key: str, entry: Entry) -> Entry:
        """The entry of an object as its metadata describe it."""
        with self._lock:
            known = self._known.get((bucket, key))
        if known is None or not same_etag(known.etag, entry.etag):
            return entry
        mtime_ns = entry.mtime_ns if known.mtime_ns is None else known.mtime_ns
        mode = entry.mode if known.mode is None else stat.S_IFREG | known.mode
        return entry._replace(mtime_ns=mtime_ns, mode=mode)
