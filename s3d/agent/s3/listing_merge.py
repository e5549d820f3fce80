"""Merges the listing of a remote with pending changes. Pure.

It serves objects, versions and uploads. A run of a listing is known up to its end; a merged one up
to the nearest of their ends, because the remote's next page may have entries that sort before
later pending ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

P = TypeVar("P", bound=Any)
"""The position of an entry: its key, or its key and the order among entries of one key."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run(Generic[P, T]):
    """Entries in order, each a place with its row, or with None for a common prefix.

    They are known up to end, inclusive; end None: no entries follow. Entries at the same
    place keep their order; the end of a page may lie among them.
    """

    items: Sequence[tuple[P, T | None]]
    end: P | None = None


def merge_runs(remote: Run[P, T], pending: Run[P, T], hidden: Run[P, None]) -> Run[P, T]:
    """The entries of both as far as all three are known; pending ones stand before the remote's.

    hidden: places of entries with a pending delete. Whether a common prefix of the remote has a key
    that stays is not known here: the caller has to look below it. All three begin behind the same
    place.
    """
    ends = [each.end for each in (remote, pending, hidden) if each.end is not None]
    end = min(ends, default=None)
    taken = {place for place, _ in pending.items}
    gone = {place for place, _ in hidden.items}
    items = [
        (place, row)
        for place, row in remote.items
        if place not in taken and (row is None or place not in gone)
    ]
    items += pending.items
    items.sort(key=lambda item: item[0])
    return Run([item for item in items if end is None or item[0] <= end], end)


class MergedListing(Generic[P, T]):
    """A page of at most size entries, filled run by run, each of which begins where it ends."""

    def __init__(self, size: int, place: P) -> None:
        """place: behind which it begins."""
        self.place: P | None = place
        """Behind which the next run begins; None: there is nothing more."""
        self._size = size
        self._items: list[tuple[P, T | None]] = []

    @property
    def is_open(self) -> bool:
        """Whether another run is needed to fill the page, or to know whether more follows it."""
        return self.place is not None and len(self._items) <= self._size

    @property
    def missing(self) -> int:
        """Entries that would fill the page, and one more."""
        return self._size + 1 - len(self._items)

    @property
    def items(self) -> list[tuple[P, T | None]]:
        """The entries of the page."""
        return self._items[: self._size]

    @property
    def is_truncated(self) -> bool:
        """Whether more entries follow the page; known once it is not open."""
        return len(self._items) > self._size

    def add(self, run: Run[P, T]) -> None:
        """The run behind place."""
        self._items += run.items
        self.place = run.end
