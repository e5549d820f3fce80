"""One transfer: what is asked, how far it is, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from s3d.agent.core.rate_meter import Meter
from s3d.agent.transfers.naming import DELETE, DOWNLOAD, UPLOAD, target_of
from s3d.shared.transfers import Transfer, TransferError, TransferRequest

WAITING, RUNNING, HELD, FAILED, DONE, CANCELLED = (
    "waiting", "running", "held", "failed", "done", "cancelled",
)  # fmt: skip
ENDED = frozenset((FAILED, DONE, CANCELLED))


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
    error: TransferError | None = None
    rate: Meter = field(default_factory=Meter)
    steady: Callable[[], float] = time.monotonic
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """For who waits."""

    def begin(self) -> None:
        """From the beginning; what is there already will be seen."""
        self.state = RUNNING
        self.attempts += 1
        self.size = self.done = self.files = self.files_done = self.files_failed = 0
        self.error, self.retry_at = None, 0.0

    def found(self, size: int) -> None:
        """One more object belongs to it."""
        self.files += 1
        self.size += size

    def moved(self, size: int) -> None:
        """Bytes have gone."""
        self.done += size
        self.rate.add(size, self.steady())

    def failed(self, error: TransferError) -> None:
        """Of one object; the first is told."""
        self.files_failed += 1
        self.error = self.error or error

    @property
    def source(self) -> str:
        """The key, prefix or path; of a deletion the first."""
        request = self.request
        return [*request.prefixes, *request.keys, *request.paths][0]

    def transfer(self) -> Transfer:
        """For people."""
        request = self.request
        rate = self.rate.rate(self.steady()) if self.state == RUNNING else 0.0
        left = max(self.size - self.done, 0)
        key = self.source
        if request.kind == UPLOAD:
            key = request.to_prefix + key.rpartition("/")[2]
        return Transfer(
            self.id, request.kind, request.kind, request.bucket, key, self.size, self.state,
            self.accepted, self.attempts, self.retry_at, error=self.error, done=self.done,
            files=max(self.files, 1), files_done=self.files_done, files_failed=self.files_failed,
            rate=rate, remaining=left / rate if rate else None, target=self._target(),
            source=self.source if request.kind == UPLOAD else "",
        )  # fmt: skip

    def _target(self) -> str:
        request = self.request
        if request.kind == DOWNLOAD:
            return request.to_path
        if request.kind in (UPLOAD, DELETE):
            return ""
        bucket, key = target_of(request, self.source)
        return f"{bucket}/{key}"
