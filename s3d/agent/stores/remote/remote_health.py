"""How the remote has been lately, and for how long a request may wait for it.

The breaker of the write queue decides what is pushed; this module decides how long one request
waits, so that an outage costs each client one time-out at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from s3d.agent.core.failures import CODES, FailureClass, Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import Operation
from s3d.agent.stores.remote.error_mapping import server_time, unreachable
from s3d.agent.stores.remote.http_transport import Timeouts

PAUSE = 2.0
"""Seconds after a time-out in which every request fails at once; the next one is a trial."""
TRIAL = 5.0
"""Seconds that a trial waits for the first byte of a response, if it is idempotent."""
TOLERATED_SKEW = 60.0
"""Seconds that the clocks may differ before we sign with the remote's time; S3 tolerates 900."""
CLOCK_CHECK_INTERVAL = 60.0
"""Seconds between two readings of the remote's Date."""

SLOW_OPERATIONS = frozenset(
    (
        "CompleteMultipartUpload",
        "CopyObject",
        "DeleteObjects",
        "RenameObject",
        "SelectObjectContent",
        "UploadPartCopy",
    )
)
"""Operations that a remote may work on for long before the first byte of its response."""


@dataclass(slots=True)
class Health:
    """The state of the remote; times in Unix seconds."""

    last_success: float | None = None
    """The last response, unless it was a 5xx or refused our credentials."""
    last_failure: float | None = None
    error: str = ""
    """The last failure, for people; "" when the last call succeeded."""
    is_answering: bool = False
    """The last call got a response, whatever its status."""
    clock_offset: float = 0.0
    """Seconds that the remote's clock is ahead of ours."""
    on_answer: Callable[[int], None] = lambda status: None
    """Called with the status of each response."""


class Outage:
    """Fails requests at once for a while after a time-out. Belongs to the loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back."""
        self._clock = clock
        self._last_response = float("-inf")
        self._until: float | None = None
        """None: no outage is known."""

    def time_limit(self, seconds: float, *, repeatable: bool) -> float:
        """The seconds that a request may wait, at most the given ones.

        Raises Unreachable during an outage.
        """
        if self._until is None:
            return seconds
        now = self._clock()
        if now < self._until:
            raise Unreachable(Reason.TIMEOUT, "another request has just timed out", sent=False)
        self._until = now + PAUSE
        return min(seconds, TRIAL) if repeatable else seconds

    def has_answered(self, since: float) -> bool:
        """Whether there was a response since then, on the given clock."""
        return self._last_response >= since

    def answered(self) -> None:
        """Note a response."""
        self._last_response = self._clock()
        self._until = None

    def missed(self, cause: Unreachable) -> None:
        """Note a request without a response. Only a time-out begins an outage, and only when no
        other request got a response meanwhile: a refused connection costs its caller no time."""
        timed_out = cause.reason is Reason.TIMEOUT or isinstance(cause.__cause__, TimeoutError)
        now = self._clock()
        if timed_out and now - self._last_response >= PAUSE:
            self._until = now + PAUSE


class HealthMonitor:
    """Keeps the Health of one remote. Belongs to the loop."""

    def __init__(self, url: str, timeouts: Timeouts, clock: Callable[[], float]) -> None:
        """url: for error messages. clock: Unix seconds."""
        self.health = Health()
        self._url = url
        self._timeouts = timeouts
        self._clock = clock
        self._outage = Outage()
        self._clock_checked = -CLOCK_CHECK_INTERVAL

    def time_limit(self, op: Operation, *, repeatable: bool) -> float:
        """Seconds that a request may wait for the first byte of its response, or between two signs
        of life while its body is sent. Raises S3Error ServiceUnavailable during an outage."""
        timeouts = self._timeouts
        seconds = timeouts.answer if repeatable else timeouts.silence
        if op.name in SLOW_OPERATIONS:
            seconds = max(seconds, timeouts.work)
        try:
            return self._outage.time_limit(seconds, repeatable=repeatable)
        except Unreachable as cause:
            raise unreachable(self._url, cause) from cause

    def has_answered(self, since: float) -> bool:
        """Whether the remote has answered any request since that moment of time.monotonic()."""
        return self._outage.has_answered(since)

    def failed(self, cause: Unreachable) -> S3Error:
        """Note a call that got no response; returns the S3Error for it.

        A response of another server says nothing about the remote.
        """
        error = unreachable(self._url, cause)
        if cause.reason is not Reason.INTERCEPTED:
            self.health.last_failure = self._clock()
            self.health.error = error.message
            self.health.is_answering = False
            self._outage.missed(cause)
        return error

    def answered(self, status: int, code: str, headers: Mapping[str, str]) -> None:
        """Note a verified response. code: of an error. headers: by lower-case name."""
        self._outage.answered()
        self.health.is_answering = True
        if status >= 500:
            self.health.last_failure = self._clock()
            self.health.error = f"The remote returned HTTP {status} {code}".rstrip() + "."
        elif CODES.get(code) is FailureClass.AUTH:
            self.health.last_failure = self._clock()
            self.health.error = f"The remote does not accept our credentials: {code}."
        else:
            self.health.last_success = self._clock()
            self.health.error = ""
        self.health.on_answer(status)
        self._check_clock(status, headers)

    def signing_time(self) -> float:
        """Unix seconds for a signature: the remote's time where ours is far from it."""
        offset = self.health.clock_offset
        return self._clock() + (offset if abs(offset) > TOLERATED_SKEW else 0.0)

    def _check_clock(self, status: int, headers: Mapping[str, str]) -> None:
        now = self._clock()
        if status in (400, 403) or abs(now - self._clock_checked) >= CLOCK_CHECK_INTERVAL:
            remote_time = server_time(headers)
            if remote_time is not None:
                self._clock_checked = now
                self.health.clock_offset = remote_time + 0.5 - now  # Date has whole seconds
