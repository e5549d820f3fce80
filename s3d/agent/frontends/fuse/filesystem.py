"""The file system of a mount: FsOps over the stores, put together from its parts.

    NameOps       look-ups and listings           MountedNames: Directories, FolderMemory
    FileOps       open files                      OpenReaders, WrittenFiles
    AttributeOps  times, permissions, xattrs, df  Xattrs

All of them call the stores through one LoopBridge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.directories import BUCKETS, Directories
from s3d.agent.frontends.fuse.file_ops import FileOps
from s3d.agent.frontends.fuse.folder_memory import TTL, FolderId, FolderMemory
from s3d.agent.frontends.fuse.folder_requests import FolderRequests
from s3d.agent.frontends.fuse.fs_ops import FileSystemSize
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.mounted_names import MountedNames
from s3d.agent.frontends.fuse.name_ops import AttributeOps, NameOps
from s3d.agent.frontends.fuse.object_opener import ObjectOpener
from s3d.agent.frontends.fuse.open_readers import OpenReaders
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.frontends.fuse.xattrs import StateSource, Xattrs


class FileSystem(NameOps, FileOps, AttributeOps):
    """One mounted file system."""

    def __init__(
        self,
        store: ObjectStore,
        loop: asyncio.AbstractEventLoop,
        *,
        written: WrittenFiles,
        root: FolderId = BUCKETS,
        is_local: Callable[[str, str, int], bool],
        states: StateSource,
        size: Callable[[], FileSystemSize],
        ttl: float = TTL,
    ) -> None:
        """store: the top of the stack. written: of all mounts of the agent. root: the bucket and
        prefix that the mount shows. is_local: as for ObjectOpener. size: what df shows. ttl:
        seconds that a listing is believed."""
        client = S3Client(store)
        metadata = MetadataMemory()
        self._bridge = bridge = LoopBridge(loop)
        self._memory = FolderMemory(ttl)
        directories = Directories(
            FolderRequests(client, metadata), bridge, self._memory, metadata, root
        )
        opener = ObjectOpener(client, is_local=is_local, spawn=bridge.start)
        names = MountedNames(directories, written, memory=self._memory, metadata=metadata)
        NameOps.__init__(self, names)
        FileOps.__init__(self, names, OpenReaders(opener, bridge, metadata), written)
        AttributeOps.__init__(self, names, Xattrs(client, bridge, states), size)

    def changed(self, bucket: str, key: str, *, is_removal: bool) -> None:
        """Something has changed at this key, or (key "") anywhere in the bucket. On the loop."""
        self._memory.changed(bucket, key, is_removal=is_removal)

    def close(self) -> None:
        """The mount has ended."""
        self.close_files()
        self._bridge.close()
