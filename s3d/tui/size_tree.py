"""How much is below each prefix: the sums of a listing, for every level at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from s3d.shared.control import ObjectInfo

CACHED_STATES = frozenset({"cached", "pinned"})
"""States of keys that are wholly in the read cache."""
PENDING_STATES = frozenset({"pending", "held", "failed"})
"""States of keys whose latest write the remote does not have."""


@dataclass(slots=True)
class Sums:
    """What is below a prefix. Sizes are bytes.

    cached: of objects that are wholly cached; has_partial says that there are others, of which a
    listing does not say how much is cached.
    """

    size: int = 0
    objects: int = 0
    cached: int = 0
    pending: int = 0
    has_partial: bool = False

    def add(self, size: int, state: str) -> None:
        self.size += size
        self.objects += 1
        if state in CACHED_STATES:
            self.cached += size
        elif state in PENDING_STATES:
            self.pending += size
        elif state == "partial":
            self.has_partial = True


class Level(NamedTuple):
    """A row of a level: name is the next part of the prefix with its slash, or "" for the objects
    that are directly below the prefix."""

    name: str
    sums: Sums


class SizeTree:
    """Keeps a few numbers a prefix, and nothing of an object: a bucket may have millions."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._below: dict[str, Sums] = {prefix: Sums()}
        """Prefix -> all that is below it."""
        self._direct: dict[str, Sums] = {}
        """Prefix -> the objects at its level."""
        self._children: dict[str, set[str]] = {}

    @property
    def total(self) -> Sums:
        return self._below[self.prefix]

    def add(self, objects: Iterable[ObjectInfo], states: Mapping[str, str]) -> None:
        """Count a page of a listing. states: key -> its state in queue and cache."""
        for info in objects:
            state = states.get(info.key, "")
            parent = ""
            for parent in self._parents(info.key):
                self._below[parent].add(info.size, state)
            self._direct.setdefault(parent, Sums()).add(info.size, state)

    def _parents(self, key: str) -> Iterator[str]:
        """Every prefix above a key, from the root of the tree; unknown ones are added."""
        at = len(self.prefix)
        above = self.prefix
        yield above
        while (slash := key.find("/", at)) >= 0:
            at = slash + 1
            prefix = key[:at]
            if prefix not in self._below:
                self._below[prefix] = Sums()
                self._children.setdefault(above, set()).add(prefix)
            above = prefix
            yield above

    def sums(self, prefix: str) -> Sums:
        return self._below.get(prefix, Sums())

    def levels(self, prefix: str) -> list[Level]:
        """What is below a prefix, the largest first."""
        rows = [
            Level(child[len(prefix) :], self._below[child])
            for child in self._children.get(prefix, ())
        ]
        direct = self._direct.get(prefix)
        if direct is not None:
            rows.append(Level("", direct))
        return sorted(rows, key=lambda row: (-row.sums.size, -row.sums.objects, row.name))
