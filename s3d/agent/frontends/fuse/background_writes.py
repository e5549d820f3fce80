"""The thread that hands over what close() had to leave, and snapshots files that stay open.

An open file is snapshotted at most every 30 seconds: once a program has synced it, or has paused.
A file that is written all the time without either, as during a long copy, waits longer, since its
bytes are of little use to anybody else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from s3d.agent.core.log_limit import LimitedLogger

logger = LimitedLogger(logging.getLogger(__name__))

TICK = 0.5
"""Seconds between two looks at the files."""
SNAPSHOT_INTERVAL = 30.0
"""Seconds between two hand-overs of a file that stays open."""
LONG_INTERVAL = 300.0
"""The same, for a file that is neither synced nor left alone."""
PAUSE = 5.0
"""Seconds without a write, after which a file counts as complete for now."""
RETRY_INTERVAL = 2.0
"""Seconds after which a hand-over that has failed is tried again."""
SNAPSHOT_SIZE = 1 << 30
"""Bytes of a file that is snapshotted while it is open: the next write copies it."""


class TendedFile(Protocol):
    """A WrittenFile."""

    handles: int
    tried_at: float

    @property
    def problem(self) -> OSError | None: ...

    @property
    def is_dirty(self) -> bool: ...

    @property
    def is_synced(self) -> bool: ...

    @property
    def idle(self) -> float:
        """Seconds since the last write."""

    @property
    def size(self) -> int: ...


def is_due(file: TendedFile, now: float) -> bool:
    """Whether to hand a file over now. now: seconds, of the clock of tried_at."""
    if not file.is_dirty:
        return False
    waited = now - file.tried_at
    if file.handles == 0:
        return file.problem is None or waited >= RETRY_INTERVAL
    if file.size > SNAPSHOT_SIZE:
        return False
    quiet = file.is_synced or file.idle >= PAUSE
    return waited >= (SNAPSHOT_INTERVAL if quiet else LONG_INTERVAL)


F = TypeVar("F", bound=TendedFile)


class BackgroundWrites(Generic[F]):
    """start() and stop() are called once."""

    def __init__(self, files: Callable[[], Sequence[F]], hand_over: Callable[[F], object]) -> None:
        """files: those that are dirty or open. hand_over: raises OSError."""
        self._files = files
        self._hand_over = hand_over
        self._wakeup = threading.Event()
        self._is_stopping = False
        self._first: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="s3d mount writes", daemon=True)

    def start(self, first: Callable[[], None] = lambda: None) -> None:
        """first: the thread calls it once, before everything else."""
        self._first = first
        self._thread.start()

    def wake(self) -> None:
        """Something was left to be handed over."""
        self._wakeup.set()

    def stop(self, hurry: Callable[[], None] = lambda: None) -> None:
        """Wait until the thread has ended. hurry: ends the hand-over that it works on."""
        self._is_stopping = True
        self._wakeup.set()
        hurry()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._first()
        except Exception:
            logger.exception("the mount cannot go on with what an earlier run has begun")
        while not self._is_stopping:
            for file in self._files():
                if not self._is_stopping and is_due(file, time.monotonic()):
                    self._try(file)
            self._wakeup.wait(TICK)
            self._wakeup.clear()

    def _try(self, file: F) -> None:
        try:
            self._hand_over(file)
        except OSError as error:
            logger.warning("a file of the mount is not stored yet, and is tried again: %s", error)
        except Exception:
            file.tried_at = time.monotonic()
            logger.exception("a file of the mount cannot be stored")
