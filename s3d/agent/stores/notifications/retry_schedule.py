"""When the events of a target are sent again: a delay for each key, and one for the target. Pure.

The caller passes the time, in seconds of a steady clock.
"""

from __future__ import annotations

from collections.abc import Collection

from s3d.agent.core.backoff import exponential_delay

FIRST_DELAY = 1.0
MAX_DELAY = 300.0
"""Seconds between two attempts, which grow by a factor of two."""
MANY = 8
"""Refusals in a row after which the target itself waits."""

Name = tuple[str, str]
"""Bucket and key."""


class RetrySchedule:
    """The failures of one target since its last successes."""

    def __init__(self) -> None:
        self._failures: dict[Name, int] = {}
        """Failed attempts for the first waiting event of a key."""
        self._due: dict[Name, float] = {}
        """When such a key is tried again."""
        self._in_a_row = 0
        """Failed attempts since the last confirmed event."""
        self._paused_until = 0.0
        self.last_error = ""
        """Why an attempt failed; "" while none has to be repeated."""

    def is_paused(self, now: float) -> bool:
        """Whether the target itself waits."""
        return self._paused_until > now

    def is_due(self, name: Name, now: float) -> bool:
        """Whether the events of a key may be sent."""
        return self._due.get(name, 0.0) <= now

    def refused(self, name: Name, reason: str, now: float) -> None:
        """The target has refused an event. Its key waits, and after many so does the target."""
        failures = self._failures.get(name, 0)
        self._failures[name] = failures + 1
        self._due[name] = now + exponential_delay(failures, FIRST_DELAY, MAX_DELAY)
        self._in_a_row += 1
        self.last_error = reason
        if self._in_a_row >= MANY:
            self._pause(self._in_a_row - MANY, now)

    def unreachable(self, reason: str, now: float) -> None:
        """The target has not answered. It says nothing about a key, so the target waits."""
        if not self.is_paused(now):  # of several attempts at one time, one counts
            self._pause(self._in_a_row, now)
            self._in_a_row += 1
        self.last_error = reason

    def confirmed(self, name: Name) -> None:
        """The target has taken an event."""
        self._in_a_row = 0
        self.forget(name)

    def forget(self, name: Name) -> None:
        """The first waiting event of a key is gone."""
        self._failures.pop(name, None)
        self._due.pop(name, None)
        if not self._due:
            self.last_error = ""

    def keep_only(self, names: Collection[Name]) -> None:
        """Forget the keys that have no waiting events any more. names: of those that have."""
        for name in self._due.keys() - names:
            self.forget(name)
        if not names:
            self.last_error = ""

    def next_attempt(self, now: float) -> float | None:
        """Seconds until something is to be tried again; None: nothing is."""
        if self.is_paused(now):
            return self._paused_until - now
        if not self._due:
            return 0.0 if self.last_error else None
        return max(0.0, min(self._due.values()) - now)

    def _pause(self, excess: int, now: float) -> None:
        delay = exponential_delay(excess, FIRST_DELAY, MAX_DELAY)
        self._paused_until = max(self._paused_until, now + delay)
