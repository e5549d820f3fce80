"""When the bucket of a folder is listed next. Pure: the caller passes the time.

A listing shows every change, and it is the only proof of a deletion, but a page of it costs as much
as twelve other reads. So it comes less and less often while it finds nothing. While markers or
events report what changes, it comes once an hour, for what they have missed: programs that know
nothing of s3d, and messages that were lost.

All times are seconds of a steady clock.
"""

from __future__ import annotations

from collections.abc import Callable

SLOWEST = 10
"""Times the interval, between two looks at a bucket in which nothing changes."""


class ListingTimes:
    """A listing comes less and less often while it finds nothing, and rarely while changes of the
    bucket are reported in another way."""

    def __init__(self, interval: float) -> None:
        """interval: seconds between two listings, at least."""
        self._interval = self._every = interval
        self._due = self._listed = 0.0
        self._is_requested = True
        self.requests = 0
        """How often a listing was requested: one that was running may have missed the reason."""
        self.reported_interval: Callable[[], float] = lambda: 0.0
        """Seconds between two listings while changes are reported; 0.0: they are not."""

    def request(self) -> None:
        """List now."""
        self._is_requested = True
        self.requests += 1

    def put_back(self) -> None:
        """A listing has failed."""
        self._is_requested = True

    def due_at(self) -> float:
        """When the next listing is due; 0.0: at once.

        It is computed each time: what reports the changes may have begun or ceased to work
        since the last listing.
        """
        if self._is_requested:
            return 0.0
        reported = self.reported_interval()
        return max(self._due, self._listed + reported) if reported else self._due

    def listed(self, now: float, requests: int, *, has_changes: bool) -> None:
        """A listing has ended. requests: when it began; -1: not known. has_changes: it has found
        some."""
        longer = min(self._every * 1.5, self._interval * SLOWEST)
        self._every = self._interval if has_changes else longer
        self._due, self._listed = now + self._every, now
        if requests in (-1, self.requests):
            self._is_requested = False
