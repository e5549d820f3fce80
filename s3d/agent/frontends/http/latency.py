"""How long requests take: counts by duration, of the last minute, cheap enough for each."""

from __future__ import annotations

from collections import deque

_FINE = 3
"""Bits of a duration that are told apart: a bucket is at most an eighth wide."""
_BUCKETS = 32 << _FINE
MINUTE = 60
"""Seconds that are looked back."""


class Latency:
    """add() for each request, turn() once a second."""

    def __init__(self) -> None:
        self._now = [0] * _BUCKETS
        self._past: deque[list[int]] = deque(maxlen=MINUTE)

    def add(self, seconds: float) -> None:
        micros = int(seconds * 1e6)
        bits = micros.bit_length()
        if bits <= _FINE:
            self._now[micros] += 1
        else:
            shift = bits - _FINE - 1
            at = (shift << _FINE) + (micros >> shift)
            self._now[at if at < _BUCKETS else _BUCKETS - 1] += 1

    def turn(self) -> None:
        """A second is over."""
        self._past.append(self._now if any(self._now) else [])
        self._now = [0] * _BUCKETS

    def quantiles(self, *shares: float) -> list[float]:
        """Seconds that such a share of the requests took at most; 0 when there were none."""
        sums = [sum(column) for column in zip(*filter(None, self._past), strict=True)]
        total = sum(sums)
        if not total:
            return [0.0 for _ in shares]
        return [_edge(sums, share * total) for share in shares]


def _edge(sums: list[int], wanted: float) -> float:
    seen = 0
    for at, count in enumerate(sums):
        seen += count
        if seen >= wanted:
            return _upper(at) / 1e6
    return _upper(len(sums) - 1) / 1e6


def _upper(at: int) -> int:
    """Microseconds at the end of a bucket."""
    whole = 1 << (_FINE + 1)
    if at < whole:
        return at + 1
    shift = (at >> _FINE) - 1
    return ((at & ((1 << _FINE) - 1)) + (1 << _FINE) + 1) << shift
