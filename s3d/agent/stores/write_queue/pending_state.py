"""What the journal keeps in memory: the slim writes, whose turn it is, and who waits for them.

Belongs to the loop; only pushing is asked by the writer thread too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from s3d.agent.s3.errors import ERRORS, S3Error
from s3d.agent.stores.write_queue.doubts import UnresolvedPush, UnresolvedPushes
from s3d.agent.stores.write_queue.pending import STUCK, PendingState, PendingWrite, PushError
from s3d.agent.stores.write_queue.pending_index import PendingIndex
from s3d.agent.stores.write_queue.push_scheduler import PushScheduler
from s3d.agent.stores.write_queue.settle_waiters import SettleWaiter, SettleWaiters


class PendingWrites:
    """Kept in step with the rows by the journal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.paused = False
        self.backlog = PendingIndex()
        self.pushing: set[int] = set()
        """Such a write is not replaced. One that is taken while its row goes is pushed in vain, and
        the one that replaced it follows: no harm."""
        self.doubtful: dict[int, UnresolvedPush] = {}
        """By seq: an earlier push may have landed without an answer, or may land yet."""
        self.doubts = UnresolvedPushes()
        self.bases: dict[int, str] = {}
        """By seq: the state of the key that a look at the remote has shown, and that may be
        replaced."""
        self.on_change: list[Callable[[], None]] = []
        """Told whenever what is pending has changed."""
        self._clock = clock
        self._schedule = PushScheduler(self.backlog)
        self._waiters = SettleWaiters()
        self._news = asyncio.Event()

    def add(self, write: PendingWrite, replaced: list[int]) -> None:
        """It is accepted, in the place of others."""
        for seq in replaced:
            # One that was taken meanwhile stays until its push has ended: its key is busy.
            if seq not in self.pushing:
                self.backlog.remove(seq)
                self.doubtful.pop(seq, None)
                self.bases.pop(seq, None)
        self.backlog.add(write)
        head = self.backlog.of_key(write.bucket, write.key)[0]
        if head is not write and head.state is PendingState.VERIFYING:
            head.retry_at = 0.0  # its successor will be verified in its place
        self.changed(write)

    def pushed(self, write: PendingWrite) -> None:
        """The remote has it."""
        self._waiters.pushed(write)
        self.drop(write)

    def give_back(self, write: PendingWrite, retry_at: float, error: PushError | None) -> None:
        """It was not pushed, and waits again."""
        self.pushing.discard(write.seq)
        self.backlog.set_state(write, PendingState.WAITING)
        write.retry_at = retry_at
        if error is not None:
            write.attempts += 1
            write.error = error
            self._waiters.delayed(write, partial(_away, write, error))
        self.changed(write)

    def park(self, write: PendingWrite, error: PushError, retry_at: float) -> None:
        """The remote refuses it."""
        self.pushing.discard(write.seq)
        write.attempts += 1
        write.error, write.retry_at = error, retry_at
        self.stuck(write, PendingState.FAILED)

    def verify(self, write: PendingWrite, until: float, why: PushError) -> None:
        """The remote has it, and is asked once more then (Unix seconds): at once when a later write
        of the key was accepted while this was being noted, which would wait for it."""
        self.pushing.discard(write.seq)
        has_successor = len(self.backlog.of_key(write.bucket, write.key)) > 1
        write.error, write.retry_at = why, 0.0 if has_successor else until
        self.backlog.set_state(write, PendingState.VERIFYING)
        self._waiters.pushed(write)
        self.changed(write)

    def overtaken(self, write: PendingWrite) -> None:
        """The remote has a newer version, which whoever waits for the key is to see."""
        self._waiters.pushed(write)
        self.drop(write)

    def exclude(self, write: PendingWrite, why: PushError) -> None:
        """The filter holds it."""
        self.pushing.discard(write.seq)
        write.error, write.retry_at = why, 0.0
        self.stuck(write, PendingState.HELD)

    def stuck(self, write: PendingWrite, state: PendingState) -> None:
        """It is not going to be pushed."""
        self.backlog.set_state(write, state)
        self._waiters.failed(write, partial(_refused, write))
        self.changed(write)

    def wake(self) -> None:
        """Somebody who takes may have something to take."""
        self._news.set()

    async def settled(self, bucket: str, key: str = "") -> None:
        """Wait until what is pending now has reached the remote; it goes first from now on.

        Of a key: raises S3Error when the remote refuses or cannot take it. Of a bucket (key ""):
        what is held or parked, or is being parked, is passed over.
        """
        needed: dict[str, int] = {}
        for write in self.backlog.writes(bucket, key):
            if write.state is PendingState.VERIFYING:
                continue  # the remote has it
            if write.state in STUCK:
                if key:
                    raise _refused(write)
                needed.setdefault(write.key, 0)
            elif needed.get(write.key) != 0:
                needed[write.key] = write.seq
        needed = {name: seq for name, seq in needed.items() if seq}
        if not needed:
            return
        places = [(bucket, name) for name in needed]
        for place in places:
            self._schedule.hurry(place)
            self._schedule.offer(*place, self._clock())
        self._news.set()
        try:
            await self._waiters.wait(SettleWaiter(bucket, needed, strict=bool(key)))
        finally:
            for place in places:
                self._schedule.relax(place)

    async def take(self) -> PendingWrite:
        """Wait for the next due write of an idle key; it is PUSHING then, which only memory knows.

        Follow it by done, give_back or park.
        """
        while True:
            now = self._clock()
            write = None if self.paused else self._schedule.next(now)
            if write is not None:
                self.pushing.add(write.seq)
                self.backlog.set_state(write, PendingState.PUSHING)
                return write
            self._news.clear()
            later = None if self.paused else self._schedule.next_at()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if later is None else max(0.0, later - now)):
                    await self._news.wait()

    def drop(self, write: PendingWrite) -> None:
        """It is not pending any more."""
        self.pushing.discard(write.seq)
        self.doubtful.pop(write.seq, None)
        self.bases.pop(write.seq, None)
        self.backlog.remove(write.seq)
        if not self.backlog.of_key(write.bucket, write.key):
            self._waiters.emptied(write)
        self.changed(write)

    def changed(self, write: PendingWrite) -> None:
        """It may be the turn of its key, and there may be more room."""
        self._offer(write)
        self.tell()

    def hurry(self, writes: Iterable[PendingWrite]) -> None:
        """They need not wait for their time any more."""
        for write in writes:
            write.retry_at = 0.0
            self._offer(write)
        self.tell()

    def _offer(self, write: PendingWrite) -> None:
        later = self._schedule.next_at()
        may_go = self._schedule.offer(write.bucket, write.key, self._clock())
        if may_go or self._schedule.next_at() != later:
            self._news.set()

    def tell(self) -> None:
        """What is pending, or shown of it, has changed."""
        for tell in self.on_change:
            tell()


def _refused(write: PendingWrite) -> S3Error:
    """For a request that would need a stuck write to have reached the remote."""
    error = write.error
    if write.state is PendingState.HELD or error is None:
        why = f": {error.message}" if write.is_filtered and error is not None else ""
        return S3Error("ServiceUnavailable", f"{write.subject} is held in the write queue{why}.")
    code = error.code if error.code in ERRORS else "ServiceUnavailable"
    return S3Error(
        code,
        f"An earlier write of {write.subject} is parked in the write queue, "
        f"since the remote refuses it ({error.code}): {error.message}",
    )


def _away(write: PendingWrite, error: PushError) -> S3Error:
    return S3Error(
        "ServiceUnavailable",
        f"{write.subject} has a pending write, which could not be pushed just now "
        f"({error.code}): {error.message}",
    )
