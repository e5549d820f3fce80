"""Whether the remote is worth waiting for: after a wait in vain the next request fails at once.

The breaker of the write queue decides what is pushed, this one for how long a request may wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from s3d.agent.core.failures import Reason, Unreachable

PAUSE = 2.0
"""Seconds after a wait in vain in which every request fails at once; the next one is a trial."""
TRIAL = 5.0
"""Seconds that a trial waits for the first byte of an answer, if it may be repeated."""


class Outage:
    """Belongs to the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back."""
        self._clock = clock
        self._last_answer = float("-inf")
        self._until: float | None = None
        """None: the remote is not known to be away."""

    def admit(self, seconds: float, *, repeatable: bool) -> float:
        """The seconds that a request may wait for its answer, given that it may wait so long.

        Raises Unreachable for one that would wait in vain.
        """
        if self._until is None:
            return seconds
        now = self._clock()
        if now < self._until:
            raise Unreachable(Reason.TIMEOUT, "nobody got an answer a moment ago", sent=False)
        self._until = now + PAUSE
        return min(seconds, TRIAL) if repeatable else seconds

    def answered(self) -> None:
        """The remote has answered something."""
        self._last_answer = self._clock()
        self._until = None

    def missed(self, cause: Unreachable) -> None:
        """A request got no answer. Only a wait in vain counts: what fails at once costs nobody any
        time, and while others get answers the remote is there."""
        is_silent = cause.reason is Reason.TIMEOUT or isinstance(cause.__cause__, TimeoutError)
        now = self._clock()
        if is_silent and now - self._last_answer >= PAUSE:
            self._until = now + PAUSE
