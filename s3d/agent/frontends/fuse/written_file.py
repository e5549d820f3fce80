"""An object that is open for writing: its staging file, and how its bytes get into a store.

1. write(), truncate(): into the staging file. What is written in order is hashed behind the writer.
2. fsync(): the staging file and its record in the journal are durable. Nothing is copied or pushed.
3. flush(): the missing bytes of the old version are fetched, this version is frozen, and the store
   takes its file over by a hard link, or its bytes into its index. When that returns, the object
   survives a kill of the agent. It survives a power cut, too, if it is large or fsync() was called:
   then the record is removed. Else it does a moment later (storage.log_sync). The next write goes
   to a copy of the file.
4. What would take too long for a close(), as many bytes to fetch or to hash, is only recorded by
   flush(), and handed over in the background. When much is missing there, the store copies that
   from the old version where it can (object_patcher.py), and only the rest is fetched and sent.
5. A flush that fails leaves the file and its record: it can be repeated, also after a crash.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from s3d.agent.core import failpoint
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.fuse.file_record import FileRecord, Journal
from s3d.agent.frontends.fuse.hand_over import ObjectName, Written
from s3d.agent.frontends.fuse.object_patcher import NotPatched
from s3d.agent.frontends.fuse.patch_plan import gaps_of_patch
from s3d.agent.frontends.fuse.staged_file import FrozenFile, StagedFile
from s3d.agent.frontends.fuse.staging_journal import StagingRecord
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes

FLUSH_SIZE = 512 << 20
"""Bytes of a file that flush() lets the store read and hash; a larger one is only synced."""
FLUSH_FETCH = 32 << 20
"""Bytes of the old version that flush() waits for."""


class Store(Protocol):
    """Takes files over. Called in threads."""

    def write_object(
        self,
        place: ObjectName,
        file: FrozenFile,
        attributes: ObjectAttributes,
        replaces: str,
        *,
        syncs_later: bool,
    ) -> Written:
        """As ObjectWriter.write_object; raises OSError."""

    def sync(self) -> None:
        """As ThreadedWriter.sync; raises OSError."""

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        """As ObjectPatcher.may_patch."""

    def patch_object(
        self, place: ObjectName, file: FrozenFile, attributes: ObjectAttributes, replaces: str
    ) -> Written:
        """As ObjectPatcher.patch; raises NotPatched, OSError."""


class FileStatus(NamedTuple):
    """What stat() shows of an open file."""

    size: int
    mtime_ns: int
    mode: int | None
    """Permissions; None: never set."""


class WrittenFile:
    """Called by several threads at once."""

    def __init__(
        self,
        place: ObjectName,
        staged: StagedFile,
        attributes: WrittenAttributes,
        *,
        replaces: str,
        journal: Journal,
        store: Store,
        must_store: bool = False,
    ) -> None:
        """replaces: the ETag of the object that it was opened with; "": there was none. must_store:
        it differs from that object even if nothing is written."""
        self.place = place
        self.handles = 0
        """Descriptors of programs; WrittenFiles counts them."""
        self.problem: OSError | None = None
        """Why the last hand-over failed."""
        self.tried_at = time.monotonic()
        """When it was opened, or a hand-over was tried last."""
        self._replaces = replaces
        self.staged = staged
        self.attributes = attributes
        self._record = FileRecord(journal, staged)
        self._store = store
        self._stored_revision = -1 if must_store else staged.revision
        self._is_unlinked = False
        self._storing = threading.RLock()
        """Held by hand-overs, and by what changes the place of the object."""

    @property
    def is_dirty(self) -> bool:
        """Whether the store has not got all of it."""
        return not self._is_unlinked and self.staged.revision != self._stored_revision

    @property
    def is_synced(self) -> bool:
        """Whether fsync() has confirmed bytes that the store has not got."""
        return self._record.synced_revision > self._stored_revision

    @property
    def status(self) -> FileStatus:
        set_time = self.attributes.mtime_ns
        mtime_ns = self.staged.mtime_ns if set_time is None else set_time
        return FileStatus(self.staged.size, mtime_ns, self.attributes.mode)

    @property
    def etag(self) -> str:
        """Of the version that a store has; "": none has."""
        return self._replaces

    @property
    def size(self) -> int:
        return self.staged.size

    @property
    def idle(self) -> float:
        """Seconds since the last write."""
        return time.time() - self.staged.mtime_ns / 1e9

    def read(self, size: int, offset: int) -> bytes:
        """Fewer bytes only at the end. Raises OSError."""
        replaces = self._replaces
        try:
            return self.staged.read(offset, size)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            with self._storing:  # a hand-over may have made the version that replaces it
                if self._replaces == replaces:
                    raise
            return self.staged.read(offset, size)

    def write(self, data: bytes | memoryview, offset: int | None) -> int:
        """Write all of it; offset None: at the end. Raises OSError."""
        written = self.staged.write(data, offset)
        self._forget_set_time()
        return written

    def truncate(self, size: int) -> None:
        """Cut, or extend with zeros. Raises OSError."""
        self.staged.truncate(size)
        self._forget_set_time()

    def set_attributes(self, attributes: WrittenAttributes) -> None:
        """Replace them; the bytes stay. Raises OSError."""
        self.attributes = attributes
        self.staged.touch()

    def fsync(self) -> None:
        """What was written survives a power cut when this returns. Raises OSError."""
        if self.is_dirty and self._record.synced_revision != self.staged.revision:
            self._record.sync(self.place, self._replaces, self.attributes)
        self._store.sync()  # an earlier close() of the file may have had it written without
        failpoint.hit("mount.fsynced")

    def flush(self, *, may_defer: bool = True) -> bool:
        """Hand what was written over to the store; False: it was only synced. Raises OSError."""
        if may_defer and (self.staged.size > FLUSH_SIZE or lacks_much(self.staged)):
            self.fsync()
            return not self.is_dirty
        with self._storing:
            if not self.is_dirty:
                return True
            self.tried_at = time.monotonic()
            try:
                self._hand_over()
                self.problem = None
            except OSError as error:
                if self._is_unlinked:
                    return True  # nobody needs it any more
                self.problem = error
                self.fsync()
                raise
            return True

    def unlink(self) -> None:
        """The object was removed: handles go on working, and nothing is stored any more."""
        self._is_unlinked = True
        self.staged.hashing.stop()
        with self._storing:
            self._record.remove()

    def move(self, place: ObjectName, replaces: str | None) -> None:
        """The object has another key. replaces: its ETag there; None: the same. Raises OSError."""
        with self._storing:
            self.place = place
            if self.staged.old is not None:
                self.staged.old.place = place
            self._replaces = self._replaces if replaces is None else replaces
            self._record.move(place, self._replaces)

    def close(self) -> None:
        """No handle is left. A staging file that no store has stays for the next start."""
        with self._storing:
            self.staged.close(remove=not self.is_dirty)

    def restore(self, recorded: StagingRecord) -> None:
        """The file is that of an earlier run, and has this record."""
        self._record.restore(recorded)

    def _forget_set_time(self) -> None:
        if self.attributes.mtime_ns is not None:
            self.attributes = msgspec.structs.replace(self.attributes, mtime_ns=None)

    def _hand_over(self) -> None:
        attributes = self.attributes
        patches = lacks_much(self.staged) and self._store.may_patch(self.place, attributes.tags)
        frozen = self.staged.freeze(gaps_of_patch) if patches else self.staged.freeze()
        failpoint.hit("mount.hand_over")
        try:
            written = self._store_frozen(frozen, attributes)
        except NotPatched:
            frozen = self.staged.freeze()
            written = self._store_frozen(frozen, attributes)
        failpoint.hit("mount.handed_over")
        self.place, self._replaces = self.place._replace(key=written.key), written.etag
        if self.staged.old is not None:
            self.staged.old.etag = written.etag  # which has what is missing here, too
        self._stored_revision = frozen.revision
        self._record.remove(until=frozen.id)
        self._record.move(self.place, self._replaces)
        failpoint.hit("mount.stored")
        self.staged.remove(frozen.id)

    def _store_frozen(self, frozen: FrozenFile, attributes: WrittenAttributes) -> Written:
        described = attributes.of_object(frozen.mtime_ns)
        try:
            if self._is_unlinked:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.place.key)
            if not frozen.missing:
                return self._store.write_object(
                    self.place, frozen, described, self._replaces,
                    syncs_later=not self._record.is_saved,
                )  # fmt: skip
            self._record.sync(self.place, self._replaces, attributes)  # with what was fetched
            return self._store.patch_object(self.place, frozen, described, self._replaces)
        except OSError as error:
            if self.staged.id != frozen.id and not isinstance(error, NotPatched):
                self.staged.remove(frozen.id)  # a later write has made a copy
            raise


def lacks_much(staged: StagedFile) -> bool:
    """Whether more of the old version is missing than a close() can wait for."""
    return staged.unfetched > FLUSH_FETCH
