"""One background job: its state, its progress and its failures. See jobs.py for the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from s3d.agent.core.bandwidth import RateMeter


class JobState(StrEnum):
    QUEUED = "queued"
    """The job waits for its first or next attempt."""
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset((JobState.DONE, JobState.FAILED, JobState.CANCELLED))


def state_without_queue(state: JobState) -> str:
    """The state to show for a job of an engine that starts every job at once."""
    return (JobState.RUNNING if state is JobState.QUEUED else state).value


class JobFailure(NamedTuple):
    """Why one object, or the job as a whole (key ""), failed. at: Unix seconds."""

    code: str
    message: str
    status: int = 0
    """The HTTP status; 0 if the failure is not an answer of S3."""
    bucket: str = ""
    key: str = ""
    at: float = 0.0


R = TypeVar("R")


class Amount(NamedTuple):
    """Objects of a job, and their bytes."""

    items: int = 0
    size: int = 0


NONE = Amount()


@dataclass(slots=True)
class Progress:
    """How far one attempt of a job is. Sizes are bytes."""

    items: int = 0
    """Objects found so far."""
    size: int = 0
    items_done: int = 0
    size_done: int = 0
    items_failed: int = 0
    items_skipped: int = 0
    items_deleted: int = 0
    """Of items_done: those that were deleted at the target, because the source lacks them."""
    existing: Amount = NONE
    """Of items_done: those that were not moved, because the target has them."""
    ahead: Amount = NONE
    """What was counted ahead of the work."""
    is_counted: bool = False
    """All objects of the job were found."""
    ended_at: float = 0.0
    """When the job ended, in Unix seconds; 0.0: it has not."""
    meter: RateMeter = field(default_factory=RateMeter)

    def rate(self, now: float) -> float:
        """Bytes per second. now: a monotonic time."""
        return self.meter.rate(now)


class ItemProgress:
    """The bytes of one object within the progress of its job."""

    def __init__(self, progress: Progress, steady: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._steady = progress, steady
        self.size = 0
        """Bytes that were moved."""
        self.is_existing = False
        """The target has the object, and it was not moved."""

    def add(self, size: int) -> None:
        """Count bytes that were moved just now."""
        self.size += size
        self._progress.size_done += size
        self._progress.meter.add(size, self._steady())

    def complete(self, size: int) -> None:
        """Count the object as moved in full, whatever was counted before."""
        self._progress.size_done += size - self.size
        self.size = size

    def leave(self, size: int) -> None:
        """Count the object in full, as one that the target has and that was not moved."""
        self.complete(size)
        self.is_existing = True

    def undo(self) -> None:
        """Count nothing for an object that failed: the next attempt moves it from the beginning."""
        self.complete(0)
        self.is_existing = False

    def end(self) -> int:
        """Count the object as done. Returns the bytes that were moved for it."""
        progress = self._progress
        progress.items_done += 1
        if not self.is_existing:
            return self.size
        items, size = progress.existing
        progress.existing = Amount(items + 1, size + self.size)
        return 0


@dataclass(eq=False, slots=True)
class Job(Generic[R]):
    """One piece of background work. accepted, retry_at: Unix seconds."""

    id: str
    request: R
    accepted: float
    state: JobState = JobState.QUEUED
    is_repeated: bool = False
    """An earlier attempt may have done part of the work."""
    attempts: int = 0
    retry_at: float = 0.0
    progress: Progress = field(default_factory=Progress)
    failures: list[JobFailure] = field(default_factory=list)
    """Those of single objects, up to the limit of the policy; all of them are counted."""
    notes: list[str] = field(default_factory=list)
    """What the user should know beside the failures, each once."""
    error: JobFailure | None = None
    """The first failure, or the temporary error after which the job waits for its next attempt."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Start an attempt, which counts from zero."""
        self.state = JobState.RUNNING
        self.attempts += 1
        self.progress = Progress()
        self.error, self.retry_at, self.failures, self.notes = None, 0.0, [], []

    def note(self, text: str) -> None:
        """Add a note, unless it is there."""
        if text not in self.notes:
            self.notes.append(text)

    def record(self, failure: JobFailure, limit: int) -> None:
        """Count a failure, and keep it among the first ones."""
        self.progress.items_failed += 1
        if len(self.failures) < limit:
            self.failures.append(failure)
        self.error = self.failures[0]
