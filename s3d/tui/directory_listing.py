"""The listing of a prefix, or of all keys below it, while its pages arrive. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.deleted_objects import STATE, DeletedObjects
from s3d.tui.match import NameFilter, narrows
from s3d.tui.packed_objects import BLOCK, PackedObjects
from s3d.tui.places import HOME, PrefixName

UP = ".."
"""Id of the row that leads to the parent prefix."""
ORDERS = ("name", "size", "modified", "type")

Item = str | ObjectInfo
"""A common prefix, or an object."""


class SortOrder(NamedTuple):
    """field: one of ORDERS."""

    field: str = "name"
    is_reversed: bool = False

    def then(self, field: str) -> SortOrder:
        """The order after a choice: choosing the same field again reverses it."""
        return SortOrder(field, field == self.field and not self.is_reversed)


BY_NAME = SortOrder()
"""The order of S3."""
_RESORTED = 0.05
"""Share of the rows by which a listing grows, while its pages arrive, until it is sorted again."""
_POSITIONS = "L"
"""Type of the array of positions."""


class ShownRows(Sequence[Item]):
    """Prefixes, and then the objects at some positions, without a copy of them: there may be a
    million."""

    def __init__(
        self, prefixes: Sequence[str], objects: PackedObjects, positions: Sequence[int]
    ) -> None:
        self._prefixes, self._objects, self._positions = prefixes, objects, positions

    def __len__(self) -> int:
        return len(self._prefixes) + len(self._positions)

    def __getitem__(self, n: int) -> Item:  # type: ignore[override]
        count = len(self._prefixes)
        if 0 <= n < count:
            return self._prefixes[n]
        return self._objects[self._positions[n - count if n >= 0 else n]]

    def __iter__(self) -> Iterator[Item]:
        return (self[n] for n in range(len(self)))

    def id_at(self, n: int) -> str:
        """The prefix or the key of a row, without the rest of the object."""
        count = len(self._prefixes)
        return self._prefixes[n] if n < count else self._objects.key_at(self._positions[n - count])

    def find(self, id: str) -> int:
        """The number of the row of a prefix or key; -1 when it is not shown."""
        if id in self._prefixes:
            return self._prefixes.index(id)
        position = self._objects.find(id)
        if position < 0 or position not in self._positions:
            return -1
        return len(self._prefixes) + self._positions.index(position)


@dataclass
class DirectoryListing:
    """Filtered and sorted. place: bucket and prefix. deep: every key below it, and no prefixes."""

    place: PrefixName = HOME
    deep: bool = False
    order: SortOrder = BY_NAME
    prefixes: list[str] = field(default_factory=list)
    objects: PackedObjects = field(default_factory=PackedObjects)
    key_states: dict[str, str] = field(default_factory=dict)
    """Key -> its state in queue and cache; a key without one is only at the remote."""
    is_loading: bool = False
    pages: int = 0
    error: str = ""
    """Why the listing has failed."""
    filter: NameFilter = field(default_factory=NameFilter)
    shown: ShownRows = field(default_factory=lambda: ShownRows((), PackedObjects(), ()))
    """What passes the filter, in the chosen order."""
    _matched: Sequence[int] = range(0)
    """The positions of the objects that pass the filter, ascending."""

    @property
    def bucket(self) -> str:
        return self.place[0]

    @property
    def prefix(self) -> str:
        return self.place[1]

    @property
    def name(self) -> str:
        return f"{self.bucket}/{self.prefix}"

    @property
    def total(self) -> int:
        """Rows that have arrived so far."""
        return len(self.prefixes) + len(self.objects)

    def find_object(self, id: str) -> ObjectInfo | None:
        """The object of a row's id; None for a prefix, and for keys that are not listed."""
        position = self.objects.find(id)
        return self.objects[position] if position >= 0 else None

    def first_with(self, start: str) -> str:
        """The row with this id; else the first whose id begins with it, of those that have arrived,
        or ""."""
        if start in self.prefixes or self.objects.find(start) >= 0:
            return start
        prefix = next((id for id in self.prefixes if id.startswith(start)), "")
        position = self.objects.first_from(start)
        if prefix or position == len(self.objects):
            return prefix
        key = self.objects.key_at(position)
        return key if key.startswith(start) else ""

    def has_reached(self, id: str) -> bool:
        """Whether a row with this id would have arrived: pages come in the order of S3."""
        objects = self.objects
        keys = [objects.key_at(len(objects) - 1)] if objects else []
        return not self.is_loading or max(self.prefixes[-1:] + keys, default="") >= id

    def add(self, page: Listing) -> None:
        """Append the next page; pages arrive in the order of S3."""
        self.pages += 1
        if not self.deep:
            self.prefixes += page.prefixes
        objects, before = (
            [info for info in page.objects if info.key != self.prefix],
            len(self.objects),
        )
        self.objects.extend(objects)
        self.key_states.update(page.key_states)
        if self.filter.text:
            matches, cut = self.filter.matches, len(self.prefix)
            numbered = enumerate(objects, before)
            new = [n for n, info in numbered if matches(info.key[cut:])]
            self._matched = array(_POSITIONS, [*self._matched, *new]) if new else self._matched
        else:
            self._matched = range(len(self.objects))
        missing = len(self.prefixes) + len(self._matched) - len(self.shown)
        if self.order.field == "name" or not page.cursor or missing > _RESORTED * len(self.shown):
            self._arrange()

    def add_deleted(self, deleted: DeletedObjects) -> None:
        """Add what was deleted here, after the last page."""
        prefixes = set(deleted.prefixes).difference(self.prefixes)
        self.prefixes = sorted([*self.prefixes, *prefixes])
        self.objects = PackedObjects(sorted([*self.objects, *deleted.objects], key=_key))
        self.key_states.update(dict.fromkeys([*prefixes, *map(_key, deleted.objects)], STATE))
        self._match()

    def label(self, item: Item) -> str:
        """The part of the key below this prefix."""
        key = item if isinstance(item, str) else item.key
        return key[len(self.prefix) :]

    def search(self, text: str) -> None:
        """Show only what matches. Raises Unmatchable, and then leaves everything as it was."""
        name_filter = NameFilter(text)
        is_narrower = bool(self.filter.text) and narrows(self.filter.text, text)
        self.filter = name_filter
        self._match(self._matched if is_narrower else None)

    def sort(self, order: str) -> None:
        """Sort by one of ORDERS; by the same again: in reverse."""
        self.order = self.order.then(order)
        self._arrange()

    def _match(self, among: Sequence[int] | None = None) -> None:
        """Apply the filter. among: the only positions that can pass it, ascending; None: all."""
        self._matched = range(len(self.objects))
        if self.filter.text:
            self._matched = self._matching(self._matched if among is None else among)
        self._arrange()

    def _matching(self, among: Sequence[int]) -> array[int]:
        found, test, cut = array(_POSITIONS), self.filter.test, len(self.prefix)
        end = 0
        for start, keys in self.objects.blocks_of_keys():
            begin, end = end, bisect_left(among, start + BLOCK)
            found.extend([n for n in among[begin:end] if test(keys[n - start][cut:])])
        return found

    def _arrange(self) -> None:
        """Sort what passes the filter: prefixes first, to which only names give an order."""
        prefixes: Sequence[str] = self.prefixes
        if self.filter.text:
            prefixes = [id for id in prefixes if self.filter.matches(self.label(id))]
        positions = self._matched
        if self.order.field != "name":
            positions = self._sorted(positions)
        elif self.order.is_reversed:
            prefixes, positions = prefixes[::-1], positions[::-1]
        self.shown = ShownRows(prefixes, self.objects, positions)

    def _sorted(self, positions: Sequence[int]) -> Sequence[int]:
        """Sorting is stable."""
        values = _COLUMNS[self.order.field](self.objects)
        ordered = sorted(positions, key=values.__getitem__, reverse=self.order.is_reversed)
        return array(_POSITIONS, ordered)


def _key(info: ObjectInfo) -> str:
    return info.key


def _type(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


_COLUMNS: dict[str, Callable[[PackedObjects], Sequence[Any]]] = {
    "size": PackedObjects.sizes,
    "modified": PackedObjects.times,
    "type": lambda objects: [_type(key) for _, keys in objects.blocks_of_keys() for key in keys],
}
"""Order -> its values at all positions."""
