"""Which pending write goes first. Pure.

Small writes overtake large ones, but nobody waits for ever: a write ranks as if it had been
accepted later by as long as its bytes are worth. So the order of two writes never changes with the
time, and a heap can hold them; a stream of small ones delays a large one by PATIENCE at most.
"""

from __future__ import annotations

from typing import Protocol

WORTH = 1 << 20
"""Bytes for which a write lets those pass that were accepted up to a second later."""
PATIENCE = 60.0
"""Seconds that even the largest write lets others pass."""

Rank = tuple[int, float, int]
"""Sorts: the least goes first."""


class Ranked(Protocol):
    """What of a write counts."""

    @property
    def seq(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def accepted(self) -> float: ...

    @property
    def priority(self) -> int:
        """Greater goes first, whatever its age."""


def rank(write: Ranked) -> Rank:
    """By priority, then by age and size, then in the order of acceptance."""
    return -write.priority, write.accepted + min(PATIENCE, write.size / WORTH), write.seq
