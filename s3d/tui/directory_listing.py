"""One level of a bucket, or all below it: its rows as they come, filtered and sorted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.match import Test, matcher, narrows

UP = ".."
"""Id of the row that leads to the level above."""
ORDERS = ("name", "size", "modified", "type")

Item = str | ObjectInfo
"""A prefix, or an object."""


@dataclass
class DirectoryListing:
    """bucket and prefix: where it is. deep: every key below it, and no prefixes."""

    bucket: str = ""
    prefix: str = ""
    deep: bool = False
    order: str = "name"
    is_reversed: bool = False
    folders: list[str] = field(default_factory=list)
    objects: list[ObjectInfo] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)
    """Key -> how it is with queue and cache; a key that is not in it is at the remote only."""
    is_loading: bool = False
    pages: int = 0
    error: str = ""
    """Why it could not be listed."""
    filter: str = ""
    shown: Sequence[Item] = ()
    """What matches, in its order."""
    _test: Test | None = None
    _by_key: dict[str, ObjectInfo] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.bucket}/{self.prefix}"

    @property
    def total(self) -> int:
        """Rows that have come so far."""
        return len(self.folders) + len(self.objects)

    def info(self, id: str) -> ObjectInfo | None:
        """The object of a row's id; None for a prefix, and for what is not here."""
        return self._by_key.get(id)

    def add(self, page: Listing) -> None:
        """The next page, in the order of S3."""
        self.pages += 1
        folders = [] if self.deep else page.prefixes
        objects = [info for info in page.objects if info.key != self.prefix]
        came: list[Item] = [*folders, *objects]
        self.folders += folders
        self.objects += objects
        self._by_key.update((info.key, info) for info in objects)
        self.standing.update(page.key_states)
        if self._is_plain:
            self._show()
            return
        test = self._test
        new = [item for item in came if test is None or test(self.label(item))]
        self.shown = self._sorted([*self.shown, *new])

    def label(self, item: Item) -> str:
        """What a person reads: the key from here on."""
        key = item if isinstance(item, str) else item.key
        return key[len(self.prefix) :]

    def search(self, text: str) -> None:
        """Only what matches. Raises Unmatchable, and stays as it was."""
        test = matcher(text)
        narrower = self.filter and narrows(self.filter, text)
        self._test, before, self.filter = test, self.shown, text
        if narrower and test is not None:
            self.shown = [item for item in before if test(self.label(item))]
        else:
            self._show()

    def sort(self, order: str) -> None:
        """By one of ORDERS; again: the other way round."""
        self.is_reversed = order == self.order and not self.is_reversed
        self.order = order
        self._show()

    @property
    def _is_plain(self) -> bool:
        return self._test is None and self.order == "name" and not self.is_reversed

    def _show(self) -> None:
        if self._is_plain:
            self.shown = Joined(self.folders, self.objects)
            return
        test = self._test
        items: list[Item] = [*self.folders, *self.objects]
        if test is not None:
            items = [item for item in items if test(self.label(item))]
        self.shown = self._sorted(items)

    def _sorted(self, items: list[Item]) -> list[Item]:
        """Prefixes first, then objects, each in their order; equals stay as they are."""
        folders = [item for item in items if isinstance(item, str)]
        objects = [item for item in items if not isinstance(item, str)]
        if self.order == "name":
            folders.sort(reverse=self.is_reversed)
        objects.sort(key=_KEYS[self.order], reverse=self.is_reversed)
        return [*folders, *objects]


class Joined(Sequence[Item]):
    """Two lists one behind the other, without a copy: they may be a million long."""

    def __init__(self, folders: Sequence[str], objects: Sequence[ObjectInfo]) -> None:
        self._folders, self._objects = folders, objects

    def __len__(self) -> int:
        return len(self._folders) + len(self._objects)

    def __getitem__(self, n: int) -> Item:  # type: ignore[override]
        count = len(self._folders)
        return self._folders[n] if 0 <= n < count else self._objects[n - count if n >= 0 else n]

    def __iter__(self) -> Iterator[Item]:
        yield from self._folders
        yield from self._objects


def _type(info: ObjectInfo) -> str:
    name = info.key.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


_KEYS: dict[str, Callable[[ObjectInfo], Any]] = {
    "name": lambda info: info.key,
    "size": lambda info: info.size,
    "modified": lambda info: info.last_modified,
    "type": _type,
}
