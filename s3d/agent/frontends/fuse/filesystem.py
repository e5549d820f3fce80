"""The file system of a mount: FsOps over the stores, put together from its parts.

    NameOps       look-ups and listings           MountedNames: Directories, FolderMemory
    FileOps       open files                      OpenReaders, WrittenFiles
    AttributeOps  times, permissions, xattrs, df  Xattrs

All of them call the stores through one LoopBridge.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.directories import BUCKETS, Directories
from s3d.agent.frontends.fuse.file_ops import FileOps
from s3d.agent.frontends.fuse.folder_contents import FolderContents, Pending, nothing_pending
from s3d.agent.frontends.fuse.folder_memory import TTL, FolderId, FolderMemory
from s3d.agent.frontends.fuse.folder_requests import FolderRequests
from s3d.agent.frontends.fuse.fs_ops import Attributes, FileSystemSize
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge, is_own_call
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.mounted_names import MountedNames
from s3d.agent.frontends.fuse.name_changes import NameChanges
from s3d.agent.frontends.fuse.name_ops import AttributeOps, NameOps
from s3d.agent.frontends.fuse.object_opener import IsLocal, ObjectOpener
from s3d.agent.frontends.fuse.open_readers import OpenReaders
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.frontends.fuse.xattrs import StateSource, Xattrs

_MAX_PATHS = 1_000
"""Paths that the kernel is to forget; the oldest are dropped, since it asks again anyway."""


class FileSystem(NameOps, FileOps, AttributeOps):
    """One mounted file system."""

    def __init__(
        self,
        store: ObjectStore,
        loop: asyncio.AbstractEventLoop,
        *,
        written: WrittenFiles,
        root: FolderId = BUCKETS,
        is_local: IsLocal,
        states: StateSource,
        size: Callable[[], FileSystemSize],
        metadata: MetadataMemory,
        ttl: float = TTL,
        pending: Pending = nothing_pending,
    ) -> None:
        """store: the top of the stack. written: of all mounts of the agent. root: the bucket and
        prefix that the mount shows. is_local: as for ObjectOpener. size: what df shows.
        metadata: of all mounts. ttl: seconds that a listing is believed.
        pending: the writes of the queue."""
        client = S3Client(store)
        self._bridge = bridge = LoopBridge(loop)
        memory = FolderMemory(ttl)
        directories = Directories(FolderRequests(client, metadata), bridge, memory, metadata, root)
        opener = ObjectOpener(client, is_local=is_local, spawn=bridge.start)
        names = MountedNames(directories, written, memory=memory, metadata=metadata)
        contents = FolderContents(
            client, bridge, memory, is_away=lambda: directories.is_away, pending=pending
        )
        renames = Renames(client, bridge, written, contents)
        changes = NameChanges(client, bridge, written, renames, contents)
        readers = OpenReaders(opener, bridge, metadata)
        self._notifier = ChangeNotifier()
        NameOps.__init__(self, names, changes, readers)
        FileOps.__init__(self, names, readers, written, self._notifier.forget_attributes)
        AttributeOps.__init__(self, names, changes, Xattrs(client, bridge, states, changes), size)

    def get_attributes(self, path: str, handle: int | None) -> Attributes:
        """path "": of an open file that was removed."""
        if not path.strip("/") and handle is not None:
            return self.attributes_of_open(handle)
        return NameOps.get_attributes(self, path, handle)

    def changed(self, bucket: str, key: str, *, is_removal: bool) -> None:
        """Something has changed at this key, or (key "") anywhere in the bucket. On the loop."""
        if not self._names.changed(bucket, key, is_removal=is_removal) or is_own_call.get():
            return
        path = self._names.path_of(bucket, key)
        if path:
            self._notifier.put(path)

    def notify_changes(
        self, forget_attributes: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        self._notifier.start(forget_attributes, forget)

    def close(self) -> None:
        """The mount has ended."""
        self._notifier.close()
        self.close_files()
        self._bridge.close()


class ChangeNotifier:
    """Tells the kernel which files another client has changed through this agent.

    The kernel believes for a second what it knows of a file, and clips reads to the size that it
    knows; a program that reads a file just after an S3 client has written it must see all of it.
    So the kernel forgets the size at once. To forget names and bytes, it may wait for an operation
    of the mount: neither the loop nor a FUSE thread tells it, but a thread of its own, which begins
    with the first path.
    """

    def __init__(self) -> None:
        self._forget_attributes: Callable[[str], None] = lambda path: None
        self._forget: Callable[[str], None] | None = None
        self._paths: deque[str] = deque(maxlen=_MAX_PATHS)
        self._wakeup = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(
        self, forget_attributes: Callable[[str], None], forget: Callable[[str], None]
    ) -> None:
        """From now on, call these with each path, as FsOps.notify_changes() says."""
        self._forget_attributes, self._forget = forget_attributes, forget

    def forget_attributes(self, path: str) -> None:
        """Have the kernel ask again for the attributes of a path. From any thread."""
        if not self._is_closed:
            self._forget_attributes(path)

    def put(self, path: str) -> None:
        """Something has changed at a path. From the loop."""
        if self._forget is None or self._is_closed:
            return
        self._forget_attributes(path)
        self._paths.append(path)
        self._wakeup.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="s3d mount news", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The mount has ended. Does not wait for the thread, which may wait for the kernel."""
        self._is_closed = True
        self._wakeup.set()

    def _run(self) -> None:
        assert self._forget is not None
        while not self._is_closed:
            self._wakeup.wait()
            self._wakeup.clear()
            while self._paths and not self._is_closed:
                self._forget(self._paths.popleft())
