"""Lets a request of the kernel wait until the changes that were made before it are known.

A client that was answered by the S3 endpoint may look at the mount at once. The agent counts each
change in memory that both processes share, before it sends a notice and before it answers. The
process of the mounts compares that number with the notices that it has received.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading

from s3d.agent.core.log_limit import LimitedLogger

logger = LimitedLogger(logging.getLogger(__name__))

_SIZE = 8
"""Bytes of the number. It is written at once: a reader sees the old number or the new one."""
_PATIENCE = 1.0
"""Seconds after which a request goes on without them."""


def create_shared_number() -> int:
    """A descriptor of the memory."""
    descriptor = os.memfd_create("s3d-mount-changes", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, _SIZE)
    return descriptor


class ChangeCounter:
    """In the agent. Belongs to the loop."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: of create_shared_number(); it may be closed afterwards."""
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._shared = memoryview(self._memory).cast("Q")
        self._number = 0

    def add(self) -> int:
        """Count a change that is about to be sent: its number."""
        self._number += 1
        self._shared[0] = self._number
        return self._number

    def close(self) -> None:
        self._shared.release()
        self._memory.close()


class ChangeBarrier:
    """In the process of the mounts. Called by several threads at once."""

    def __init__(self, descriptor: int) -> None:
        """descriptor: as for ChangeCounter."""
        memory = mmap.mmap(descriptor, _SIZE, access=mmap.ACCESS_READ)
        self._shared = memoryview(memory).cast("Q")
        self._known = 0
        self._changed = threading.Condition()

    def note(self, number: int) -> None:
        """The change of this number is known now."""
        with self._changed:
            self._known = number
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when all changes are known that were counted before."""
        number = self._shared[0]
        if number > self._known:
            with self._changed:
                is_known = self._changed.wait_for(lambda: self._known >= number, _PATIENCE)
            if not is_known:
                logger.warning("mount: a request does not wait longer for what has changed")
