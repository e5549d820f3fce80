"""The thread that writes the index: it commits the actions of many callers in one transaction.

An action that fails before its first write does not disturb the others of its group. If an action
fails later, or the commit fails, the group is rolled back and its actions are committed one by one.
On a full disk, actions that give room back (`frees`) get the room of the ballast file; no other
action does, until the ballast can be laid again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Generic, TypeVar

import msgspec

from s3d.agent.core.telemetry import Histogram
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.disk import Disk
from s3d.agent.storage.generation import Generation
from s3d.agent.storage.log_sync import LogSync
from s3d.agent.storage.transaction import Effects, Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

_DAMAGE_NAMES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""How names of the errors begin that speak of the file and not of a statement."""

_GROUP = 256
"""Actions in one commit, at most."""


class IndexUnreadable(S3Error):
    """The file or the disk below it is damaged: what is in the index cannot be read."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__("InternalError", f"the index {path} cannot be read: {why}")


@dataclass(slots=True)
class QueuedAction(Generic[T]):
    """An action that is queued for the writer thread."""

    action: Callable[[Transaction], T]
    undo: Callable[[], None] | None
    future: asyncio.Future[T]
    frees: bool = False
    syncs_later: bool = False
    """Nobody minds if a power cut within log_sync.DELAY undoes it."""
    result: T | None = None
    error: BaseException | None = None
    in_doubt: bool = False
    """The sync of the disk failed: what was written may still turn up after a crash."""
    met_full_disk: bool = False


class IndexWriter:
    """The writer thread. put() and close() belong to the event loop, the rest to the thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        disk: Disk,
        generation: Generation | None,
        is_durable: bool,
        on_committed: Callable[[Effects, list[QueuedAction[Any]]], None],
        commits: Histogram | None = None,
    ) -> None:
        """on_committed: called on the loop with what a group has changed, and with its actions.
        is_durable: commits are synced, and the disk has a ballast. commits: gets the time of each
        commit, in the thread."""
        self._connection = connection
        self._path = path
        self._disk = disk
        self._generation = generation
        self._log_sync = LogSync(connection.execute, path, is_durable=is_durable)
        self.has_ballast = is_durable
        self._on_committed = on_committed
        self._commits = commits
        self._ballast_is_gone = False
        self._queue: SimpleQueue[QueuedAction[Any] | None] = SimpleQueue()
        self._has_stopped = False
        self._thread = threading.Thread(target=self._run_forever, name="index-write", daemon=True)
        self._thread.start()

    def put(self, queued: QueuedAction[Any]) -> None:
        """Queue an action. Raises ServiceUnavailable when the thread has stopped."""
        if self._has_stopped:
            raise S3Error("ServiceUnavailable", "the store is closed")
        self._queue.put(queued)

    @property
    def is_behind(self) -> bool:
        """Whether a power cut now could undo a commit. In any thread."""
        return self._log_sync.is_behind

    def close(self) -> None:
        """Commit what is queued, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _run_forever(self) -> None:
        try:
            self._commit_groups(Transaction(self._connection.execute))
        finally:
            self._has_stopped = True

    def _commit_groups(self, tx: Transaction) -> None:
        while (first := self._next()) is not None:
            group = [first]
            stop = False
            while len(group) < _GROUP and not stop:
                try:
                    following = self._queue.get_nowait()
                except Empty:
                    break
                if following is None:
                    stop = True
                else:
                    group.append(following)
            self._run(tx, group)
            if stop:
                break
        if self._log_sync.is_behind:
            self._sync_log()

    def _next(self) -> QueuedAction[Any] | None:
        """The next action; until it comes, what was committed gets to the disk."""
        while True:
            try:
                log = self._log_sync
                return self._queue.get(timeout=log.timeout() if log.is_behind else None)
            except Empty:
                self._sync_log()

    def _sync_log(self) -> None:
        try:
            self._log_sync.run()
        except S3Error as error:
            logger.error("%s path=%s", error.message, self._path)
        else:
            if self._generation is not None:
                self._generation.synced()

    def _run(self, tx: Transaction, group: list[QueuedAction[Any]]) -> None:
        """Commit a group; if one action makes it fail, commit its actions one by one."""
        if self._ballast_is_gone:
            self._ballast_is_gone = not self._disk.lay_ballast()
        if self._ballast_is_gone or not self._attempt(tx, group):
            for queued in group:
                if not self._run_alone(tx, queued):
                    self._deliver(Effects(), [queued])

    def _run_alone(self, tx: Transaction, queued: QueuedAction[Any]) -> bool:
        """Commit one action; on a full disk, one that gives room back has that of the ballast."""
        queued.result, queued.error = None, None
        if self._ballast_is_gone and not queued.frees:
            queued.error = self._disk.full()
            return False
        if self._attempt(tx, [queued]):
            return True
        if not (queued.met_full_disk and queued.frees and self.has_ballast):
            return False
        if self._ballast_is_gone or not self._disk.drop_ballast():
            return False
        self._ballast_is_gone = True
        queued.error = None
        return self._attempt(tx, [queued])

    def _attempt(self, tx: Transaction, group: list[QueuedAction[Any]]) -> bool:
        """True: the group is committed and delivered. False: rolled back, errors are noted."""
        failed: BaseException | None = None
        log, generation, wrote, is_durable = self._log_sync, self._generation, False, True
        try:
            self._prepare(group)
            self._connection.execute("BEGIN IMMEDIATE")
            for queued in group:
                tx.wrote = False
                try:
                    queued.result = queued.action(tx)
                except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
                    queued.error = self._meaning(error)
                    if tx.wrote:
                        failed = error
                        break
                wrote = wrote or tx.wrote
            if failed is None:
                tx.settle(generation.next if wrote and generation is not None else 0)
                started = perf_counter()
                self._connection.execute("COMMIT")
                if self._commits is not None:
                    self._commits.observe(perf_counter() - started)
                has_written = wrote and generation is not None  # a row at least
                is_durable = log.is_idle or log.committed(wrote=has_written)
        except sqlite3.Error as error:
            failed = error
        except Exception as error:  # noqa: BLE001 - the callers get it, and the thread goes on
            failed = error
            for queued in group:
                queued.error = error
        if failed is None:
            if wrote and generation is not None:
                generation.committed(names_files=tx.effects.names_files, is_durable=is_durable)
            effects, tx.effects = tx.effects, Effects()
            self._deliver(effects, group)
            return True
        self._roll_back(tx, group, failed)
        return False

    def _prepare(self, group: list[QueuedAction[Any]]) -> None:
        syncs_later = all(queued.syncs_later for queued in group)
        if syncs_later or not self._log_sync.is_idle:
            self._log_sync.prepare(syncs_later=syncs_later)

    def _roll_back(
        self, tx: Transaction, group: list[QueuedAction[Any]], failed: BaseException
    ) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")
        tx.roll_back()
        if not isinstance(failed, sqlite3.Error):
            return
        name = getattr(failed, "sqlite_errorname", "")
        for queued in group:
            queued.error = self._meaning(failed)
            queued.met_full_disk = name == "SQLITE_FULL"
            queued.in_doubt = not queued.met_full_disk and len(group) == 1

    def _meaning(self, error: Exception) -> Exception:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_FULL":
            return self._disk.full()
        if name.startswith("SQLITE_IOERR"):
            logger.error("the index cannot be written: %s path=%s", name, self._path)
            return S3Error("SlowDown", f"the disk that holds {self._disk.folder} failed: {error}")
        return damage_of(error, self._path) or error

    def _deliver(self, effects: Effects, group: list[QueuedAction[Any]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it every caller
            group[0].future.get_loop().call_soon_threadsafe(self._on_committed, effects, group)


def damage_of(error: Exception, path: Path) -> IndexUnreadable | None:
    """The damage of the file that an error of a statement shows; None for any other error."""
    name = getattr(error, "sqlite_errorname", "")
    if not name.startswith(_DAMAGE_NAMES) and not isinstance(error, msgspec.DecodeError):
        return None
    logger.error("the index cannot be read: %s path=%s", error, path)
    return IndexUnreadable(path, error)
