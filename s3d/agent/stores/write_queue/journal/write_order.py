"""The order of the writes that the remote itself decides, among the pending writes of their keys.

A forwarded write comes after what is pending when it arrives: that is pushed first. What is
accepted later is pushed once the forwarded write was answered. So the remote carries out one of
them after the other, and the state of a key that it shows is the one that the write before has
left. Otherwise a push could not tell another writer's version from that of a write of this agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from math import inf

from s3d.agent.stores.write_queue.journal.pending_write import PendingWrite, Place


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

    def __init__(self, places: Sequence[Place], kind: TurnKind) -> None:
        self.places = places
        self._kind = kind
        self._after: float = inf
        self._joined: dict[Place, int] = {}
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
        self._turns: dict[Place, list[Turn]] = {}
        self.on_end: Callable[[Place], None] = lambda place: None
        """Called with each key of a turn that has ended."""

    @contextmanager
    def enter(self, places: Iterable[Place], kind: TurnKind) -> Iterator[Turn]:
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
