"""The way to the remote: whether anything may go, and how much at a time. Told of each outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.breaker import Breaker
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.pace import Pace
from s3d.agent.stores.write_queue.retry_policy import (
    SLOWING,
    FailureAction,
    decide,
    is_unreachable,
    refusal_of,
)

logger = logging.getLogger(__name__)

AWAY = "remote away"
NEEDS_CREDENTIALS = "needs credentials"
HELD = "held: the account of the access key is not known"

_FIRST_ASK = 5.0
_LAST_ASK = 300.0
"""Seconds between two questions whether our credentials are accepted now."""
_FIRST_WAKE = 1.0
_LAST_WAKE = 60.0
"""Seconds between two times that what is delayed is tried since the remote answers: where small
requests get through and pushes do not, the back-off of the pushes has to hold."""
_CALM = 300.0
"""Seconds without such a time after which the next one counts as the first."""


class AccountUnknown(Unreachable):
    """There is an access key, and it may be of another account than pending writes are for."""


class RemoteGate:
    """One endpoint. Belongs to the loop."""

    def __init__(
        self, clock: Clock, pace: Pace | None = None, breaker: Breaker | None = None
    ) -> None:
        self.closed = asyncio.Event()
        """Set while nothing may go."""
        self.error: S3Error | None = None
        """What closed it."""
        self.on_return: Callable[[], None] = lambda: None
        """Called when the remote answers again: what got no answer is worth another try."""
        self._clock = clock
        self._pace = pace or Pace()
        self._breaker = breaker or Breaker()
        self._ask_at: float | None = None
        self._refusal = NEEDS_CREDENTIALS
        self._wait = _FIRST_ASK
        self._wake_at = float("-inf")
        self._wake_wait = _FIRST_WAKE

    @property
    def limit(self) -> int:
        """Pushes that may be under way at once."""
        return self._pace.limit

    @property
    def trouble(self) -> str:
        """Why nothing goes, in words for the status; "" while the line is open."""
        if self._ask_at is not None:
            return self._refusal
        return AWAY if self._breaker.is_open else ""

    @property
    def suspected_trouble(self) -> str:
        """The same, and also what the last try met with before the line is closed for it."""
        return self.trouble or (AWAY if self._breaker.is_missing else "")

    @property
    def probe_at(self) -> float | None:
        """When to ask whether it works again, by the steady clock; None while it is open."""
        return self._breaker.probe_at if self._breaker.is_open else self._ask_at

    def record_success(self) -> None:
        """A push came through."""
        self._pace.succeeded()
        self.record_outcome(None)

    def record_outcome(self, error: S3Error | None) -> None:
        """The outcome of a push or of a probe."""
        before, suspected, now = self.trouble, self.suspected_trouble, self._clock.steady()
        if error is not None and is_unreachable(error):
            self._breaker.missed(now)
        elif error is not None and decide(error) is FailureAction.PAUSE:
            if not isinstance(error.failure, Unreachable):
                self._breaker.reached()
            is_held = isinstance(error.failure, AccountUnknown)
            self._refusal = HELD if is_held else NEEDS_CREDENTIALS
            self._refused(now)
        elif error is None or not isinstance(error.failure, Unreachable) or _is_there(error):
            self._breaker.reached()
            self._ask_at, self._wait = None, _FIRST_ASK
            if error is not None and _status(error) in SLOWING:
                self._pace.slowed(now)
        if self.trouble != before:
            self._report(error)
        if suspected and not self.suspected_trouble:
            self._wake(now)

    def record_answer(self, status: int) -> None:
        """The remote, for certain, gave this answer to a request that is not a push.

        Only one that is no refusal shows that it accepts our credentials.
        """
        is_good = status < 400 or (status < 500 and self._ask_at is None)
        if is_good and self.suspected_trouble:
            self.record_outcome(None)

    def reset_backoff(self) -> None:
        """Something has changed (network, credentials): probe at once."""
        now = self._clock.steady()
        self._breaker.network_changed(now)
        if self._ask_at is not None:
            self._ask_at, self._wait = now, _FIRST_ASK

    def _wake(self, now: float) -> None:
        if now < self._wake_at:
            return
        is_first = now - self._wake_at > _CALM
        self._wake_wait = _FIRST_WAKE if is_first else min(_LAST_WAKE, self._wake_wait * 2)
        self._wake_at = now + self._wake_wait
        self.on_return()

    def _refused(self, now: float) -> None:
        if self._ask_at is None:
            self._ask_at = now + self._wait
        elif now >= self._ask_at:
            self._wait = min(_LAST_ASK, self._wait * 2)
            self._ask_at = now + self._wait

    def _report(self, error: S3Error | None) -> None:
        self.error = error
        if self.trouble:
            self.closed.set()
            why = "" if error is None else error.message
            logger.warning("nothing is pushed: %s: %s", self.trouble, why)
        else:
            self.closed.clear()
            logger.info("pushing again")


def _is_there(error: S3Error) -> bool:
    """Whether another server answered this request while the remote answered a listing."""
    return isinstance(error.failure, Unreachable) and (error.failure.reason is Reason.INTERCEPTED)


def _status(error: S3Error) -> int:
    refusal = refusal_of(error)
    return error.status if refusal is None else refusal.status
