"""What the metadata of objects say about files: times, permissions, targets of symbolic links.

Listings have no metadata, and one HeadObject for each file is what makes other mounts slow. So what
is learnt by the way is remembered by the ETag, beyond the end of the agent, and objects without
that show what listings say.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from types import EllipsisType

from cachetools import LRUCache

from s3d.agent.frontends.fuse.folder_entries import Entry
from s3d.agent.frontends.fuse.folder_memory import FolderId
from s3d.agent.frontends.fuse.inode_numbers import InodeNumbers
from s3d.agent.frontends.fuse.metadata_table import FileMetadata, MetadataTable, above
from s3d.agent.frontends.fuse.written_attributes import read_link
from s3d.agent.s3.etag import same_etag
from s3d.agent.sync.remote_tree import MODE, MTIME, read_mode, read_mtime
from s3d.shared.control import ObjectInfo

_MAX_OBJECTS = 200_000
"""Objects whose metadata are remembered."""
_MAX_FOLDERS = 10_000
"""Folders of which it is remembered that their rows were read."""
LINK_MODE = stat.S_IFLNK | 0o777


class MetadataMemory:
    """The metadata that were seen last, of all mounts. Used by FUSE threads and the loop."""

    def __init__(self, table: MetadataTable | None = None, *, links: bool = False) -> None:
        """table: what earlier runs have seen; None: nothing. links: whether objects that are
        symbolic links are shown as such."""
        self.links = links
        self.inodes = InodeNumbers(table)
        self._table = table
        self._read: LRUCache[FolderId, bool] = LRUCache(_MAX_FOLDERS)
        """The folders whose rows of the table are known."""
        self._lock = threading.Lock()
        self._known: LRUCache[tuple[str, str], FileMetadata] = LRUCache(_MAX_OBJECTS)

    def recall(self, folder: FolderId) -> None:
        """Know what earlier runs have seen of the files in a folder. Reads a file: for threads."""
        if self._table is None:
            return
        with self._lock:
            if self._read.get(folder):
                return
        rows = self._table.folder(*folder)
        with self._lock:
            self._read[folder] = True
            for key, metadata in rows.items():
                if self._known.get((folder[0], key)) is None:
                    self._known[folder[0], key] = metadata

    def note(self, info: ObjectInfo, since: FileMetadata | EllipsisType | None = ...) -> None:
        """Remember what an answer of HeadObject or GetObject says. since: what was known when the
        request began; if the mount has changed that meanwhile, then the answer is outdated,
        although the ETag of a link never tells."""
        mtime_ns = read_mtime(info.metadata.get(MTIME, ""))
        mode = read_mode(info.metadata.get(MODE, ""))
        link = read_link(info.metadata) if self.links and not info.size else None
        metadata = FileMetadata(info.etag, mtime_ns, mode, link)
        self._replace(info.bucket, info.key, self._worth(metadata), since)

    def put(self, bucket: str, key: str, metadata: FileMetadata) -> None:
        """Remember the metadata of an object that the mount has changed."""
        self._replace(bucket, key, self._worth(metadata))

    def get(self, bucket: str, key: str) -> FileMetadata | None:
        """What was learnt last, of whatever version."""
        with self._lock:
            return self._known.get((bucket, key))

    def is_unknown(self, info: ObjectInfo) -> bool:
        """Whether only HeadObject tells if a row of a listing is a symbolic link."""
        if not self.links or info.size:
            return False
        known = self.get(info.bucket, info.key)
        return known is None or not same_etag(known.etag, info.etag)

    def move(self, bucket: str, keys: Sequence[tuple[str, str]]) -> None:
        """Objects have other keys. keys: old and new ones. Reads a file: for threads."""
        for prefix in {above(key) for pair in keys for key in pair}:
            self.recall((bucket, prefix))
        for old, new in keys:
            known = self.get(bucket, old)
            self._replace(bucket, old, None)
            self._replace(bucket, new, known)

    def describe(self, bucket: str, key: str, entry: Entry) -> Entry:
        """An entry as the metadata of its object, or of the marker of the folder, describe it."""
        known = self.get(bucket, key)
        if known is None or not (entry.is_folder or same_etag(known.etag, entry.etag)):
            return entry
        mtime_ns = entry.mtime_ns if known.mtime_ns is None else known.mtime_ns
        if known.link is not None:
            mode, size = LINK_MODE, len(os.fsencode(known.link))
            return entry._replace(mode=mode, size=size, mtime_ns=mtime_ns)
        mode = entry.mode
        if known.mode is not None:
            mode = stat.S_IFMT(mode) | known.mode
        return entry._replace(mtime_ns=mtime_ns, mode=mode)

    def close(self) -> None:
        """Save what is known."""
        if self._table is not None:
            self._table.close()

    def _worth(self, metadata: FileMetadata) -> FileMetadata | None:
        """What of it is to be remembered. Where links are shown, also that there is nothing."""
        says_nothing = metadata == FileMetadata(metadata.etag)
        return None if says_nothing and not self.links else metadata

    def _replace(
        self,
        bucket: str,
        key: str,
        metadata: FileMetadata | None,
        since: FileMetadata | EllipsisType | None = ...,
    ) -> None:
        """None: nothing is known any more. since: as in note()."""
        with self._lock:
            before = self._known.get((bucket, key))
            if since is not ... and before != since:
                return
            if metadata is None:
                self._known.pop((bucket, key), None)
            else:
                self._known[bucket, key] = metadata
            if self._table is not None and metadata != before:
                self._table.put(bucket, key, metadata)  # within the lock: in the same order
