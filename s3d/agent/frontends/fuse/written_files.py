"""The objects that are open for writing, and those that no store has taken over yet."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.fuse.background_writes import BackgroundWrites
from s3d.agent.frontends.fuse.byte_ranges import OldBytes
from s3d.agent.frontends.fuse.hand_over import ObjectName, ObjectWriter
from s3d.agent.frontends.fuse.hash_ahead import HashThread
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.object_patcher import MayPatch, ObjectPatcher, always_patch
from s3d.agent.frontends.fuse.old_version import StoredVersion, describe
from s3d.agent.frontends.fuse.staged_file import StagedFile, StagingFolder
from s3d.agent.frontends.fuse.staging_journal import StagingJournal, StagingRecord
from s3d.agent.frontends.fuse.threaded_writer import StoreLog, ThreadedWriter
from s3d.agent.frontends.fuse.written_attributes import (
    WrittenAttributes,
    attributes_of_new,
    attributes_of_old,
)
from s3d.agent.frontends.fuse.written_file import WrittenFile, lacks_much
from s3d.agent.s3.messages import MountHints
from s3d.agent.sync.remote_tree import MODE, read_mode

logger = logging.getLogger(__name__)

_LOOK = 20
"""Bits: every so many bytes of growth, a write looks whether there is room."""


class WrittenFiles:
    """Called by several threads at once. start() and close() are called once."""

    def __init__(
        self,
        folder: Path,
        bridge: LoopBridge,
        store: ObjectStore,
        *,
        free: Callable[[], int] = lambda: 1 << 62,
        may_patch: MayPatch = always_patch,
        log: StoreLog | None = None,
        checksum: str | None = None,
    ) -> None:
        """folder: of the staging files, on the file system of the store's blobs. store: the top of
        the stack. free: bytes that the store can take now. may_patch: see ObjectPatcher.
        log: of the store; see ThreadedWriter. checksum: the algorithm of the one that the store
        computes of each object besides the MD5; "": none. None: it does not hash whole files.

        Raises S3dError when the journal cannot be opened, UsageError for files of a newer s3d,
        OSError.
        """
        self._bridge = bridge
        self._client = S3Client(store)
        patcher = ObjectPatcher(store, folder, may_patch)
        self._store = ThreadedWriter(bridge, ObjectWriter(store), patcher, log)
        self.sync_store = self._store.sync
        """Return when a power cut can undo nothing that close() has handed over. Raises OSError."""
        self._free = free
        self.journal = StagingJournal(folder)
        self._hash_thread = HashThread(checksum)
        new_id = partial(next, itertools.count(max(_ids_in(folder), default=0) + 1))
        self._staging = StagingFolder(folder, new_id, self._hash_thread)
        self._files: dict[ObjectName, WrittenFile] = {}
        self._lock = threading.RLock()
        hand_over = partial(self._flush, may_defer=False)
        self._background = BackgroundWrites(partial(self._files_that, lack_much=False), hand_over)
        self._patches = BackgroundWrites(partial(self._files_that, lack_much=True), hand_over)
        """Of its own: it may wait for the remote."""

    def start(self, first: Callable[[], None] = lambda: None) -> None:
        """Take up the files of an earlier run, and hand them over in the background. first: to be
        done there before."""
        for record, ranges in self.journal.load():
            self._recover(record, OldBytes(record.old_end, ranges))
        needed = {file.staged.id for file in self.files()}
        for id in _ids_in(self._staging.path):
            if id not in needed:  # nobody was promised its bytes
                (self._staging.path / str(id)).unlink(missing_ok=True)
        self._store.begin()
        self._background.start(first)
        self._patches.start()

    def create(self, place: ObjectName, mode: int | None = None) -> WrittenFile:
        """Open a new file, of which nothing is known yet; release() it. Raises OSError."""
        with self._lock:
            self.unlink(place)
            staged = StagedFile(self._staging)
            attributes = attributes_of_new(place.key, mode)
            return self._add(place, staged, attributes, replaces="", must_store=True)

    def open(self, place: ObjectName, *, truncate: bool = False, shown: str = "") -> WrittenFile:
        """Open an object for writing; release() it. shown: see MountHints. Raises OSError: ENOENT
        when there is none."""
        file = self.take(place, truncate=truncate)
        if file is not None:
            return file
        context = background_context(mount=MountHints(shown=shown))
        client = S3Client(self._client.target, context)
        info = self._bridge.call(lambda: describe(client, place))
        if info is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), place.key)
        with self._lock:
            file = self.take(place, truncate=truncate)
            if file is not None:  # another thread was faster
                return file
            old = None if truncate else StoredVersion(self._bridge, self._client, place, info.etag)
            size = 0 if truncate else info.size
            staged = StagedFile(self._staging, old_size=size, old=old)
            attributes = attributes_of_old(info, read_mode(info.metadata.get(MODE, "")))
            return self._add(place, staged, attributes, replaces=info.etag, must_store=truncate)

    def take(self, place: ObjectName, *, truncate: bool = False) -> WrittenFile | None:
        """Open a file again that find() would find; release() it. Raises OSError."""
        with self._lock:
            file = self._files.get(place)
            if file is not None:
                file.handles += 1
        if file is not None and truncate:
            file.truncate(0)
        return file

    def find(self, place: tuple[str, str]) -> WrittenFile | None:
        """The file of an object that is open for writing, or that no store has yet.

        It may be closed in the same moment; take() prevents that."""
        return self._files.get(ObjectName(*place))

    def files(self) -> list[WrittenFile]:
        """All of them."""
        with self._lock:
            return list(self._files.values())

    def under(self, bucket: str, prefix: str) -> list[WrittenFile]:
        """Those below a prefix."""
        places = self.files()
        return [
            file
            for file in places
            if file.place.bucket == bucket and file.place.key.startswith(prefix)
        ]

    def write(self, file: WrittenFile, data: bytes | memoryview, offset: int | None) -> int:
        """Write all of it; offset None: at the end. Raises OSError: ENOSPC when the store has no
        room for so much."""
        end = (file.size if offset is None else offset) + len(data)
        grows = end > file.size and (not file.size or end >> _LOOK != file.size >> _LOOK)
        if grows and end > self._free():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return file.write(data, offset)

    def flush(self, file: WrittenFile, *, may_defer: bool = True) -> None:
        """A descriptor was closed: what was written gets into the store, at the latest in the
        background, if that may be. Raises OSError."""
        try:
            if not self._flush(file, may_defer=may_defer):
                self._background.wake()
                self._patches.wake()
        except OSError as error:
            if error.errno == errno.EIO and file.size > self._free():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise

    def release(self, file: WrittenFile) -> None:
        """A handle is not used any more."""
        with self._lock:
            file.handles -= 1
            self._close_unused(file)

    def unlink(self, place: ObjectName) -> None:
        """The object was removed; handles go on working. Raises OSError."""
        with self._lock:
            file = self._files.pop(place, None)
        if file is not None:
            if lacks_much(file.staged):
                self._store.abandon(place)
            file.unlink()
            with self._lock:
                self._close_unused(file)

    def move(self, old: ObjectName, new: ObjectName, replaces: str | None = None) -> None:
        """The object has another key, where it replaces a file. replaces: see WrittenFile.move.
        Raises OSError."""
        self.unlink(new)
        file = self._files.get(old)
        if file is not None:
            file.move(new, replaces)
            self._note_place(old, file)

    def close(self) -> None:
        """Hand everything over, and close it; what cannot be stays for the next start."""
        self._hash_thread.stop()
        self._background.stop()
        self._patches.stop(self._store.stop)
        for file in self.files():
            try:
                file.fsync()
                if not lacks_much(file.staged):
                    self._flush(file, may_defer=False)
            except OSError as error:
                logger.warning(
                    "a file of the mount is not stored yet; the next start tries again: %s", error
                )
            file.close()
        self._files.clear()
        self.journal.close()

    def _files_that(self, *, lack_much: bool) -> list[WrittenFile]:
        return [file for file in self.files() if lacks_much(file.staged) == lack_much]

    def _add(
        self,
        place: ObjectName,
        staged: StagedFile,
        attributes: WrittenAttributes,
        *,
        replaces: str,
        must_store: bool,
    ) -> WrittenFile:
        file = self._files[place] = WrittenFile(
            place,
            staged,
            attributes,
            replaces=replaces,
            journal=self.journal,
            store=self._store,
            must_store=must_store,
        )
        file.handles = 1
        return file

    def _recover(self, record: StagingRecord, old_bytes: OldBytes) -> None:
        place = record.place
        old = StoredVersion(self._bridge, self._client, place, record.replaces)
        try:
            staged = StagedFile.recover(self._staging, record.id, old, old_bytes)
        except FileNotFoundError:
            self.journal.remove([record.id])  # the store had it, and the record was to go next
            return
        attributes, replaces = record.attributes, record.replaces
        file = self._add(place, staged, attributes, replaces=replaces, must_store=True)
        file.handles = 0
        file.restore(record)

    def _flush(self, file: WrittenFile, *, may_defer: bool) -> bool:
        before = file.place
        try:
            return file.flush(may_defer=may_defer)
        finally:
            self._note_place(before, file)
            with self._lock:
                self._close_unused(file)

    def _note_place(self, before: ObjectName, file: WrittenFile) -> None:
        """Its key is another one now: it was moved, or has become a conflict copy."""
        with self._lock:
            if file.place != before and self._files.get(before) is file:
                self._files[file.place] = self._files.pop(before)

    def _close_unused(self, file: WrittenFile) -> None:
        if file.handles == 0 and not file.is_dirty:
            if self._files.get(file.place) is file:
                del self._files[file.place]
            file.close()


def _ids_in(folder: Path) -> list[int]:
    return [int(name) for name in os.listdir(folder) if name.isdigit()]
