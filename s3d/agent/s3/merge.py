"""Two listings in one: what a remote shows, and what is about to change there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A run of a listing: its items in order, each a key with its entry or a common prefix (None).

    It is known up to end, inclusive; end None: there is nothing behind its items.
    """

    items: Sequence[tuple[bytes, T | None]]
    end: bytes | None = None


def merge_page(remote: Slice[T], pending: Slice[T], hidden: Slice[None]) -> Slice[T]:
    """The items of both as far as all three are known; pending ones stand before the remote's.

    hidden: keys that are about to go. Whether a common prefix of the remote has a key that stays is
    not known here: who asks must look below it. All three begin behind the same place and follow
    one another: the next merge begins behind the end of this one.
    """
    ends = [each.end for each in (remote, pending, hidden) if each.end is not None]
    end = min(ends, default=None)
    found = dict(remote.items)
    for key, _ in hidden.items:
        if found.get(key) is not None:
            del found[key]
    found.update(pending.items)
    known = sorted(name for name in found if end is None or name <= end)
    return Slice([(name, found[name]) for name in known], end)
