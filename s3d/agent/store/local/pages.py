"""Pages of what comes several to a key: versions, and unfinished uploads. Pure.

As listing.roll_up, but a place in the order is a key and what tells those of one key apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

E = TypeVar("E")
P = TypeVar("P")

Place = tuple[bytes, P]


@dataclass(slots=True)
class Page(Generic[E, P]):
    """Entries and common prefixes, each in order."""

    next: Place[P]
    """Of the last item given; of a common prefix, the prefix as key."""
    entries: list[E] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Query(Generic[P]):
    """Which page is wanted."""

    prefix: bytes
    delimiter: bytes
    after: Place[P]
    limit: int

    def common_prefix(self, key: bytes) -> bytes | None:
        """The part of the key up to the first delimiter behind the prefix."""
        if not self.delimiter or not key.startswith(self.prefix):
            return None
        found = key.find(self.delimiter, len(self.prefix))
        return None if found < 0 else key[: found + len(self.delimiter)]


def page_of(
    fetch: Callable[[Place[P], int], list[tuple[Place[P], E]]], query: Query[P]
) -> Page[E, P]:
    """fetch(after, limit) gives entries under the prefix with their places, in order.

    What lies below a common prefix is jumped over.
    """
    page: Page[E, P] = Page(query.after)
    group = query.common_prefix(query.after[0])
    at = query.after if group is None else _behind(group, query.after)
    given = 0
    while query.limit:
        wanted = query.limit - given + 1
        batch = fetch(at, wanted)
        for place, entry in batch:
            if group is not None and place[0].startswith(group):
                continue
            if given == query.limit:
                page.truncated = True
                return page
            given += 1
            group = query.common_prefix(place[0])
            if group is None:
                page.entries.append(entry)
                page.next = place
            else:
                page.prefixes.append(group)
                page.next = (group, place[1])
        if len(batch) < wanted:
            break
        at = batch[-1][0] if group is None else _behind(group, batch[-1][0])
    return page


def _behind(group: bytes, place: Place[P]) -> Place[P]:
    """Behind all keys of a group; no key has the byte 0xFF, so what comes with it is no matter."""
    return group + b"\xff", place[1]
