"""Whether the program that made a system call was killed while a thread of the mount works on it.

The kernel lets no process die before its operation is answered, and announces a signal with
INTERRUPT. A thread that waits on behalf of a program looks at is_interrupted() while it waits, and
ends the operation with EINTR.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path


class CallInThread:
    """The operation that a thread works on: one object for each thread, used again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unique = 0
        self._caller = 0
        self.is_interrupted = False

    def begin(self, unique: int, caller: int) -> None:
        """The next operation of this thread: its number, and the thread that made the call."""
        with self._lock:
            self._unique, self._caller = unique, caller
            self.is_interrupted = False
        _of_thread.call = self

    def interrupt(self, unique: int) -> None:
        """A signal has reached the caller of this operation. Called by another thread.

        Only a fatal signal ends the operation, as with a local disk: few programs expect EINTR
        from a read of a file.
        """
        if not is_dying(self._caller):
            return
        with self._lock:
            if self._unique == unique:
                self.is_interrupted = True


_of_thread = threading.local()


def is_interrupted() -> bool:
    """Whether the caller of the operation that this thread works on was killed."""
    call: CallInThread | None = getattr(_of_thread, "call", None)
    return call is not None and call.is_interrupted


def is_dying(thread: int) -> bool:
    """Whether SIGKILL is pending, which is how the kernel ends a process for any fatal signal."""
    try:
        status = Path(f"/proc/{thread}/status").read_text()
    except OSError:
        return False
    pending = [int(line.split()[1], 16) for line in status.splitlines() if line[:6] == "SigPnd"]
    return any(mask & 1 << (signal.SIGKILL - 1) for mask in pending)
