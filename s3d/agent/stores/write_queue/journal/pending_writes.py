"""The journal's state in memory: pending writes, the push schedule, and who waits for pushes.

PendingWrites belongs to the loop; the writer thread uses its `claims` only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from s3d.agent.s3.errors import ERRORS, S3Error
from s3d.agent.stores.write_queue.journal.journal_history import UnresolvedPushes
from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import (
    STUCK,
    Kind,
    PendingState,
    PendingWrite,
    PushError,
)
from s3d.agent.stores.write_queue.journal.push_order import PushScheduler, Turn, WriteOrder


class PushClaims:
    """Keeps a write from being pushed and replaced at the same time.

    Otherwise a crash could leave a request at the remote that no row tells of, and the replacement
    would take its result for another writer's. The loop begins pushes, and the writer thread
    replaces rows. Each enters its own claim before it looks for the other's, so at least one of
    them sees the other.
    """

    def __init__(self, pushing: Iterable[int] = ()) -> None:
        """pushing: seqs."""
        self.pushing = set(pushing)
        """Seqs of writes that are being pushed. Changed by the loop only."""
        self._replacing: set[int] = set()

    def begin_replacing(self, seq: int) -> bool:
        """False: the write is being pushed and must keep its row. Called in the writer thread."""
        self._replacing.add(seq)
        if seq not in self.pushing:
            return True
        self._replacing.discard(seq)
        return False

    def is_replaced(self, seq: int) -> bool:
        """Whether a commit that may remove the row of this write has not ended yet."""
        return seq in self._replacing

    def end_replacing(self, seq: int) -> None:
        """The row is gone, or stays."""
        self._replacing.discard(seq)


class PendingWrites:
    """State transitions of pending writes. The journal keeps it in step with the rows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.paused = False
        self.index = PendingIndex()
        self.claims = PushClaims()
        self.unresolved = UnresolvedPushes()
        self.bases: dict[int, str] = {}
        """By seq: the state of the key that HeadObject has shown and that may be replaced."""
        self.on_change: list[Callable[[], None]] = []
        """Called whenever a pending write has changed."""
        self._clock = clock
        self.order = WriteOrder()
        self.order.on_end = lambda place: self._offer(*place)
        self._schedule = PushScheduler(self.index, self.order)
        self._waiters = SettleWaiters()
        self._wakeup = asyncio.Event()

    def add(self, write: PendingWrite, replaced: list[int]) -> None:
        """A write was accepted. replaced: seqs of the writes that it replaces."""
        for seq in replaced:
            self.claims.end_replacing(seq)
            # A write that was taken meanwhile stays until it is found to have no row.
            if seq not in self.claims.pushing:
                self._forget(seq)
                self._unblock(self.index.remove(seq))
        if write.kind is Kind.TAGS:  # of an object that is being pushed
            earlier = [each.seq for each in self.index.of_key(write.bucket, write.key)]
        else:
            earlier = replaced
        self.index.add(write)
        self.order.add(write, earlier)
        head = self.index.of_key(write.bucket, write.key)[0]
        if head is not write and head.state is PendingState.VERIFYING:
            head.retry_at = 0.0  # its successor will be verified in its place
        self.changed(write)

    def pushed(self, write: PendingWrite) -> None:
        """The remote has the write, or a newer version that waiting requests must see."""
        self._waiters.pushed(write)
        self.drop(write)

    def retry_later(self, write: PendingWrite, retry_at: float, error: PushError | None) -> None:
        """The write was not pushed and waits again."""
        self.claims.pushing.discard(write.seq)
        self.index.set_state(write, PendingState.WAITING)
        write.retry_at = retry_at
        if error is not None:
            write.attempts += 1
            write.error = error
            self._waiters.delayed(write, partial(_delayed_error, write, error))
        self.changed(write)

    def park(self, write: PendingWrite, error: PushError, retry_at: float) -> None:
        """The remote refuses the write."""
        self.claims.pushing.discard(write.seq)
        write.attempts += 1
        write.error, write.retry_at = error, retry_at
        self.set_stuck(write, PendingState.FAILED)

    def verify(self, write: PendingWrite, until: float, reason: PushError) -> None:
        """The remote has the write, and is checked once more at `until` (Unix seconds).

        The check is due at once when a later write of the key was accepted while this was being
        saved: that one would wait for it.
        """
        self.claims.pushing.discard(write.seq)
        has_successor = len(self.index.of_key(write.bucket, write.key)) > 1
        write.error, write.retry_at = reason, 0.0 if has_successor else until
        self.index.set_state(write, PendingState.VERIFYING)
        self._waiters.pushed(write)
        self.changed(write)

    def exclude(self, write: PendingWrite, reason: PushError) -> None:
        """The filter holds the write."""
        self.claims.pushing.discard(write.seq)
        write.error, write.retry_at = reason, 0.0
        self.set_stuck(write, PendingState.HELD)

    def hold(self, write: PendingWrite) -> None:
        """The user has paused the write while it was pushed."""
        self.claims.pushing.discard(write.seq)
        write.error, write.retry_at = None, 0.0
        self.set_stuck(write, PendingState.HELD)

    def set_stuck(self, write: PendingWrite, state: PendingState) -> None:
        """The write will not be pushed: state is HELD or FAILED."""
        self.index.set_state(write, state)
        self._waiters.failed(write, partial(_stuck_error, write))
        self._unblock(write)
        self.changed(write)

    def drop(self, write: PendingWrite) -> None:
        """The write is not pending any more."""
        self.claims.pushing.discard(write.seq)
        self._forget(write.seq)
        self._unblock(self.index.remove(write.seq))
        if not self.index.of_key(write.bucket, write.key):
            self._waiters.emptied(write)
        self.changed(write)

    def _unblock(self, removed: PendingWrite | None) -> None:
        """Offer the writes that have waited for this one, which is not pending any more."""
        if removed is None:
            return
        waiting = [removed.source] if removed.source else []
        if removed.kind is Kind.DELETE:
            parts = removed.key.split("/")
            waiting += ["/".join(parts[:depth]) + "/" for depth in range(1, len(parts))]
        for key in waiting:
            self._offer(removed.bucket, key)

    def _forget(self, seq: int) -> None:
        self.unresolved.forget(seq)
        self.bases.pop(seq, None)

    # The schedule

    async def take(self) -> PendingWrite:
        """Wait for the next due write of a key that is not being pushed, and mark it PUSHING."""
        while True:
            now = self._clock()
            write = None if self.paused else self._schedule.next(now)
            if write is not None:
                self.claims.pushing.add(write.seq)
                self.index.set_state(write, PendingState.PUSHING)
                return write
            self._wakeup.clear()
            later = None if self.paused else self._schedule.next_at()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if later is None else max(0.0, later - now)):
                    await self._wakeup.wait()

    async def settled(self, bucket: str, key: str = "", *, turn: Turn | None = None) -> None:
        """Push what is pending now before everything else, and wait until the remote has it.

        turn: of the caller, who waits only for what comes before it. For a key: raises S3Error when
        the remote refuses or cannot take it. For a bucket (key ""): held and parked writes, also
        those that are parked meanwhile, are skipped.
        """
        needed = self._needed(bucket, key, turn)
        if not needed:
            return
        places = [(bucket, name) for name in needed]
        for place in places:
            self._schedule.expedite(place, self._clock())
            self._schedule.offer(*place, self._clock())
        self._wakeup.set()
        try:
            await self._waiters.wait(SettleWaiter(bucket, needed, is_strict=bool(key)))
        finally:
            for place in places:
                self._schedule.relax(place)

    def _needed(self, bucket: str, key: str, turn: Turn | None) -> dict[str, int]:
        """Key -> seq of the last write that a settled() call has to wait for."""
        needed: dict[str, int] = {}
        copies = self.index.copies.of(bucket, key) if key else ()
        for write in (*copies, *self.index.writes(bucket, key)):
            if write.state is PendingState.VERIFYING:
                continue  # the remote has it
            if turn is not None and not turn.follows(write):
                continue
            if write.state in STUCK:
                if key:
                    raise _stuck_error(write)
                needed.setdefault(write.key, 0)
            elif needed.get(write.key) != 0:
                needed[write.key] = write.seq
        return {name: seq for name, seq in needed.items() if seq}

    def wake(self) -> None:
        """A caller of take() may have something to take."""
        self._wakeup.set()

    def hurry(self, writes: Iterable[PendingWrite]) -> None:
        """Let writes be retried at once."""
        for write in writes:
            write.retry_at = 0.0
            self._offer(write.bucket, write.key)
        self.notify()

    def changed(self, write: PendingWrite) -> None:
        """The write has changed: offer its key to the schedule, and notify."""
        self._offer(write.bucket, write.key)
        self.notify()

    def notify(self) -> None:
        """Call on_change."""
        for callback in self.on_change:
            callback()

    def _offer(self, bucket: str, key: str) -> None:
        later = self._schedule.next_at()
        is_due = self._schedule.offer(bucket, key, self._clock())
        if is_due or self._schedule.next_at() != later:
            self._wakeup.set()


