"""The eviction policy of the cache: S3-FIFO, weighted by bytes.

New entries wait in a small queue; one that is used again while it is there moves to the main one,
one that is not is evicted and remembered as a ghost for a while: when it is added again, it starts
in the main queue. So a scan passes through the small queue and evicts nothing else.
https://dl.acm.org/doi/10.1145/3600006.3613147 (SOSP 2023)

Entries are numbers (slots) here. A use updates one byte in memory, and is never written to disk.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from enum import IntEnum

_SMALL_SHARE = 0.1
_MAX_USES = 3
"""Maximum of the use counter."""
_PROMOTED = 2
"""Uses in the small queue after which an entry moves to the main queue."""

LOOKS = 1_000
"""Entries that are looked at in one call, at most: this takes some milliseconds of the loop."""
_SMALL_NEXT = 100
"""Pinned entries in a row in the main queue after which the small one is tried."""


class Retention(IntEnum):
    """Whether an entry has to stay in the cache."""

    NO = 0
    IN_USE = 1
    """Temporarily, while the entry is in use."""
    PINNED = 2
    """Until pins_changed() is called."""


_FREE, _SMALL, _MAIN, _LEFT = range(4)
"""States of a slot; _LEFT: removed, but still in a queue."""


class Fifo:
    """The two queues, and the ghosts of evicted entries."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of all entries."""
        self.count = 0
        self._state = bytearray()
        self._uses = bytearray()
        self._sizes = array("q")
        self._marks = array("q")
        self._small: deque[int] = deque()
        self._main: deque[int] = deque()
        self._small_size = 0
        self._free: list[int] = []
        self._ghosts: set[int] = set()
        self._pinned_in_a_row = 0
        """Pinned entries that were skipped in a row; when all are pinned, the search ends."""
        self._departures: deque[int] = deque()
        """The ghosts in the order of their eviction, including entries that were added again."""

    def add(self, size: int, mark: int, *, known: bool = False) -> int:
        """Add an entry and return its slot. mark: identifies its ghost. known: it was cached
        before."""
        slot = self._new_slot()
        self._sizes[slot], self._marks[slot], self._uses[slot] = size, mark, 0
        self.size += size
        self.count += 1
        self._pinned_in_a_row = 0
        if known or mark in self._ghosts:
            self._ghosts.discard(mark)
            self._put(slot, _MAIN)
        else:
            self._put(slot, _SMALL)
        return slot

    def touch(self, slot: int) -> None:
        """Count a use."""
        if self._uses[slot] < _MAX_USES:
            self._uses[slot] += 1

    def resize(self, slot: int, size: int) -> None:
        """Set the size of an entry in bytes."""
        more = size - self._sizes[slot]
        self._sizes[slot] = size
        self.size += more
        if self._state[slot] == _SMALL:
            self._small_size += more

    def drop(self, slot: int) -> None:
        """Remove an entry for another reason than eviction."""
        self._account(slot)
        self._state[slot] = _LEFT  # The slot is free again when its queue comes to it.
        if len(self._small) + len(self._main) > 2 * self.count + 1_000:
            self._small, self._main = self._swept(self._small), self._swept(self._main)

    def evict(self, retention: Callable[[int], Retention | bool]) -> int | None:
        """Evict one entry and return its slot; None when no entry may be evicted, or none was found
        among the next LOOKS entries. The next call continues from there."""
        entries = len(self._small) + len(self._main)
        if self._pinned_in_a_row >= entries:
            return None
        patience = entries * (_MAX_USES + 4)
        for _ in range(min(patience, LOOKS)):
            is_due = self._small_size > _SMALL_SHARE * self.size or not self._main
            # In the end all of the small queue is tried, should the main one have to stay; what
            # moves over from there is tried in the main one after that.
            is_last_try = patience <= 2 * entries or self._pinned_in_a_row > _SMALL_NEXT
            from_small = bool(self._small) and (is_due or is_last_try)
            patience -= 1
            if not from_small and not self._main:
                return None
            slot = (self._small if from_small else self._main).popleft()
            if self._state[slot] == _LEFT:
                self._release(slot)
            elif keep := retention(slot):
                self._pinned_in_a_row = self._pinned_in_a_row + 1 if keep is Retention.PINNED else 0
                self._move(slot, _MAIN)
            elif self._stays(slot, from_small):
                self._pinned_in_a_row = 0
                self._move(slot, _MAIN)
            else:
                self._pinned_in_a_row = 0
                if from_small:
                    self._remember(self._marks[slot])
                self._account(slot)
                self._release(slot)
                return slot
        return None

    def pins_changed(self) -> None:
        """Look at entries again whose pins have been removed."""
        self._pinned_in_a_row = 0

    def _stays(self, slot: int, from_small: bool) -> bool:
        """Whether an entry stays for another round because of its uses, which are decremented."""
        if from_small and self._uses[slot] >= _PROMOTED:
            self._uses[slot] = 0
            return True
        if not from_small and self._uses[slot]:
            self._uses[slot] -= 1
            return True
        return False

    def _new_slot(self) -> int:
        if self._free:
            return self._free.pop()
        self._state.append(_FREE)
        self._uses.append(0)
        self._sizes.append(0)
        self._marks.append(0)
        return len(self._state) - 1

    def _put(self, slot: int, state: int) -> None:
        self._state[slot] = state
        if state == _SMALL:
            self._small.append(slot)
            self._small_size += self._sizes[slot]
        else:
            self._main.append(slot)

    def _move(self, slot: int, state: int) -> None:
        if self._state[slot] == _SMALL:
            self._small_size -= self._sizes[slot]
        self._put(slot, state)

    def _account(self, slot: int) -> None:
        self.size -= self._sizes[slot]
        self.count -= 1
        if self._state[slot] == _SMALL:
            self._small_size -= self._sizes[slot]

    def _release(self, slot: int) -> None:
        self._state[slot] = _FREE
        self._free.append(slot)

    def _remember(self, mark: int) -> None:
        self._ghosts.add(mark)
        self._departures.append(mark)
        while len(self._departures) > max(100, self.count):
            self._ghosts.discard(self._departures.popleft())

    def _swept(self, queue: deque[int]) -> deque[int]:
        """The queue without removed entries."""
        kept: deque[int] = deque()
        for slot in queue:
            if self._state[slot] == _LEFT:
                self._release(slot)
            else:
                kept.append(slot)
        return kept
