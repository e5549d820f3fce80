"""What a folder tries again: files that are still being written, failed requests, blocked paths."""

from __future__ import annotations

from collections.abc import Callable, Set

from s3d.agent.sync.retry_queue import RetryQueue

TOO_MANY = 4_000
"""Paths from which the whole folder is scanned instead."""
BLOCKED_FIRST, BLOCKED_LONGEST = 60.0, 3600.0
"""Seconds before a blocked path is looked at again: a full disk or a refusal may end."""


class Retries:
    """Two queues: what waits for an end of writes and requests is pending work, what is blocked is
    not. len() and `in` are about the pending work."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._queue = RetryQueue(clock)
        self._blocked = RetryQueue(clock, first=BLOCKED_FIRST, longest=BLOCKED_LONGEST)
        self._there: set[str] = set()
        """Of the pending paths, those whose object may have changed as well."""

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, path: object) -> bool:
        return path in self._queue

    @property
    def slow(self) -> int:
        """How many paths were tried several times and are still due."""
        return self._queue.slow

    def retry(self, path: str, *, there: bool) -> None:
        """A path is still being written, or its request has failed: look at it again, later each
        time. there: at its object as well, which may have changed. The next listing may be an hour
        away."""
        self._queue.retry(path)
        if there:
            self._there.add(path)

    def blocked(self, path: str) -> None:
        """A path cannot be synced for a reason that may go away: look at it again now and then, and
        at once when its file changes. Many of them are left to the next listing."""
        self._forget_pending(path)
        if len(self._blocked) < TOO_MANY:
            self._blocked.retry(path)

    def synced(self, path: str) -> None:
        """A path needs no retry any more."""
        self._forget_pending(path)
        self._blocked.forget(path)

    def add(self, path: str, delay: float) -> None:
        """Look at a path once, after a delay in seconds, unless it is tried again anyway."""
        self._queue.add(path, delay)

    def postpone_all(self) -> None:
        """A pass has looked at everything."""
        self._queue.postpone_all()

    def next_at(self) -> float:
        """When the next path is due; infinity if there is none."""
        return min(self._queue.next_at(), self._blocked.next_at())

    def take(self, changed: Set[str]) -> tuple[set[str], set[str]]:
        """Remove and return the paths that are due now; and of these and the changed ones, those
        whose objects have to be looked at."""
        pending, blocked = self._queue.take(TOO_MANY), self._blocked.take(TOO_MANY)
        there = {path for path in changed if path in self._blocked}
        return pending | blocked, (pending & self._there) | blocked | there

    def _forget_pending(self, path: str) -> None:
        self._queue.forget(path)
        self._there.discard(path)
