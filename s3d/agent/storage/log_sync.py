"""Which commits of the index wait for the disk.

A commit is in the -wal file when it returns, and so survives a kill of the process. What survives a
power cut has to be synced, too, which takes longer than all the rest of a small write. So an action
may say that it can be synced later (QueuedAction.syncs_later): a commit of nothing but such actions
waits for no disk. The next other commit syncs it along, or the writer thread does so within DELAY.
A power cut before leaves an index without the newest of these commits, and never with a later one
but not an earlier one: https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.shared.atomic_file import sync_file

DELAY = 0.3
"""Seconds after which a commit is on the disk, at the latest."""


class LogSync:
    """Belongs to the writer thread, but for is_behind."""

    def __init__(
        self,
        execute: Callable[[str], Any],
        index: Path,
        *,
        is_durable: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """execute: of the connection that writes. is_durable: whether commits are synced at all."""
        self._execute = execute
        self._log = index.with_name(f"{index.name}-wal")
        # SQLite has no such file where the file system lacks shared memory.
        is_logged = execute("PRAGMA journal_mode").fetchone() == ("wal",)
        self._is_durable = is_durable and is_logged
        self._clock = clock
        self._syncs = True
        """Whether the next commit syncs the log."""
        self._due: float | None = None
        """Until when the log has to be synced."""
        self.is_behind = False
        """Whether a power cut now could undo a commit. In any thread."""
        self.is_idle = True
        """Whether commits are synced as SQLite does it: then only those that sync later need
        prepare(), and committed()."""

    def prepare(self, *, syncs_later: bool) -> None:
        """Before the transaction. syncs_later: its commit need not be synced."""
        if not self._is_durable:
            return
        syncs = not syncs_later or (self._due is not None and self._clock() >= self._due)
        if syncs is not self._syncs:
            self._execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
            self._syncs = syncs
        self.is_idle = False

    def committed(self, *, wrote: bool) -> bool:
        """After the commit: whether it is durable. wrote: it has changed rows. Raises S3Error for
        one that should be."""
        if self._syncs:
            if self._due is not None and not wrote:
                self.run()  # SQLite has synced nothing, since there was nothing new
            self._synced()
            self.is_idle = True
        elif wrote and self._due is None:
            self._due = self._clock() + DELAY
            self.is_behind = True
        return self._due is None

    def timeout(self) -> float:
        """Seconds until run() has to be called, while is_behind."""
        return 0.0 if self._due is None else max(0.0, self._due - self._clock())

    def run(self) -> None:
        """Sync what was committed. Raises SlowDown; then it has to be called again after DELAY."""
        self._due = self._clock() + DELAY
        try:
            fd = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sync_file(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise S3Error("SlowDown", f"the log of the index cannot be synced: {error}") from error
        self._synced()

    def _synced(self) -> None:
        self._due = None
        self.is_behind = False
