"""A priority queue of ranks that takes 16 bytes for each of 100,000, where a heap takes 52.

New entries go into a heap of Python integers. When that is full, all but its first entries are
moved, sorted, into a run of two arrays. The heap has the first entry of each run; pop() replaces it
by the next one of that run. So no step takes longer than to sort a full heap.
"""

from __future__ import annotations

import heapq
from array import array

FULL = 4096
"""Entries at which the heap is relieved."""
_KEPT = 256
"""Entries that stay in it."""
LOW_BITS = 48
_LOW = (1 << LOW_BITS) - 1


class RankHeap:
    """Sorts integers of at most 48 + 64 bits. An entry that comes twice may be taken once only."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._runs: dict[int, _Run] = {}
        """By their first entry, which is in the heap."""
        self._limit = FULL

    def __bool__(self) -> bool:
        return bool(self._heap)

    def push(self, rank: int) -> None:
        heapq.heappush(self._heap, rank)
        if len(self._heap) > self._limit:
            self._relieve()

    def pop(self) -> int:
        """The least entry. Raises IndexError when there is none."""
        rank = heapq.heappop(self._heap)
        run = self._runs.pop(rank, None)
        if run is not None:
            self._bring_up(run)
        return rank

    def _relieve(self) -> None:
        entries = sorted(set(self._heap))
        moved = [rank for rank in entries[_KEPT:] if rank not in self._runs]
        if moved:
            entries = [rank for rank in entries if rank in self._runs or rank < moved[0]]
        self._heap = entries
        self._bring_up(_Run(moved))
        self._limit = len(self._heap) + FULL

    def _bring_up(self, run: _Run) -> None:
        """Put the first entry of a run into the heap."""
        rank = run.pop()
        while rank is not None and rank in self._runs:
            rank = run.pop()
        if rank is not None:
            self._runs[rank] = run
            heapq.heappush(self._heap, rank)


class _Run:
    """Sorted entries, each in two halves; the least is at the end."""

    def __init__(self, ranks: list[int]) -> None:
        ranks.reverse()
        self._high = array("q", [rank >> LOW_BITS for rank in ranks])
        self._low = array("q", [rank & _LOW for rank in ranks])

    def pop(self) -> int | None:
        """The least entry; None: there is none left."""
        return (self._high.pop() << LOW_BITS) + self._low.pop() if self._high else None
