"""How a thread of the FUSE binding calls the stores, which belong to the event loop.

1. thread: LoopBridge.call makes a Call and hands it to the loop.
2. -> loop: the coroutine runs as a task, within the time limit of a FUSE operation.
3. -> thread: it waits for the result. In between it looks whether the program that made the system
   call was killed, so that a program can be killed while it waits for a remote.

A crossing costs about 60 us of CPU, so what is in memory is answered without one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from s3d.agent.frontends.fuse.errnos import os_error
from s3d.agent.frontends.fuse.fs_ops import CALL_LIMIT
from s3d.agent.frontends.fuse.kernel.interrupts import is_interrupted

T = TypeVar("T")

is_own_call: ContextVar[bool] = ContextVar("is_own_call", default=False)
"""Whether the task that is running on the loop works for a mount."""

_LOOK = 0.1
"""Seconds between two looks whether the caller has been killed."""
_GRACE = 0.5
"""Seconds that a thread waits longer than the loop's own time limit, since the loop may be busy."""


class LoopBridge:
    """Runs coroutines on the loop for threads. Any number of threads may use it at once."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit: float = CALL_LIMIT,
        is_interrupted: Callable[[], bool] = is_interrupted,
    ) -> None:
        """limit: seconds that a call may take. is_interrupted: whether the kernel has interrupted
        the operation that the calling thread works on."""
        self._loop = loop
        self._limit = limit
        self._is_interrupted = is_interrupted
        self._running: set[concurrent.futures.Future[Any]] = set()
        self._closed = False

    def call(self, work: Callable[[], Awaitable[T]], limit: float | None = None) -> T:
        """The result of work, which is called on the loop. limit: seconds, less than the usual.

        Raises OSError: as errnos.os_error for what work raises; EIO when the time is over,
        EINTR for an interrupted operation, and ENOTCONN after close(). Work is cancelled
        then.
        """
        seconds = self._limit if limit is None else min(limit, self._limit)
        future = self.start(partial(_within, work, seconds))
        try:
            return self.wait(future, seconds + _GRACE)
        finally:
            future.cancel()

    def begin(self, work: Callable[[], Awaitable[T]]) -> concurrent.futures.Future[T]:
        """As call(), but the caller does something else before it waits for the future."""
        return self.start(partial(_within, work, self._limit))

    def wait(self, future: concurrent.futures.Future[T], limit: float = CALL_LIMIT) -> T:
        """The result of a future that another thread sets. Raises OSError as call() does."""
        try:
            return self._wait(future, limit)
        except concurrent.futures.CancelledError:
            raise OSError(errno.ENOTCONN, "the mount has ended") from None
        except TimeoutError as error:
            message = f"no answer within {limit:.0f} seconds"
            raise OSError(errno.EIO, f"{os.strerror(errno.EIO)}: {message}") from error
        except OSError:
            raise
        except Exception as error:
            raise os_error(error) from error

    def start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run work that nobody waits for now. Its errors are those of the future.

        Raises OSError ENOTCONN after close().
        """
        if self._closed or self._loop.is_closed():
            raise OSError(errno.ENOTCONN, "the mount has ended")
        future = asyncio.run_coroutine_threadsafe(_of_mount(work), self._loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        if self._closed:  # since the look above: close() has not seen this one
            future.cancel()
        return future

    def close(self) -> None:
        """Cancel what runs, and let nothing else begin. From any thread."""
        self._closed = True
        for future in list(self._running):
            future.cancel()

    def _wait(self, future: concurrent.futures.Future[T], seconds: float) -> T:
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            try:
                return future.result(min(left, _LOOK))
            except concurrent.futures.TimeoutError:
                if future.done() or left <= _LOOK:
                    raise
            if self._is_interrupted():
                raise OSError(errno.EINTR, os.strerror(errno.EINTR))


async def _of_mount(work: Callable[[], Awaitable[T]]) -> T:
    is_own_call.set(True)
    return await work()


async def _within(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await work()
