"""Who waits for keys to be settled: until what was pending there has reached the remote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.pending import PendingWrite


class SettleWaiter:
    """Waits for a write of each of some keys, or for later ones of them."""

    def __init__(self, bucket: str, needed: dict[str, int], *, strict: bool) -> None:
        """needed: key -> seq. strict: what cannot be pushed is an error, else it is passed over."""
        self.bucket = bucket
        self.needed = needed
        self.strict = strict
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def forget(self, key: str) -> None:
        self.needed.pop(key, None)
        if not self.needed and not self.future.done():
            self.future.set_result(None)


class SettleWaiters:
    """All of them. Belongs to the loop."""

    def __init__(self) -> None:
        self._waiters: set[SettleWaiter] = set()

    async def wait(self, waiter: SettleWaiter) -> None:
        """Raises what failed() is called with, for a strict waiter."""
        self._waiters.add(waiter)
        try:
            await waiter.future
        finally:
            self._waiters.discard(waiter)

    def pushed(self, write: PendingWrite) -> None:
        """The remote has it, and so all earlier ones of its key."""
        for waiter in self._of(write):
            if waiter.needed[write.key] <= write.seq:
                waiter.forget(write.key)

    def emptied(self, write: PendingWrite) -> None:
        """Nothing is pending for its key any more."""
        for waiter in self._of(write):
            waiter.forget(write.key)

    def failed(self, write: PendingWrite, error: Callable[[], S3Error]) -> None:
        """It does not reach the remote for the time being."""
        for waiter in self._of(write):
            if not waiter.strict:
                waiter.forget(write.key)
            elif not waiter.future.done():
                waiter.future.set_exception(error())

    def delayed(self, write: PendingWrite, error: Callable[[], S3Error]) -> None:
        """A push has failed and is tried again later; who waits for this one key need not wait."""
        for waiter in self._of(write):
            if waiter.strict and not waiter.future.done():
                waiter.future.set_exception(error())

    def _of(self, write: PendingWrite) -> list[SettleWaiter]:
        return [
            waiter
            for waiter in self._waiters
            if waiter.bucket == write.bucket and write.key in waiter.needed
        ]
