"""The index: one SQLite file, written by one thread that commits many callers' actions at once.

An action is a function of a Transaction. Actions run one after the other, so what one has checked
(a condition, a bucket, an upload) holds until it has written: no locks. A group of them shares one
commit and so one sync of the disk (synchronous=FULL): a write is durable when it is answered.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from s3d.agent.core.telemetry import Histogram
from s3d.agent.storage.disk import Disk
from s3d.agent.storage.generation import Generation
from s3d.agent.storage.index_writer import IndexUnreadable, IndexWriter, QueuedAction, damage_of
from s3d.agent.storage.reader import Reader, RecordCache
from s3d.agent.storage.tables import LAYOUT as LAYOUT
from s3d.agent.storage.tables import Tables as Tables
from s3d.agent.storage.tables import prepare, save_log
from s3d.agent.storage.transaction import Effects, Transaction
from s3d.shared.atomic_file import sync_folder
from s3d.shared.errors import S3dError

logger = logging.getLogger(__name__)

T = TypeVar("T")


DAMAGE: type[Exception] = IndexUnreadable
"""Raised by look, read and write for a file that is no index any more."""
_CHECKPOINT = 4_000
"""Pages (4 KiB) of the log after which SQLite carries them over into the file."""
_LOG_SIZE = 64 << 20
"""Bytes above which the log is cut after a checkpoint."""
_PAGE = 4096
"""Bytes of a page of SQLite."""
_LOG_SHARE = 16
"""The log is carried over when it is one part in so many of a small disk."""
_FEWEST = 16
"""Pages of the log between two checkpoints, at least."""
_READERS = 2


class Index:
    """Open with Index.open, close with close(); everything else belongs to one event loop."""

    def __init__(
        self,
        path: Path,
        *,
        ephemeral: bool,
        tables: Tables | None,
        lossy: bool = False,
        blobs: Path | None = None,
        commits: Histogram | None = None,
    ) -> None:
        self.path = path
        self.disk = Disk(path.parent)
        self.on_freed: Callable[[list[int]], None] = lambda blobs: None
        """Called on the loop after a commit, with blobs in files that no row names any more."""
        self._sync = "OFF" if ephemeral else "NORMAL" if lossy else "FULL"
        if blobs is not None and not path.exists():
            save_log(path)
        self._writer = self._connect()
        try:
            is_new = prepare(self._writer, path, tables)
        except BaseException:
            self._writer.close()
            raise
        self.generation: Generation | None = None
        """None: nothing says whether the index is the newest one of its files."""
        if blobs is not None and self._sync == "FULL":
            self.generation = Generation(self._writer.execute, blobs, is_new=is_new)
        is_durable = self._sync == "FULL"
        if is_durable:
            sync_folder(path.parent)
            self.disk.lay_ballast()
        self._cache = RecordCache()
        self._connections = [self._writer]
        self._reader = Reader(self._connect_reader().execute, self._cache)
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="index-read")
        self._write_thread = IndexWriter(
            self._writer,
            path,
            disk=self.disk,
            generation=self.generation,
            is_durable=is_durable,
            on_committed=self._finish,
            commits=commits,
        )

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        ephemeral: bool = False,
        lossy: bool = False,
        tables: Tables | None = None,
        blobs: Path | None = None,
        commits: Histogram | None = None,
    ) -> Self:
        """Open or create. Raises UsageError for a file of a newer s3d, S3dError for a broken one.

        ephemeral: for a store that is deleted with the process; nothing is synced to the disk.
        lossy: for data that can be fetched again; a power cut may lose the newest commits, but
        leaves the file consistent. blobs: the folder of the files that this index names, which
        carries its generation. commits: gets the time of each commit.
        """
        try:
            return cls(
                path, ephemeral=ephemeral, tables=tables, lossy=lossy, blobs=blobs, commits=commits
            )
        except sqlite3.DatabaseError as error:
            raise S3dError(
                "cannot open the index",
                f"{path}: {error}",
                "s3d check --repair recovers the readable part; or restore the whole folder, "
                "index and blobs together, from a copy",
            ) from error

    def close(self) -> None:
        """Commit the writes that are queued, then close the file."""
        self._write_thread.close()
        self._readers.shutdown()
        for connection in reversed(self._connections):
            connection.close()
        if self.generation is not None:
            self.generation.close()

    async def settle_generation(self) -> None:
        """Record that this index references every file: from now on, it is the newest one."""
        generation = self.generation
        if generation is not None and generation.doubt is not None:
            await self.write(generation.enter)
            await asyncio.to_thread(generation.settle)

    def read_inline(self, query: Callable[[Reader], T]) -> T:
        """Query on the loop: for point look-ups, which take some microseconds.

        Raises IndexUnreadable, here as in read().
        """
        try:
            return query(self._reader)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            damage = damage_of(error, self.path)
            if damage is None:
                raise
            raise damage from error

    def per_bucket(self, make: Callable[[Reader, str], T | None]) -> Callable[[str], T | None]:
        """A look-up, on the loop, of a value made of a bucket's record and settings.

        make: gets the name of the bucket; None, for a bucket that does not exist, is not cached.
        The value is cached until the record or a setting of the bucket changes.
        """
        known: dict[str, T] = {}
        self._cache.of_buckets.append(known)

        def look(bucket: str) -> T | None:
            value = known.get(bucket)
            if value is None:
                value = self.read_inline(lambda reader: make(reader, bucket))
                if value is not None:
                    known[bucket] = value
            return value

        return look

    def forget_all(self) -> None:
        """Drop all cached records."""
        self._cache.clear()

    async def read_in_thread(self, query: Callable[[Reader], T]) -> T:
        """Query in a thread: for pages. The query sees one consistent state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    async def write(
        self,
        action: Callable[[Transaction], T],
        undo: Callable[[], None] | None = None,
        *,
        frees: bool = False,
        syncs_later: bool = False,
    ) -> T:
        """Run an action and return its result once it is durable; what it raises is raised here.

        The action does all its checks before it writes for the first time, and nothing but that: it
        may be run more than once. Cancelling the caller does not cancel the action. undo: called on
        the loop when it is certain that the action did not happen, even if the caller was
        cancelled. frees: the action frees space, or records a step towards that (a delete, a push):
        on a full disk it may use the space of the ballast, which no other action may. syncs_later:
        return when a kill of the process cannot undo the action any more; a power cut can for
        log_sync.DELAY seconds, or until another write or sync() has returned.
        """
        return await self.post(action, undo, frees=frees, syncs_later=syncs_later)

    @property
    def is_behind(self) -> bool:
        """Whether a power cut could undo what was written with syncs_later. In any thread."""
        return self._write_thread.is_behind

    async def sync(self) -> None:
        """Return when a power cut can undo nothing that was written."""
        if self.is_behind:
            await self.write(lambda tx: None)

    def post(
        self,
        action: Callable[[Transaction], T],
        undo: Callable[[], None] | None = None,
        *,
        frees: bool = False,
        syncs_later: bool = False,
    ) -> asyncio.Future[T]:
        """Like write(), for a caller that does not wait. Actions run in the order of their
        calls."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._write_thread.put(QueuedAction(action, undo, future, frees, syncs_later))
        return future

    def _read(self, query: Callable[[Reader], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect_reader()
        try:
            connection.execute("BEGIN")
            try:
                return query(Reader(connection.execute))
            finally:
                connection.execute("COMMIT")
        except (sqlite3.Error, msgspec.DecodeError) as error:
            damage = damage_of(error, self.path)
            if damage is None:
                raise
            raise damage from error

    def _connect_reader(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        self._connections.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=10
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error:  # the first statement that reads the file
            connection.close()
            raise
        connection.execute(f"PRAGMA synchronous = {self._sync}")
        connection.execute("PRAGMA fullfsync = ON")  # macOS
        # On a disk of a few megabytes the log must leave room for the tables that it ends up in.
        pages = min(_CHECKPOINT, max(_FEWEST, self.disk.total() // _LOG_SHARE // _PAGE))
        connection.execute(f"PRAGMA journal_size_limit = {min(_LOG_SIZE, pages * _PAGE)}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        return connection

    # Back on the loop

    def _finish(self, effects: Effects, group: list[QueuedAction[Any]]) -> None:
        # Forgotten, not replaced: the next group may be committed already, and whoever has seen its
        # state must not see this one's after it.
        for bucket in effects.buckets:
            self._cache.forget_bucket(bucket)
        for name in effects.objects:
            self._cache.objects.pop(name, None)
        if effects.freed:
            self.on_freed(effects.freed)
        for follow in effects.callbacks:
            follow()
        for queued in group:
            if queued.error is not None and queued.undo is not None and not queued.in_doubt:
                queued.undo()
            if queued.future.done():
                continue
            if queued.error is not None:
                queued.future.set_exception(queued.error)
            else:
                queued.future.set_result(queued.result)
