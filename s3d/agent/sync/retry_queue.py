"""The paths of one folder that are due again later, such as files that are still being written."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from s3d.agent.core.backoff import exponential_delay

RETRY_FIRST, RETRY_LONGEST = 1.0, 60.0
"""Seconds before a file that is being written is looked at again."""
SOON = 2
"""Tries within a few seconds: a file that has just been saved is in sync after these."""


class RetryQueue:
    """Paths by the time at which they are due. Every call costs at most a logarithm of their
    number, except take(), whose limit bounds it."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        first: float = RETRY_FIRST,
        longest: float = RETRY_LONGEST,
    ) -> None:
        """first, longest: seconds before a path is looked at again; they double with each try."""
        self._clock, self._first, self._longest = clock, first, longest
        self._due: dict[str, float] = {}
        self._tries: dict[str, int] = {}
        self._heap: list[tuple[float, str]] = []
        """All of _due, and stale entries that no longer match it."""
        self._slow: set[str] = set()
        """Paths that are due and were tried more than SOON times."""

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, path: object) -> bool:
        return path in self._due

    @property
    def slow(self) -> int:
        """How many paths were tried several times and are still due."""
        return len(self._slow)

    def retry(self, path: str) -> None:
        """Schedule a path again, with an increasing delay."""
        tries = self._tries.get(path, 0)
        self._tries[path] = tries + 1
        self._schedule(path, self._clock() + exponential_delay(tries, self._first, self._longest))
        if tries + 1 > SOON:
            self._slow.add(path)

    def add(self, path: str, delay: float) -> None:
        """Schedule a path once after a delay in seconds, unless it is already scheduled."""
        if path not in self._due:
            self._schedule(path, self._clock() + delay)

    def forget(self, path: str) -> None:
        """Remove a path; its next retry would count as its first."""
        if self._tries.pop(path, None) is not None:
            self._due.pop(path, None)
            self._slow.discard(path)

    def postpone_all(self) -> None:
        """Postpone all retried paths, after a pass that has looked at all of them."""
        self._due = {path: at for path, at in self._due.items() if path not in self._tries}
        self._heap = [(at, path) for path, at in self._due.items()]
        heapq.heapify(self._heap)
        self._slow.clear()

    def next_at(self) -> float:
        """When the next path is due; infinity if there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def take(self, limit: int) -> set[str]:
        """Remove and return up to limit paths that are due now."""
        now, paths = self._clock(), set[str]()
        while len(paths) < limit and self.next_at() <= now:
            _, path = heapq.heappop(self._heap)
            del self._due[path]
            self._slow.discard(path)
            paths.add(path)
        return paths

    def _schedule(self, path: str, at: float) -> None:
        self._due[path] = at
        heapq.heappush(self._heap, (at, path))
