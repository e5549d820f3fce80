"""Waits of the mount's threads for the event loop: they have a limit, and end when the caller dies.

The kernel lets no process die before its operation is answered. So a thread that waits for the
remote on behalf of a process waits with wait_for(), and the binding calls CallInThread.interrupt()
when the process was killed.
"""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import CancelledError, Future
from typing import TypeVar

from s3d.agent.frontends.fuse.fs_ops import CALL_LIMIT

T = TypeVar("T")


class CallInThread:
    """The operation that a thread works on: one object for each thread, used again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits_for: Future[object] | None = None
        self.is_interrupted = False
        self._unique = 0
        self.caller = 0

    def begin(self, unique: int, caller: int) -> None:
        """The next operation of this thread, its number and the thread of the caller."""
        with self._lock:
            self._unique, self.caller = unique, caller
            self.is_interrupted = False
        _of_thread.call = self

    def interrupt(self, unique: int) -> None:
        """What this operation waits for now, or is going to wait for, is cancelled. For another
        thread."""
        with self._lock:
            if self._unique == unique:
                self.is_interrupted = True
                if self._waits_for is not None:
                    self._waits_for.cancel()

    def wait(self, future: Future[T], limit: float) -> T:
        with self._lock:
            if self.is_interrupted:
                future.cancel()
            self._waits_for = future  # type: ignore[assignment]
        try:
            return future.result(limit)
        finally:
            with self._lock:
                self._waits_for = None


_of_thread = threading.local()


def wait_for(future: Future[T], limit: float = CALL_LIMIT) -> T:
    """The result of a future, such as asyncio.run_coroutine_threadsafe makes.

    Raises OSError: EIO after limit seconds, EINTR when the calling process was killed, and what
    the future raises. In each of these cases the future is cancelled.
    """
    call: CallInThread | None = getattr(_of_thread, "call", None)
    try:
        return future.result(limit) if call is None else call.wait(future, limit)
    except TimeoutError:
        if future.done() and not future.cancelled():
            raise  # a time-out of its own
        future.cancel()
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
    except CancelledError:
        # Of a process that lives, EINTR would make many programs try again for ever.
        number = errno.EINTR if call is not None and call.is_interrupted else errno.EIO
        raise OSError(number, os.strerror(number)) from None
