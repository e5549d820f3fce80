"""The listing of a prefix, or of all keys below it, while its pages arrive. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.deleted_objects import STATE, DeletedObjects
from s3d.tui.match import NameFilter, narrows
from s3d.tui.places import HOME, Place

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


@dataclass
class DirectoryListing:
    """Filtered and sorted. place: bucket and prefix. deep: every key below it, and no prefixes."""

    place: Place = HOME
    deep: bool = False
    order: SortOrder = BY_NAME
    prefixes: list[str] = field(default_factory=list)
    objects: list[ObjectInfo] = field(default_factory=list)
    key_states: dict[str, str] = field(default_factory=dict)
    """Key -> its state in queue and cache; a key without one is only at the remote."""
    is_loading: bool = False
    pages: int = 0
    error: str = ""
    """Why the listing has failed."""
    filter: NameFilter = field(default_factory=NameFilter)
    shown: Sequence[Item] = ()
    """What passes the filter, in the chosen order."""
    _by_key: dict[str, ObjectInfo] = field(default_factory=dict)

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
        return self._by_key.get(id)

    def first_with(self, start: str) -> str:
        """The row with this id; else the first whose id begins with it, of those that have arrived,
        or ""."""
        if start in self._by_key:
            return start
        ids = (*self.prefixes, *self._by_key)
        return start if start in ids else next((id for id in ids if id.startswith(start)), "")

    def has_reached(self, id: str) -> bool:
        """Whether a row with this id would have arrived: pages come in the order of S3."""
        last = max(self.prefixes[-1:] + [info.key for info in self.objects[-1:]], default="")
        return not self.is_loading or last >= id

    def add(self, page: Listing) -> None:
        """Append the next page; pages arrive in the order of S3."""
        self.pages += 1
        prefixes = [] if self.deep else page.prefixes
        objects = [info for info in page.objects if info.key != self.prefix]
        self.prefixes += prefixes
        self.objects += objects
        self._by_key.update((info.key, info) for info in objects)
        self.key_states.update(page.key_states)
        if self._is_plain:
            self._arrange()
            return
        arrived: list[Item] = [*prefixes, *objects]
        self.shown = self._sorted([*self.shown, *self._matching(arrived)])

    def add_deleted(self, deleted: DeletedObjects) -> None:
        """Add what was deleted here, after the last page."""
        prefixes = set(deleted.prefixes).difference(self.prefixes)
        self.prefixes = sorted([*self.prefixes, *prefixes])
        self.objects = sorted([*self.objects, *deleted.objects], key=_key)
        self._by_key.update((info.key, info) for info in deleted.objects)
        self.key_states.update(dict.fromkeys([*prefixes, *map(_key, deleted.objects)], STATE))
        self._arrange()

    def label(self, item: Item) -> str:
        """The part of the key below this prefix."""
        key = item if isinstance(item, str) else item.key
        return key[len(self.prefix) :]

    def search(self, text: str) -> None:
        """Show only what matches. Raises Unmatchable, and then leaves everything as it was."""
        name_filter, before = NameFilter(text), self.shown
        narrower = self.filter.text and narrows(self.filter.text, text)
        self.filter = name_filter
        if narrower:
            self.shown = self._matching(before)
        else:
            self._arrange()

    def sort(self, order: str) -> None:
        """Sort by one of ORDERS; by the same again: in reverse."""
        self.order = self.order.then(order)
        self._arrange()

    @property
    def _is_plain(self) -> bool:
        return not self.filter.text and self.order == BY_NAME

    def _arrange(self) -> None:
        if self._is_plain:
            self.shown = Joined(self.prefixes, self.objects)
        else:
            self.shown = self._sorted(self._matching([*self.prefixes, *self.objects]))

    def _matching(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if self.filter.matches(self.label(item))]

    def _sorted(self, items: list[Item]) -> list[Item]:
        """Prefixes first, then objects; only names give prefixes an order. Sorting is stable."""
        prefixes = [item for item in items if isinstance(item, str)]
        objects = [item for item in items if not isinstance(item, str)]
        if self.order.field == "name":
            prefixes.sort(reverse=self.order.is_reversed)
        objects.sort(key=_SORT_KEYS[self.order.field], reverse=self.order.is_reversed)
        return [*prefixes, *objects]


class Joined(Sequence[Item]):
    """Two lists as one, without a copy: they may hold a million items."""

    def __init__(self, prefixes: Sequence[str], objects: Sequence[ObjectInfo]) -> None:
        self._prefixes, self._objects = prefixes, objects

    def __len__(self) -> int:
        return len(self._prefixes) + len(self._objects)

    def __getitem__(self, n: int) -> Item:  # type: ignore[override]
        count = len(self._prefixes)
        return self._prefixes[n] if 0 <= n < count else self._objects[n - count if n >= 0 else n]

    def __iter__(self) -> Iterator[Item]:
        yield from self._prefixes
        yield from self._objects


def _key(info: ObjectInfo) -> str:
    return info.key


def _type(info: ObjectInfo) -> str:
    name = info.key.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


_SORT_KEYS: dict[str, Callable[[ObjectInfo], Any]] = {
    "name": _key,
    "size": lambda info: info.size,
    "modified": lambda info: info.last_modified,
    "type": _type,
}
