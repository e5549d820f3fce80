"""One transfer: what is asked, how far it is, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from s3d.agent.core.rate_meter import RateMeter
from s3d.agent.transfers.naming import DELETE, DOWNLOAD, UPLOAD, name_of, target_of
from s3d.shared.text import printable_path
from s3d.shared.transfers import Transfer, TransferError, TransferRequest

WAITING, RUNNING, HELD, FAILED, DONE, CANCELLED = (
    "waiting", "running", "held", "failed", "done", "cancelled",
)  # fmt: skip
ENDED = frozenset((FAILED, DONE, CANCELLED))
FAILURES = 1_000
"""Failures of one transfer that are kept with their reasons; all are counted."""


@dataclass
class Job:
    """request: of one source. is_again: it was begun before, so some of it may be done."""

    id: str
    request: TransferRequest
    accepted: float
    """Unix seconds."""
    state: str = WAITING
    is_again: bool = False
    size: int = 0
    """Bytes that were found so far."""
    done: int = 0
    files: int = 0
    files_done: int = 0
    files_failed: int = 0
    attempts: int = 0
    retry_at: float = 0.0
    failures: list[TransferError] = field(default_factory=list)
    """One for each object that failed, the first FAILURES of them."""
    error: TransferError | None = None
    """Of the first object that failed, or of the remote that is away."""
    rate: RateMeter = field(default_factory=RateMeter)
    steady: Callable[[], float] = time.monotonic
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """For who waits."""

    def begin(self) -> None:
        """From the beginning; what is there already will be seen."""
        self.state = RUNNING
        self.attempts += 1
        self.size = self.done = self.files = self.files_done = self.files_failed = 0
        self.error, self.retry_at, self.failures = None, 0.0, []

    def found(self, size: int) -> None:
        """One more object belongs to it."""
        self.files += 1
        self.size += size

    def moved(self, size: int) -> None:
        """Bytes have gone."""
        self.done += size
        self.rate.add(size, self.steady())

    def failed(self, error: TransferError) -> None:
        """Record that one object could not be moved."""
        self.files_failed += 1
        if len(self.failures) < FAILURES:
            self.failures.append(error)
        self.error = self.failures[0]

    @property
    def source(self) -> str:
        """The key, prefix or path; of a deletion the first."""
        request = self.request
        return [*request.prefixes, *request.keys, *request.paths][0]

    def transfer(self, *, with_failures: bool = False) -> Transfer:
        """For people. with_failures: with those of all objects, not of the first alone."""
        request = self.request
        rate = self.rate.rate(self.steady()) if self.state == RUNNING else 0.0
        left = max(self.size - self.done, 0)
        key = self.source
        if request.kind == UPLOAD:
            key = request.to_prefix + name_of(request, f"{key.rpartition('/')[2]}/").rstrip("/")
        return Transfer(
            self.id, request.kind, request.kind, request.bucket, key, self.size, self.state,
            self.accepted, self.attempts, self.retry_at, error=self.error, done=self.done,
            files=max(self.files, 1), files_done=self.files_done, files_failed=self.files_failed,
            rate=rate, remaining=left / rate if rate else None, target=self._target(),
            source=printable_path(self.source) if request.kind == UPLOAD else "",
            failures=self.failures if with_failures else [],
        )  # fmt: skip

    def _target(self) -> str:
        request = self.request
        if request.kind == DOWNLOAD:
            return printable_path(request.to_path)
        if request.kind in (UPLOAD, DELETE):
            return ""
        bucket, key = target_of(request, self.source)
        return f"{bucket}/{key}"
