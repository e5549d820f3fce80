"""Writes that wait for remotes other than the one in use: shown, exported, discarded, moved.

Their queues stay closed until a call needs one. The agent holds the lock of the folder of all
queues, so no other process changes them meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from s3d.agent.app.embedded import open_index, open_store
from s3d.agent.app.remote_folders import RemoteFolder, folders_of, read_identity, write_identity
from s3d.agent.app.remote_state import RemoteState
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import Index
from s3d.agent.stores.remote.backend import RemoteBackend
from s3d.agent.stores.remote.identity import RemoteIdentity, is_name_of
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.parked_conflicts import load_conflicts
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PendingWrite
from s3d.agent.stores.write_queue.move_writes import Mover, OpenQueue, Target, Unmoved
from s3d.agent.stores.write_queue.queue_status import QueueParts
from s3d.shared.config.schema import Config
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.logs import log_fields
from s3d.shared.paths import Places
from s3d.shared.text import count
from s3d.shared.transfers import Totals, WaitingRemote

logger = logging.getLogger(__name__)

INDEX = "index.sqlite"


@asynccontextmanager
async def open_queue(folder: Path) -> AsyncIterator[OpenQueue]:
    """Open a queue that is not in use. Raises S3dError, OSError."""
    index = open_index(folder, tables=journal_rows.TABLES)
    try:
        journal = await Journal.open(index, Events())
        staging = open_store(index, folder, on_change=journal.recorder.record)
        try:
            yield OpenQueue(journal, staging.body_of, staging.local)
        finally:
            await journal.close()
    finally:
        index.close()


def count_waiting(folder: Path) -> tuple[Totals, float | None]:
    """The pending writes in a queue's folder, and when the oldest was accepted.

    Parked conflicts count: this queue has the only copy of their bytes.
    """
    pending, parked = _writes_of(folder)
    writes = pending + parked
    oldest = min((write.first_accepted for write in writes), default=None)
    return Totals(len(writes), sum(write.size for write in writes)), oldest


def has_pending(folder: Path) -> bool:
    """Whether the queue would push anything; a parked conflict is not pushed by itself."""
    return bool(_writes_of(folder)[0])


def _writes_of(folder: Path) -> tuple[list[PendingWrite], list[PendingWrite]]:
    """The pending writes, and those that are parked as conflicts."""
    if not (folder / INDEX).exists():
        return [], []
    index: Index = open_index(folder, tables=journal_rows.TABLES)
    try:
        parked = [conflict.write for conflict in index.read_inline(load_conflicts)]
        return list(index.read_inline(journal_rows.load)), parked
    finally:
        index.close()


class WaitingWrites:
    """The queues of the other remotes. Belongs to the loop."""

    def __init__(self, base: Path, current: Path | None, target: Target | None) -> None:
        """base: the folder of all queues. current: that of the queue in use. target: where
        writes are moved to. Reads the other queues. Raises S3dError, OSError."""
        self._base = base
        self._current = current
        self._target = target
        self._lock = asyncio.Lock()
        self._waiting: dict[str, WaitingRemote] = {}
        for folder in folders_of(base):
            if folder.path != current:
                self._note(folder)

    def status(self, name: str = "") -> list[WaitingRemote]:
        """The remotes with waiting writes. name: only those of this id or URL, in any form."""
        there = [waiting for waiting in self._waiting.values() if waiting.writes.files]
        if not name:
            return there
        named = {each.identity.id for each in folders_of(self._base)
                 if _is_named(each.identity, name)}  # fmt: skip
        return [waiting for waiting in there if waiting.id in named]

    def find(self, name: str) -> RemoteFolder:
        """The folder of a remote, by id or URL. Raises NotFoundError."""
        folders = [each for each in folders_of(self._base) if each.path != self._current]
        for folder in folders:
            if name == folder.identity.id:
                return folder
        found = [each for each in folders if _is_named(each.identity, name)]
        if len(found) == 1:
            return found[0]
        why = (
            "the URL has several accounts: use the id instead"
            if found
            else "no other remote has this id or URL"
        )
        raise NotFoundError("no such remote", f"{name}: {why}", "s3d status lists them")

    @asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[OpenQueue]:
        """Open the queue of a remote, by id or URL. Raises NotFoundError, S3dError, OSError."""
        folder = self.find(name)
        async with self._lock:
            try:
                async with open_queue(folder.path) as queue:
                    yield queue
            finally:
                self._note(folder)

    async def move(
        self, name: str, seqs: Sequence[int] = (), *, after: int = 0
    ) -> tuple[int, list[Unmoved]]:
        """Move the waiting writes of another remote to the one in use; how many, and those left.

        seqs: the writes to move, none for all. after: only those accepted after this number. Parked
        conflicts stay, because they need a decision about an object of their own remote.
        """
        if self._target is None:
            raise S3dError("there is no remote to move to")
        async with self.opened(name) as queue:
            mover = Mover(queue, self._target)
            chosen = [
                write
                for write in queue.writes()
                if write.seq > after and (not seqs or write.seq in seqs)
            ]
            parked = [write for write in chosen if write.state is PendingState.CONFLICT]
            movable = [write for write in chosen if write.state is not PendingState.CONFLICT]
            moved, left = await mover.move(movable)
            return moved, [*left, *(Unmoved(write, _is_conflict()) for write in parked)]

    def _note(self, folder: RemoteFolder) -> None:
        try:
            writes, oldest = count_waiting(folder.path)
        except S3dError as error:
            logger.warning("cannot read the pending writes for %s: %s", folder.identity.url, error)
            return
        self._waiting[folder.identity.id] = waiting_remote(folder.identity, writes, oldest)


def _is_named(identity: RemoteIdentity, name: str) -> bool:
    return is_name_of(name, identity.id, identity.endpoint)


def _is_conflict() -> S3Error:
    return S3Error(
        "OperationAborted", "The write conflicts with its own remote: export or discard it."
    )


def waiting_remote(identity: RemoteIdentity, writes: Totals, oldest: float | None) -> WaitingRemote:
    """A remote and its pending writes as the control API shows them."""
    account = identity.owner or (identity.keys[-1] if identity.keys else "")
    return WaitingRemote(identity.id, identity.url, account, writes, oldest)


async def take_over(state: RemoteState, waiting: WaitingWrites) -> None:
    """Move the writes that were accepted before the account was known into its own queue; once.

    The agent was started with a new access key while the remote was unreachable, and continued
    with the queue of the same endpoint; then the key turned out to be of another account. What
    cannot be moved stays in the other queue, where the status shows it. Raises S3dError, OSError.
    """
    todo, folder = state.identity.take_over, state.places.remote_state_dir
    if todo is None or folder is None:
        return
    try:
        moved, left = await waiting.move(todo.source, after=todo.after)
    except NotFoundError:
        moved, left = 0, []
    logger.info("took over %s, accepted before the account was known", count(moved, "write"))
    for unmoved in left:
        fields = log_fields(bucket=unmoved.write.bucket, key=unmoved.write.key)
        logger.warning("cannot take over a write: %s", unmoved.error.message, extra=fields)
    identity = read_identity(folder)
    if identity is not None:
        write_identity(folder, msgspec.structs.replace(identity, take_over=None))


def target_of_moves(top: ObjectStore, remote: RemoteBackend, queue: QueueParts | None) -> Target:
    """The target of moves of writes that wait for other remotes."""
    target = Target(top, clock_offset=lambda: remote.health.clock_offset)
    if queue is None:
        return target
    return target._replace(journal=queue.journal, is_too_large=queue.admission.is_too_large)


def waiting_writes(
    config: Config, base: Places, state: RemoteState, target: Target
) -> WaitingWrites | None:
    """Those of the configured folder; None when no queue of this agent is there."""
    folder = base.write_queue_dir
    if not config.write_queue.enabled and not folder.is_relative_to(base.data_dir):
        return None
    current = state.places.write_queue_dir if config.write_queue.enabled else None
    return WaitingWrites(folder, current, target)
