"""When a marker is read and written next, and what that costs. Pure: the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable

from s3d.agent.remote_changes.poll_costs import (
    ACTIVE_FOR,
    IDLE_INTERVAL,
    Activity,
    listing_cost,
    marker_cost,
    poll_interval,
    stretch_for,
)

WRITE_INTERVAL = 1.0
"""Seconds between two writes of a marker, at least."""
RETRY_REFUSED = 3600.0
"""Seconds until a marker is tried again after the remote has refused it."""
LOST_AFTER = 300.0
"""Seconds without an answer after which a marker does not count as working."""


class MarkerTimes:
    """The times of one marker, in seconds of a steady clock."""

    def __init__(
        self, clock: Callable[[], float], objects: Callable[[], int], cost_limit: float
    ) -> None:
        """objects: how many there are, for the cost of a listing. cost_limit: dollars a month; 0:
        none."""
        self.now = clock
        self._objects, self._cost_limit = objects, cost_limit
        self.is_needed: Callable[[], bool] = lambda: True
        """Whether the marker has to be read often: events may report the changes as well."""
        self._activity = Activity()
        now = clock()
        self._changed = self._polled = self.next_poll = now
        self._next_write = self._next_check = now
        self._answered = now - LOST_AFTER
        self.is_resting = False
        """The last request has failed: a change makes the next one no earlier."""

    @property
    def interval(self) -> float:
        """Seconds between two requests."""
        if not self.is_needed():
            return IDLE_INTERVAL * self.stretch
        return poll_interval(self.now() - self._changed, self.stretch)

    @property
    def is_lost(self) -> bool:
        """Whether the remote has not answered for too long."""
        return self.now() - self._answered > max(LOST_AFTER, 3 * self.interval)

    @property
    def cost(self) -> float:
        """Dollars a month: the marker, and the hourly listing."""
        return self._full_cost / self.stretch

    @property
    def stretch(self) -> float:
        """By which factor the limit of the cost makes intervals longer."""
        return stretch_for(self._full_cost, self._cost_limit)

    @property
    def _full_cost(self) -> float:
        return marker_cost(self._activity) + listing_cost(self._objects())

    def is_write_due(self) -> bool:
        return self.now() >= self._next_write

    def is_check_due(self) -> bool:
        """Whether it has to be looked whether the marker may be written."""
        return self.now() >= self._next_check

    def due_in(self, *, has_changes: bool) -> float:
        """Seconds until a request is due."""
        due = min(self.next_poll, self._next_write) if has_changes else self.next_poll
        return max(0.0, due - self.now())

    def changed(self) -> None:
        """Something has changed, so the next change is expected soon."""
        self._changed = self.now()
        if not self.is_resting:
            self.next_poll = min(self.next_poll, self._changed + self.interval)

    def polling(self) -> None:
        """The marker is read now."""
        now = self.now()
        elapsed = max(0.0, now - self._polled) / 3600.0
        is_active = self.is_needed() and now - self._changed < ACTIVE_FOR
        hours, active, *rest = self._activity
        self._activity = Activity(hours + elapsed, active + elapsed * is_active, *rest)
        self._polled, self.next_poll = now, now + self.interval

    def answered(self) -> None:
        self._answered, self.is_resting = self.now(), False

    def writing(self) -> None:
        """The marker is written now."""
        self._next_write = self.now() + WRITE_INTERVAL

    def written(self) -> None:
        self._answered = self.now()
        self._activity = self._activity._replace(writes=self._activity.writes + 1)

    def write_with_poll(self) -> None:
        """It cannot be written before the next poll."""
        self._next_write = max(self.next_poll, self.now() + WRITE_INTERVAL)

    def write_now(self) -> None:
        self._next_write = self.now()

    def checked(self) -> None:
        """It was looked whether the marker may be written, or it may not."""
        self._next_check = self.now() + RETRY_REFUSED

    def failed(self) -> None:
        """The remote cannot be reached."""
        self.is_resting = True
        self.next_poll = self._next_write = self.now() + self.interval

    def refused(self) -> None:
        """The marker may not be read."""
        self.is_resting = True
        self.next_poll = self.now() + RETRY_REFUSED
