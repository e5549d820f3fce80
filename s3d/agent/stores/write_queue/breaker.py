"""Whether the remote is worth trying: a circuit breaker for one endpoint.

Pure: told of outcomes and of the time. Only failures to reach the remote count (no connection, no
answer in time); a refusal is an answer. Closed: everything goes. Open: nothing goes but one cheap
probe each 5 to 60 seconds, so that an outage costs the writes that wait no attempt.
"""

from __future__ import annotations

from collections import deque

_IN_A_ROW = 5
_WINDOW = 20
_FIRST_PROBE = 5.0
_LAST_PROBE = 60.0


class Breaker:
    """Times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._in_a_row = 0
        self._wait = _FIRST_PROBE
        self._probe_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._probe_at is not None

    @property
    def is_missing(self) -> bool:
        """The last try did not reach the remote."""
        return self._in_a_row > 0

    @property
    def probe_at(self) -> float | None:
        """When the remote is to be probed next; None while the breaker is closed."""
        return self._probe_at

    def reached(self) -> None:
        """The remote answered, whatever it said."""
        self._in_a_row = 0
        self._recent.append(True)
        if self._probe_at is not None:
            self._recent.clear()
            self._probe_at = None
            self._wait = _FIRST_PROBE

    def missed(self, now: float) -> None:
        """The remote could not be reached, by a push or by a probe."""
        self._in_a_row += 1
        self._recent.append(False)
        if self._probe_at is not None:
            if now >= self._probe_at:
                self._wait = min(_LAST_PROBE, self._wait * 2)
                self._probe_at = now + self._wait
        elif self._in_a_row >= _IN_A_ROW or self._mostly_missed():
            self._probe_at = now + self._wait

    def network_changed(self, now: float) -> None:
        """The machine woke up or has another network: probe at once."""
        if self._probe_at is not None:
            self._wait = _FIRST_PROBE
            self._probe_at = now

    def _mostly_missed(self) -> bool:
        full = len(self._recent) == _WINDOW
        return full and self._recent.count(False) * 2 > _WINDOW
