"""What an action of the buckets pane is about: the marked rows, or the one under the cursor.

While the tree has the focus, it is the place under the cursor of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from s3d.shared.control import ObjectInfo
from s3d.shared.text import count, size
from s3d.tui.directory_listing import UP
from s3d.tui.panes.listing_table import ListingTable
from s3d.tui.places import HOME, PrefixName, parent

_NAMED_PREFIXES = 3
"""Prefixes that a description names; the rest is left out."""


class Target(NamedTuple):
    """What is under the cursor. place: the level that shows it. bucket is empty for nothing.

    key: of an object or a prefix; empty for a bucket, and for the row that leads up.
    """

    place: PrefixName
    bucket: str
    key: str = ""
    info: ObjectInfo | None = None

    @property
    def is_bucket(self) -> bool:
        return self.place == HOME and bool(self.bucket)

    def as_selection(self) -> Selection | None:
        """The prefix of a tree as what is to be copied or deleted."""
        return Selection(self.bucket, self.place[1], [], [self.key]) if self.key else None


def target_of(table: ListingTable) -> Target:
    listing, current = table.listing, table.current_id
    if listing.place == HOME:
        return Target(HOME, current)
    return Target(listing.place, listing.bucket, current, table.current_object)


def target_of_place(place: PrefixName) -> Target:
    """A bucket or a prefix of the tree."""
    return Target(parent(place), *place)


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects and prefixes of one listing. base: the prefix of the listing."""

    bucket: str
    base: str
    objects: list[ObjectInfo]
    prefixes: list[str]

    @property
    def keys(self) -> list[str]:
        return [info.key for info in self.objects]

    @property
    def names(self) -> list[str]:
        """All prefixes, and then all keys."""
        return [*self.prefixes, *self.keys]

    @property
    def size(self) -> int:
        """Bytes of the objects; those below the prefixes are not known."""
        return sum(info.size for info in self.objects)

    @property
    def is_one_object(self) -> bool:
        return len(self.objects) == 1 and not self.prefixes

    def __str__(self) -> str:
        """For the user: number and size of the objects, and the first prefixes."""
        if self.is_one_object:
            return f"{self.objects[0].key}, {size(self.size)}"
        parts = []
        if self.objects:
            parts.append(f"{count(len(self.objects), 'object')}, {size(self.size)}")
        if self.prefixes:
            more = ", ..." if len(self.prefixes) > _NAMED_PREFIXES else ""
            parts.append(f"all below {', '.join(self.prefixes[:_NAMED_PREFIXES])}{more}")
        return " and ".join(parts)


def has_selection(table: ListingTable) -> bool:
    """Whether selection_of() has something; it looks at no marked row."""
    has_marks = any(id != UP for id in table.marks.ids)
    return bool(table.listing.bucket) and (has_marks or bool(table.current_id))


def selection_of(table: ListingTable) -> Selection | None:
    """None in the list of buckets, and when no object or prefix is marked or under the cursor."""
    listing = table.listing
    ids = [id for id in table.chosen() if id != UP]
    if not listing.bucket or not ids:
        return None
    by_id = {id: listing.find_object(id) for id in ids}
    return Selection(
        listing.bucket,
        listing.prefix,
        objects=[info for info in by_id.values() if info is not None],
        prefixes=[id for id, info in by_id.items() if info is None],
    )
