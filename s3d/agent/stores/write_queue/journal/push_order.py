"""The order in which writes reach the remote.

- PushScheduler: which pending write is pushed next. It is the next due write of a key that is not
  being pushed. Small writes overtake large ones, but no write waits for ever: a write ranks as if
  it had been accepted later by a time that grows with its size. So the order of two writes never
  changes with time and a heap can hold them, and small writes delay a large one by at most
  MAX_DELAY.
- RankHeap: its priority queue, which takes 16 bytes for each of 100,000 ranks, where a heap of
  Python integers takes 52.
- WriteOrder: the turns of the writes that the remote itself decides, among the pending writes of
  their keys. A forwarded write comes after what is pending when it arrives: that is pushed first.
  What is accepted later is pushed once the forwarded write was answered. So the remote carries out
  one of them after the other, and the state of a key that it shows is the one that the write before
  has left. Otherwise a push could not tell another writer's version from that of a write of this
  agent.
"""

from __future__ import annotations

import asyncio
import heapq
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from math import inf
from typing import Protocol

from s3d.agent.stores.write_queue.journal.pending_index import PendingIndex
from s3d.agent.stores.write_queue.journal.pending_write import (
    STUCK,
    Kind,
    ObjectName,
    PendingState,
    PendingWrite,
)

SIZE_PER_SECOND = 1 << 20
"""Bytes for which a write yields to writes that were accepted up to a second later."""
MAX_DELAY = 60.0
"""Seconds that even the largest write yields to others."""

FULL = 4096
"""Entries at which the heap of a RankHeap is relieved."""
_KEPT = 256
"""Entries that stay in it."""
LOW_BITS = 48
_LOW = (1 << LOW_BITS) - 1

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
    return rank & _LOW


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
        self._expedited: Counter[ObjectName] = Counter()

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

    def expedite(self, place: ObjectName, now: float) -> None:
        """Push the writes of this key before all others until relax() was called as often.

        The first of them is pushed at once. When that fails, it is retried at its time: somebody
        who waits must not have a remote asked without a pause.
        """
        self._expedited[place] += 1
        for write in self._index.of_key(*place)[:1]:
            if write.state is not PendingState.VERIFYING:
                write.retry_at = min(write.retry_at, now)

    def relax(self, place: ObjectName) -> None:
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


class RankHeap:
    """Sorts integers of at most 48 + 64 bits. An entry that comes twice may be taken once only.

    New entries go into a heap of Python integers. When that is full, all but its first entries are
    moved, sorted, into a run of two arrays. The heap has the first entry of each run; pop()
    replaces it by the next one of that run. So no step takes longer than to sort a full heap.
    """

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


class TurnKind(Enum):
    """Which other turns of the same key a turn excludes."""

    SHARED = auto()
    """Those that accept a write only. A large upload must not keep others of its key waiting."""
    CONDITIONAL = auto()
    """Those that depend on the state of the key, too."""
    ACCEPTING = auto()
    """All: a write is accepted here whose plan depends on what the remote has."""


class Turn:
    """The place of one write in the order of its keys."""

    def __init__(self, places: Sequence[ObjectName], kind: TurnKind) -> None:
        self.places = places
        self._kind = kind
        self._after: float = inf
        self._joined: dict[ObjectName, int] = {}
        self._done = asyncio.Event()

    def begin(self, newest: int) -> None:
        """What is accepted from now on comes later. newest: seq of what is pending, of any key."""
        self._after = newest

    def follows(self, write: PendingWrite) -> bool:
        """Whether the pending write is to be pushed before this turn; otherwise it comes later."""
        return write.seq <= self._joined.get((write.bucket, write.key), self._after)

    def excludes(self, other: Turn) -> bool:
        """Whether both may not be carried out at the same time."""
        kinds = {self._kind, other._kind}
        return TurnKind.ACCEPTING in kinds or kinds == {TurnKind.CONDITIONAL}

    def join(self, write: PendingWrite, earlier: Iterable[int]) -> None:
        """See WriteOrder.add."""
        place = write.bucket, write.key
        last = self._joined.get(place, self._after)
        if last < write.seq and any(seq <= last for seq in earlier):
            self._joined[place] = write.seq

    def end(self) -> None:
        self._done.set()

    async def ended(self) -> None:
        await self._done.wait()


class WriteOrder:
    """The turns of all keys. Belongs to the loop."""

    def __init__(self) -> None:
        self._newest = 0
        """The seq of the newest pending write."""
        self._turns: dict[ObjectName, list[Turn]] = {}
        self.on_end: Callable[[ObjectName], None] = lambda place: None
        """Called with each key of a turn that has ended."""

    @contextmanager
    def enter(self, places: Iterable[ObjectName], kind: TurnKind) -> Iterator[Turn]:
        """Register a turn at these keys, which ends with the context. begin() must follow."""
        turn = Turn(tuple(dict.fromkeys(places)), kind)
        for place in turn.places:
            self._turns.setdefault(place, []).append(turn)
        try:
            yield turn
        finally:
            turn.end()
            for place in turn.places:
                others = self._turns[place]
                others.remove(turn)
                if not others:
                    del self._turns[place]
                self.on_end(place)

    async def begin(self, turn: Turn) -> None:
        """Wait for the earlier turns that this one excludes, and begin it.

        A turn that waits holds no write back, since the earlier ones may need its push. Those that
        have begun wait for writes only that were accepted before, so they cannot wait in a circle.
        """
        for place in turn.places:
            turns = self._turns[place]
            for earlier in turns[: turns.index(turn)]:
                if turn.excludes(earlier):
                    await earlier.ended()
        turn.begin(self._newest)

    def add(self, write: PendingWrite, earlier: Sequence[int]) -> None:
        """A write was accepted. earlier: seqs of those of its key that it replaces or tags.

        It comes before the turns for which one of these is pushed first.
        """
        self._newest = write.seq
        if not earlier:
            return
        for turns in self._turns.values():
            for turn in turns:
                turn.join(write, earlier)

    def holds_back(self, write: PendingWrite) -> bool:
        """Whether the write has to wait for a turn of its key."""
        if not self._turns:
            return False
        turns = self._turns.get((write.bucket, write.key), ())
        return any(not turn.follows(write) for turn in turns)
