"""The threads that read the kernel's requests from /dev/fuse, each answering one at a time.

They are Python threads with a buffer each. There are more while all are busy, so requests that wait
for the remote do not stop those that need no waiting.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable

from s3d.agent.frontends.fuse.kernel.protocol import BUFFER_SIZE

logger = logging.getLogger(__name__)

FIRST_THREADS = 2
MAX_THREADS = 64

_TRY_AGAIN = (errno.ENOENT, errno.EINTR, errno.EAGAIN)
"""ENOENT: the process of the request was killed before the request was read."""


class RequestThreads:
    """See the module's documentation."""

    def __init__(self, device: int, make_handler: Callable[[], Callable[[memoryview], None]]):
        """device: an open descriptor of /dev/fuse, which is closed at the end. make_handler: called
        in each thread; what it returns takes a message and answers it."""
        self._device = device
        self._make_handler = make_handler
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._users = 0
        """Of the descriptor, which is closed by the last one: its number may be another file then.
        The threads, and those that send a notification."""
        self.ended = threading.Event()
        """The file system was unmounted: there are no more requests."""

    def start(self) -> None:
        with self._lock:
            for _ in range(FIRST_THREADS):
                self._start_thread()

    def _start_thread(self) -> None:
        self._threads += 1
        self._users += 1
        self._idle += 1
        # Daemon threads: one that is blocked in /dev/fuse must not keep the process alive.
        threading.Thread(target=self._run, name=f"mount-{self._threads}", daemon=True).start()

    def _run(self) -> None:
        buffer = memoryview(bytearray(BUFFER_SIZE))
        handle = self._make_handler()
        try:
            while (size := self._receive(buffer)) is not None:
                if not size:
                    continue
                self._busy()
                handle(buffer[:size])
                with self._lock:
                    self._idle += 1
        finally:
            with self._lock:
                self._threads -= 1
                self._idle -= 1
                has_ended = not self._threads
            self._leave()
            if has_ended:
                self.ended.set()

    def _receive(self, buffer: memoryview) -> int | None:
        """The size of the next message; 0: try again; None: the file system was unmounted."""
        try:
            return os.readv(self._device, [buffer])
        except OSError as error:
            if error.errno in _TRY_AGAIN:
                return 0
            if error.errno != errno.ENODEV:
                logger.exception("mount: reading requests failed")
            return None

    def _busy(self) -> None:
        with self._lock:
            self._idle -= 1
            if not self._idle and self._threads < MAX_THREADS:
                self._start_thread()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                os.close(self._device)

    def notify(self, pieces: list[bytes]) -> None:
        """Write a notification, from any thread, unless the file system was unmounted."""
        with self._lock:
            if not self._threads:
                return
            self._users += 1
        try:
            self.send(pieces)
        finally:
            self._leave()

    def send(self, pieces: list[bytes]) -> None:
        """Write an answer, from one of the threads. Raises OSError: the kernel refuses it."""
        # ENOENT: the request was given up. ENODEV: unmounted.
        with contextlib.suppress(FileNotFoundError):
            try:
                os.writev(self._device, pieces)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
