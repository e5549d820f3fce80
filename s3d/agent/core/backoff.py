"""How long to wait before the next try: delays that grow by a factor, up to a longest one. Pure."""

from __future__ import annotations


class Backoff:
    """The delays of one series of failures. All times are seconds."""

    def __init__(self, first: float, longest: float, *, factor: float = 2.0) -> None:
        self._first = first
        self._longest = longest
        self._factor = factor
        self._next = first

    @property
    def current(self) -> float:
        """The delay before the next try."""
        return self._next

    def advance(self) -> float:
        """The delay before the next try; the one after it is longer."""
        delay, self._next = self._next, min(self._longest, self._next * self._factor)
        return delay

    def reset(self) -> None:
        """Something has succeeded: begin again with the shortest delay."""
        self._next = self._first


def exponential_delay(failures: int, first: float, longest: float) -> float:
    """The delay after so many failures before this one: first, then doubled up to the longest.

    For callers that have a number of failures, on disk for example, instead of a Backoff.
    """
    return min(longest, first * 2.0 ** min(failures, 60))


def full_jitter(delay: float, random: float) -> float:
    """A delay between zero and the given one, so that many clients do not retry at one moment.

    random: from 0.0 to 1.0.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return random * delay
