"""Tells the kernel which files another client has changed through this agent.

The kernel believes for a second what it knows of a file, and clips reads to the size that it knows.
A program that reads a file just after an S3 client has written it must see the new bytes. Telling
the kernel may wait for an operation of the mount, so neither the loop nor a FUSE thread does it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

_MOST = 1_000
"""Paths that are waiting; the oldest are dropped, and are known after a second all the same."""


class ChangeNotifier:
    """One thread, which begins with the first path."""

    def __init__(self) -> None:
        self._notify: Callable[[str], None] | None = None
        self._paths: deque[str] = deque(maxlen=_MOST)
        self._wakeup = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(self, notify: Callable[[str], None]) -> None:
        """From now on, call this with each path."""
        self._notify = notify

    def put(self, path: str) -> None:
        """Something has changed at a path. From the loop."""
        if self._notify is None or self._is_closed:
            return
        self._paths.append(path)
        self._wakeup.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="s3d mount news", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The mount has ended. Does not wait for the thread, which may wait for the kernel."""
        self._is_closed = True
        self._wakeup.set()

    def _run(self) -> None:
        assert self._notify is not None
        while not self._is_closed:
            self._wakeup.wait()
            self._wakeup.clear()
            while self._paths and not self._is_closed:
                self._notify(self._paths.popleft())
