"""Whose turn it is: the next due write of a key that is not being pushed. Belongs to the loop."""

from __future__ import annotations

import heapq
from collections import Counter, deque

from s3d.agent.stores.write_queue.pending import PendingState, PendingWrite
from s3d.agent.stores.write_queue.pending_index import PendingIndex
from s3d.agent.stores.write_queue.push_priority import Rank, rank

Place = tuple[str, str]
"""Bucket and key."""


class PushScheduler:
    """Entries may be out of date: each is held against the write when its turn comes."""

    def __init__(self, backlog: PendingIndex) -> None:
        self._backlog = backlog
        self._ready: list[Rank] = []
        self._later: list[tuple[float, int]] = []
        """When, and seq."""
        self._urgent: deque[int] = deque()
        self._hurried: Counter[Place] = Counter()

    def offer(self, bucket: str, key: str, now: float) -> bool:
        """Something has changed about this key; True when a write of it may go now."""
        writes = self._backlog.of_key(bucket, key)
        if not writes or not _may_go(writes[0]):
            return False
        write = writes[0]
        if (bucket, key) in self._hurried and write.state is not PendingState.VERIFYING:
            write.retry_at = min(write.retry_at, now)
            self._urgent.append(write.seq)
        elif write.retry_at > now:
            heapq.heappush(self._later, (write.retry_at, write.seq))
            return False
        else:
            heapq.heappush(self._ready, rank(write))
        return True

    def next(self, now: float) -> PendingWrite | None:
        """The write whose turn it is; it is not offered again unless somebody does so."""
        while self._urgent:
            write = self._due(self._urgent.popleft(), now)
            if write is not None:
                return write
        while self._later and self._later[0][0] <= now:
            write = self._due(heapq.heappop(self._later)[1], now)
            if write is not None:
                heapq.heappush(self._ready, rank(write))
        while self._ready:
            place = heapq.heappop(self._ready)
            write = self._due(place[-1], now)
            if write is not None and rank(write) == place:
                return write
        return None

    def next_at(self) -> float | None:
        """When it is worth asking again though nothing was offered, Unix seconds."""
        return self._later[0][0] if self._later else None

    def hurry(self, place: Place) -> None:
        """From now on the writes of this key go before all others, once more for each call."""
        self._hurried[place] += 1

    def relax(self, place: Place) -> None:
        """Takes one hurry back."""
        self._hurried[place] -= 1
        if self._hurried[place] <= 0:
            del self._hurried[place]

    def _due(self, seq: int, now: float) -> PendingWrite | None:
        write = self._backlog.get(seq)
        if write is None or write.retry_at > now or not _may_go(write):
            return None
        return write if self._backlog.of_key(write.bucket, write.key)[0] is write else None


def _may_go(write: PendingWrite) -> bool:
    """A parked write may have a time at which it is tried again."""
    if write.state is PendingState.FAILED:
        return write.retry_at > 0
    return write.state in (PendingState.WAITING, PendingState.VERIFYING)
