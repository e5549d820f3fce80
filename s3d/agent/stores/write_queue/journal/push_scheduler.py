"""Which write is pushed next: the next due write of a key that is not being pushed.

Small writes overtake large ones, but no write waits for ever: a write ranks as if it had been
accepted later by a time that grows with its size. So the order of two writes never changes with
time and a heap can hold them, and small writes delay a large one by at most MAX_DELAY.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import Protocol

from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import (
    STUCK,
    Kind,
    PendingState,
    PendingWrite,
    Place,
)
from s3d.agent.stores.write_queue.journal.rank_heap import LOW_BITS, RankHeap
from s3d.agent.stores.write_queue.journal.write_order import WriteOrder

SIZE_PER_SECOND = 1 << 20
"""Bytes for which a write yields to writes that were accepted up to a second later."""
MAX_DELAY = 60.0
"""Seconds that even the largest write yields to others."""

Rank = int
"""Sorts; the least goes first. One number, which a RankHeap takes: 11 bits of priority, 52 of time,
48 of seq."""
_TIME_BITS = 52
_MAX_PRIORITY = (1 << 10) - 1
_MICROSECONDS = 1_000_000


class Ranked(Protocol):
    """The attributes of a write that decide its rank."""

    @property
    def seq(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def first_accepted(self) -> float: ...

    @property
    def priority(self) -> int:
        """Greater goes first, whatever its age."""


def rank(write: Ranked) -> Rank:
    """By priority, then by age and size, then in the order of acceptance."""
    delay = min(MAX_DELAY, write.size / SIZE_PER_SECOND)
    at = int((write.first_accepted + delay) * _MICROSECONDS)
    at = min(max(0, at), (1 << _TIME_BITS) - 1)
    priority = min(max(-_MAX_PRIORITY, write.priority), _MAX_PRIORITY)
    return (((-priority << _TIME_BITS) + at) << LOW_BITS) + write.seq


def seq_of(rank: Rank) -> int:
    return rank & ((1 << LOW_BITS) - 1)


class PushScheduler:
    """Entries of its heaps may be out of date: next() checks each against the write.

    Belongs to the loop.
    """

    def __init__(self, index: PendingIndex, order: WriteOrder) -> None:
        self._index = index
        self._order = order
        self._ready = RankHeap()
        self._later: list[tuple[float, int]] = []
        """Time (Unix seconds) and seq."""
        self._urgent: deque[int] = deque()
        self._expedited: Counter[Place] = Counter()

    def offer(self, bucket: str, key: str, now: float) -> bool:
        """The writes of a key have changed; True when one of them may be pushed now."""
        writes = self._index.of_key(bucket, key)
        if not writes or not self._is_pushable(writes[0]):
            return False
        write = writes[0]
        if write.retry_at > now:
            heapq.heappush(self._later, (write.retry_at, write.seq))
            return False
        if (bucket, key) in self._expedited and write.state is not PendingState.VERIFYING:
            self._urgent.append(write.seq)
        else:
            self._ready.push(rank(write))
        return True

    def next(self, now: float) -> PendingWrite | None:
        """The next write to push. It is not returned again unless its key is offered again."""
        while self._urgent:
            write = self._due(self._urgent.popleft(), now)
            if write is not None:
                return write
        while self._later and self._later[0][0] <= now:
            write = self._due(heapq.heappop(self._later)[1], now)
            if write is not None:
                self._ready.push(rank(write))
        while self._ready:
            entry = self._ready.pop()
            write = self._due(seq_of(entry), now)
            if write is not None and rank(write) == entry:
                return write
        return None

    def next_at(self) -> float | None:
        """When next() is worth calling again although nothing was offered, Unix seconds."""
        return self._later[0][0] if self._later else None

    def expedite(self, place: Place, now: float) -> None:
        """Push the writes of this key before all others until relax() was called as often.

        The first of them is pushed at once. When that fails, it is retried at its time: somebody
        who waits must not have a remote asked without a pause.
        """
        self._expedited[place] += 1
        for write in self._index.of_key(*place)[:1]:
            if write.state is not PendingState.VERIFYING:
                write.retry_at = min(write.retry_at, now)

    def relax(self, place: Place) -> None:
        """Undo one expedite()."""
        self._expedited[place] -= 1
        if self._expedited[place] <= 0:
            del self._expedited[place]

    def _due(self, seq: int, now: float) -> PendingWrite | None:
        write = self._index.get(seq)
        if write is None or write.retry_at > now or not self._is_pushable(write):
            return None
        return write if self._index.of_key(write.bucket, write.key)[0] is write else None

    def _has_deletion_below(self, write: PendingWrite) -> bool:
        """Remotes with real folders keep one that has files when its marker is deleted."""
        if write.kind is not Kind.DELETE or not write.key.endswith("/"):
            return False
        prefix = write.key.encode()
        for key in self._index.deleted(write.bucket, prefix, prefix, 1):
            return self._index.of_key(write.bucket, key)[0].state not in STUCK
        return False

    def _is_pushable(self, write: PendingWrite) -> bool:
        """A parked write may have a time at which it is retried. A key that is to be copied waits
        for its copies, the deletion of a folder's marker for those of what is below it, and a write
        that was accepted after a forwarded one for the answer of that one."""
        if self._order.holds_back(write):
            return False
        if self._index.copies.of(write.bucket, write.key) or self._has_deletion_below(write):
            return write.state is PendingState.VERIFYING
        if write.state is PendingState.FAILED:
            return write.retry_at > 0
        return write.state in (PendingState.WAITING, PendingState.VERIFYING)
