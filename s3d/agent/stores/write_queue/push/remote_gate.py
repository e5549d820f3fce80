"""The way to the remote: whether anything may be pushed, how many pushes and bytes at a time.

RemoteGate combines a circuit breaker (PushBreaker), congestion control (PushLimit) and the wait for
accepted credentials. PushThrottle applies the bandwidth timetable.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.bandwidth import TokenBucket
from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.clock import Clock
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.push.retry_policy import (
    THROTTLING_STATUSES,
    FailureAction,
    action_for,
    is_unreachable,
    refusal_of,
)
from s3d.shared.config.values import Timetable

logger = logging.getLogger(__name__)

AWAY = "remote unreachable"
NEEDS_CREDENTIALS = "needs credentials"
HELD = "held: the account of the access key is not known"
BLOCKED_BY = {AWAY: "away", NEEDS_CREDENTIALS: "credentials", HELD: "account"}
"""Why nothing is pushed, as the status shows it -> value of the label reason of its metric."""

_FIRST_CREDENTIALS_PROBE = 5.0
_LAST_CREDENTIALS_PROBE = 300.0
"""Seconds between two probes whether the credentials are accepted."""
_FIRST_RECOVERY = 1.0
_LAST_RECOVERY = 60.0
"""Seconds between two recoveries. A recovery retries delayed writes at once. Where small requests
get through and pushes do not, the back-off of the pushes must stay in force."""
_RECOVERY_RESET = 300.0
"""Seconds without a recovery after which the next one counts as the first."""


class AccountUnknown(Unreachable):
    """The access key may belong to another account than the one pending writes are for."""


class RemoteGate:
    """The state of one endpoint. Belongs to the loop."""

    def __init__(
        self, clock: Clock, limit: PushLimit | None = None, breaker: PushBreaker | None = None
    ) -> None:
        self.blocked = asyncio.Event()
        """Set while nothing may be pushed."""
        self.error: S3Error | None = None
        """The error that blocked the gate."""
        self.on_return: Callable[[], None] = lambda: None
        """Called when the remote answers again, so that unanswered pushes are retried."""
        self._clock = clock
        self._limit = limit or PushLimit()
        self._breaker = breaker or PushBreaker()
        self._credentials_probe_at: float | None = None
        self._credentials_trouble = NEEDS_CREDENTIALS
        self._credentials_backoff = Backoff(_FIRST_CREDENTIALS_PROBE, _LAST_CREDENTIALS_PROBE)
        self._recovery_at = float("-inf")
        self._recovery_backoff = Backoff(_FIRST_RECOVERY, _LAST_RECOVERY)

    @property
    def limit(self) -> int:
        """Pushes that may be in flight at once."""
        return self._limit.limit

    @property
    def trouble(self) -> str:
        """Why nothing is pushed, as the status shows it; "" while the gate is open."""
        if self._credentials_probe_at is not None:
            return self._credentials_trouble
        return AWAY if self._breaker.is_open else ""

    @property
    def suspected_trouble(self) -> str:
        """As trouble, and also AWAY after one failure that has not blocked the gate yet."""
        return self.trouble or (AWAY if self._breaker.is_failing else "")

    @property
    def probe_at(self) -> float | None:
        """When to probe the remote, by the steady clock; None while the gate is open."""
        return self._breaker.probe_at if self._breaker.is_open else self._credentials_probe_at

    def record_success(self) -> None:
        """A push succeeded."""
        self._limit.record_success()
        if self.suspected_trouble:
            self.record_outcome(None)
        else:
            self._breaker.record_answer()

    def record_outcome(self, error: S3Error | None) -> None:
        """Take note of the outcome of a push or of a probe."""
        before, suspected, now = self.trouble, self.suspected_trouble, self._clock.steady()
        if error is not None and is_unreachable(error):
            self._breaker.record_failure(now)
        elif error is not None and action_for(error) is FailureAction.PAUSE:
            if not isinstance(error.failure, Unreachable):
                self._breaker.record_answer()
            is_held = isinstance(error.failure, AccountUnknown)
            self._credentials_trouble = HELD if is_held else NEEDS_CREDENTIALS
            self._schedule_credentials_probe(now)
        elif error is None or not isinstance(error.failure, Unreachable) or _is_there(error):
            self._breaker.record_answer()
            self._credentials_probe_at = None
            self._credentials_backoff.reset()
            if error is not None and _status(error) in THROTTLING_STATUSES:
                self._limit.record_throttling(now)
        if self.trouble != before:
            self._switch(error)
        if suspected and not self.suspected_trouble:
            self._recover(now)

    def record_answer(self, status: int) -> None:
        """Take note of the remote's answer to a request that is not a push.

        Only an answer below 400 proves that the remote accepts the credentials.
        """
        is_proof = status < 400 or (status < 500 and self._credentials_probe_at is None)
        if is_proof and self.suspected_trouble:
            self.record_outcome(None)

    def reset_backoff(self) -> None:
        """The network or the credentials have changed: make the next probe due now."""
        now = self._clock.steady()
        self._breaker.reset_backoff(now)
        if self._credentials_probe_at is not None:
            self._credentials_probe_at = now
            self._credentials_backoff.reset()
            self._credentials_backoff.advance()  # the probe that is due now is the first one

    def _recover(self, now: float) -> None:
        if now < self._recovery_at:
            return
        if now - self._recovery_at > _RECOVERY_RESET:
            self._recovery_backoff.reset()
        self._recovery_at = now + self._recovery_backoff.advance()
        self.on_return()

    def _schedule_credentials_probe(self, now: float) -> None:
        if self._credentials_probe_at is None or now >= self._credentials_probe_at:
            self._credentials_probe_at = now + self._credentials_backoff.advance()

    def _switch(self, error: S3Error | None) -> None:
        self.error = error
        if self.trouble:
            self.blocked.set()
            reason = "" if error is None else error.message
            logger.warning("pushes are suspended: %s: %s", self.trouble, reason)
        else:
            self.blocked.clear()
            logger.info("pushes are resumed")


def _is_there(error: S3Error) -> bool:
    """Whether only this request was intercepted: the remote has answered another one meanwhile."""
    return isinstance(error.failure, Unreachable) and (error.failure.reason is Reason.INTERCEPTED)


def _status(error: S3Error) -> int:
    refusal = refusal_of(error)
    return error.status if refusal is None else refusal.status


_IN_A_ROW = 5
_WINDOW = 20
_FIRST_PROBE = 5.0
_LAST_PROBE = 60.0


class PushBreaker:
    """A circuit breaker: opens on failures to reach the remote (no connection, no answer in time).

    An error answer counts as an answer. While the breaker is open only one cheap probe is sent
    every 5 to 60 seconds, so that an outage costs pending writes no attempts. Pure; times are
    seconds of a clock that never goes back.
    """

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._in_a_row = 0
        self._backoff = Backoff(_FIRST_PROBE, _LAST_PROBE)
        self._probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._probe_at is not None

    @property
    def is_failing(self) -> bool:
        """The last request did not reach the remote."""
        return self._in_a_row > 0

    @property
    def probe_at(self) -> float | None:
        """When to probe next; None while the breaker is closed."""
        return self._probe_at

    def record_answer(self) -> None:
        """The remote answered, with success or an error."""
        self._in_a_row = 0
        self._recent.append(True)
        if self._probe_at is not None:
            self._recent.clear()
            self._probe_at = None
            self._backoff.reset()

    def record_failure(self, now: float) -> None:
        """A push or a probe could not reach the remote."""
        self._in_a_row += 1
        self._recent.append(False)
        if self._probe_at is not None:
            if now >= self._probe_at:
                self._probe_at = now + self._backoff.advance()
        elif self._in_a_row >= _IN_A_ROW or self._mostly_failures():
            self._probe_at = now + self._backoff.advance()

    def reset_backoff(self, now: float) -> None:
        """The machine woke up or the network changed: make a probe due now."""
        if self._probe_at is not None:
            self._backoff.reset()
            self._backoff.advance()  # the probe that is due now is the first one
            self._probe_at = now

    def _mostly_failures(self) -> bool:
        full = len(self._recent) == _WINDOW
        return full and self._recent.count(False) * 2 > _WINDOW


_THROTTLING_PAUSE = 5.0
"""Seconds after a decrease in which further refusals belong to the same congestion."""


class PushLimit:
    """How many pushes may be in flight: additive increase, multiplicative decrease.

    The rule is TCP's congestion avoidance (RFC 5681 section 3.1), with the remote's SlowDown in
    place of a lost packet. Pure.
    """

    def __init__(self, *, start: int = 8, least: int = 1, most: int = 32) -> None:
        self._level = float(start)
        self._least = least
        self._most = most
        self._paused_until = float("-inf")

    @property
    def limit(self) -> int:
        return int(self._level)

    def record_success(self) -> None:
        """Grow: `limit` successes raise the limit by one."""
        self._level = min(self._most, self._level + 1 / self._level)

    def record_throttling(self, now: float) -> None:
        """Halve the limit. now: seconds of a clock that never goes back."""
        if now < self._paused_until:
            return
        self._level = max(self._least, self._level / 2)
        self._paused_until = now + _THROTTLING_PAUSE


_LEAST_SLICE = 4 << 10
"""Bytes of the smallest slice that a slow rate makes of a chunk."""


class PushThrottle:
    """Admits bytes at the rate of the bandwidth timetable; shared by all pushes."""

    def __init__(self, timetable: Timetable, clock: Clock) -> None:
        self.timetable = timetable
        self._clock = clock
        self._bucket = TokenBucket()

    @property
    def timetable(self) -> Timetable:
        """It may be replaced at any time."""
        return self._timetable

    @timetable.setter
    def timetable(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._is_constant = timetable.is_constant
        self._constant_rate = timetable.rate_at(0)

    @property
    def rate(self) -> int | None:
        """Bytes a second at this time of day; None: no limit."""
        if self._is_constant:
            return self._constant_rate
        return self._timetable.rate_at(self._clock.minute())

    async def admit(self, size: int) -> None:
        """Return when this many bytes may be sent."""
        wait = self._bucket.take(size, self.rate, self._clock.steady())
        if wait > 0:
            await self._clock.sleep(wait)

    async def slices(self, chunk: bytes) -> AsyncIterator[bytes]:
        """Yield a chunk in slices small enough for a smooth rate, each once it is admitted."""
        rate = self.rate
        size = len(chunk) if rate is None else max(_LEAST_SLICE, rate // 4)
        for start in range(0, len(chunk), size):
            piece = chunk if size >= len(chunk) else chunk[start : start + size]
            await self.admit(len(piece))
            yield piece


async def probe(client: S3Client, bucket: str, key: str) -> S3Error | None:
    """Get one byte of an object; the error of the answer, None for a success.

    Unlike HEAD, an error answer of GET has a body with the code; and GET needs no permission to
    list.
    """
    members = {"Bucket": bucket, "Key": key, "Range": "bytes=0-0"}
    try:
        async with aclosing(payload(await client.call("GetObject", members))):
            return None
    except S3Error as error:
        return error
