"""How much is free on the disks of some folders, measured so that a hung disk stops nothing.

The system call for it does not return while the server of a network file system is away. So each
folder is measured in a thread of its own, at most one at a time; it is a daemon thread, because an
agent that stops must not wait for it either. Readers get what was measured last.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

INTERVAL = 5.0
"""Seconds between two measurements."""
START_WAIT = 0.2
"""Seconds that the start waits for the first measurement, so that the first reader gets it."""
VALID = 60.0
"""Seconds after which a measurement says nothing any more."""


class FreeSpace:
    """The free space by folder. run() has to run, so that it is kept up to date."""

    def __init__(
        self, folders: Mapping[str, Path], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """folders: by name."""
        self._folders = {name: _Folder(path, clock) for name, path in folders.items()}

    def start(self) -> None:
        """Measure all folders, and wait a moment for it."""
        for thread in self.measure():
            thread.join(START_WAIT)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.measure()

    def measure(self) -> list[threading.Thread]:
        """Start to measure every folder whose last measurement has ended; the threads."""
        threads = [folder.start() for folder in self._folders.values()]
        return [thread for thread in threads if thread is not None]

    def free(self) -> dict[str, int]:
        """Bytes free for this user, by name; without folders of which they are not known."""
        values = {name: folder.free() for name, folder in self._folders.items()}
        return {name: free for name, free in values.items() if free is not None}


class _Folder:
    """One folder, and what was measured last."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._measured: tuple[float, int] | None = None
        """When, and bytes; replaced as a whole, by the thread."""

    def start(self) -> threading.Thread | None:
        """None: the last thread still waits for the disk."""
        if self._thread is not None and self._thread.is_alive():
            return None
        self._thread = threading.Thread(target=self._measure, name="free space", daemon=True)
        self._thread.start()
        return self._thread

    def free(self) -> int | None:
        measured = self._measured
        if measured is None or self._clock() - measured[0] > VALID:
            return None
        return measured[1]

    def _measure(self) -> None:
        try:
            self._measured = self._clock(), shutil.disk_usage(self._path).free
        except OSError:
            self._measured = None
