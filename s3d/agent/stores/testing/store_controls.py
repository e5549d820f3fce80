"""Resets a store made for tests, moves its clock, and takes and restores snapshots of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from s3d.agent.core.clock import MovableClock
from s3d.agent.core.request_ring import RequestRing
from s3d.agent.storage import snapshots
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.snapshots import Removed, Snapshot
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.testing.faults import Faults
from s3d.shared.testing import ClockState
from s3d.shared.text import duration

logger = logging.getLogger(__name__)

_CLOCK = ("", "test.clock")
"""Bucket and name of the setting that has the offset of the clock."""


class StoreControls:
    """What is possible in a store made for tests, and in no other. Each change is one commit."""

    def __init__(
        self,
        index: Index,
        clock: MovableClock,
        *,
        apply_lifecycle: Callable[[], Awaitable[int]],
        on_replaced: Callable[[], None],
    ) -> None:
        """clock: that of the store; it gets the offset that the index has. apply_lifecycle: carries
        out lifecycle rules, and returns how much was removed. on_replaced: called after a reset or
        restore, when everything in the store may be another."""
        self._index = index
        self._clock = clock
        self._apply_lifecycle = apply_lifecycle
        self._on_replaced = on_replaced
        self.faults = Faults()
        self.requests = RequestRing()
        clock.offset = index.read_inline(_offset)

    def clock(self, removed: int = 0) -> ClockState:
        return ClockState(self._clock.now(), self._clock.offset, removed)

    async def set_clock(self, moment: float) -> ClockState:
        """Let it be this moment now, in Unix seconds. Raises ValueError."""
        return await self._move(self._clock.offset_for(moment))

    async def advance_clock(self, seconds: float) -> ClockState:
        """Raises ValueError."""
        self._clock.offset_for(self._clock.now() + seconds)  # raises where S3 has no date
        return await self._move(self._clock.offset + seconds)

    async def reset_clock(self) -> ClockState:
        """Back to the machine's clock."""
        return await self._move(0.0)

    async def reset(self) -> Removed:
        """Remove all buckets and what is in them; end all faults, forget the recorded requests and
        set the clock back. Access keys and snapshots stay."""

        def act(tx: Transaction) -> Removed:
            removed = snapshots.reset(tx, self._index.forget_all)
            tx.put_setting(*_CLOCK, None)
            tx.on_commit(partial(self._set_offset, 0.0))
            return removed

        removed = await self._index.write(act, frees=True)
        self.faults.clear()
        self.requests.clear()
        self._on_replaced()
        return removed

    async def save_snapshot(self, name: str) -> Snapshot:
        """Take a snapshot of all buckets; one of the same name is replaced."""
        now = time.time()
        return await self._index.write(lambda tx: snapshots.save(tx, name, now))

    async def restore_snapshot(self, name: str) -> Snapshot | None:
        """Make all buckets what they were in a snapshot; None: there is none of that name."""
        restore = partial(snapshots.restore, name=name, forget=self._index.forget_all)
        found = await self._index.write(restore, frees=True)
        if found is not None:
            self._on_replaced()
        return found

    async def drop_snapshot(self, name: str) -> bool:
        """False: there is none of that name."""
        return await self._index.write(lambda tx: snapshots.drop(tx, name), frees=True)

    async def list_snapshots(self) -> list[Snapshot]:
        """All, by name."""
        return await self._index.read_in_thread(snapshots.snapshots)

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        found = []
        if offset := self._clock.offset:
            way = "ahead" if offset > 0 else "behind"
            found.append(
                f"the clock of the store is {duration(abs(offset))} {way}: s3d clock reset"
            )
        if count := len(list(self.faults)):
            found.append(f"requests fail on demand, faults: {count}: s3d fault ls")
        return found

    async def _move(self, offset: float) -> ClockState:
        """The offset is durable before it is in force. What has expired by then is removed."""

        def act(tx: Transaction) -> None:
            tx.put_setting(*_CLOCK, repr(offset).encode() if offset else None)
            tx.on_commit(partial(self._set_offset, offset))

        await self._index.write(act)
        logger.info("moved the clock of the store offset=%.0f", offset)
        return self.clock(await self._apply_lifecycle())

    def _set_offset(self, offset: float) -> None:
        self._clock.offset = offset


def _offset(reader: Reader) -> float:
    row = reader.setting(*_CLOCK)
    return 0.0 if row is None else float(row)