class SettleWaiter:
    """Waits until a write of each of some keys, or a later one, was pushed."""

    def __init__(self, bucket: str, needed: dict[str, int], *, is_strict: bool) -> None:
        """needed: key -> seq. is_strict: a write that cannot be pushed is an error; otherwise it is
        skipped."""
        self.bucket = bucket
        self.needed = needed
        self.is_strict = is_strict
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def forget(self, key: str) -> None:
        self.needed.pop(key, None)
        if not self.needed and not self.future.done():
            self.future.set_result(None)


class SettleWaiters:
    """All requests that wait for pushes. Belongs to the loop."""

    def __init__(self) -> None:
        self._waiters: set[SettleWaiter] = set()

    async def wait(self, waiter: SettleWaiter) -> None:
        """Raises the error of failed() or delayed() for a strict waiter."""
        self._waiters.add(waiter)
        try:
            await waiter.future
        finally:
            self._waiters.discard(waiter)

    def pushed(self, write: PendingWrite) -> None:
        """The remote has the write, and so all earlier ones of its key."""
        for waiter in self._of(write):
            if waiter.needed[write.key] <= write.seq:
                waiter.forget(write.key)

    def emptied(self, write: PendingWrite) -> None:
        """Its key has no pending write any more."""
        for waiter in self._of(write):
            waiter.forget(write.key)

    def failed(self, write: PendingWrite, error: Callable[[], S3Error]) -> None:
        """The write will not be pushed for the time being."""
        for waiter in self._of(write):
            if not waiter.is_strict:
                waiter.forget(write.key)
            elif not waiter.future.done():
                waiter.future.set_exception(error())

    def delayed(self, write: PendingWrite, error: Callable[[], S3Error]) -> None:
        """A push has failed and will be retried later. Strict waiters do not wait for that."""
        for waiter in self._of(write):
            if waiter.is_strict and not waiter.future.done():
                waiter.future.set_exception(error())

    def _of(self, write: PendingWrite) -> list[SettleWaiter]:
        if not self._waiters:
            return []
        return [
            waiter
            for waiter in self._waiters
            if waiter.bucket == write.bucket and write.key in waiter.needed
        ]


def _stuck_error(write: PendingWrite) -> S3Error:
    """For a request that needs a held or parked write to be at the remote."""
    error = write.error
    if write.state is PendingState.HELD or error is None:
        reason = f": {error.message}" if write.is_filtered and error is not None else ""
        return S3Error("ServiceUnavailable", f"{write.subject} is held in the write queue{reason}.")
    code = error.code if error.code in ERRORS else "ServiceUnavailable"
    return S3Error(
        code,
        f"An earlier write of {write.subject} is parked in the write queue, "
        f"because the remote refuses it ({error.code}): {error.message}",
    )


def _delayed_error(write: PendingWrite, error: PushError) -> S3Error:
    return S3Error(
        "ServiceUnavailable",
        f"{write.subject} has a pending write, which cannot be pushed at the moment "
        f"({error.code}): {error.message}",
    )
