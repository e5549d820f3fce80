"""The entries of a folder, made of the pages of a listing. Pure.

Where there is an object "a" and objects below "a/", the folder has the name "a", and the object has
the name with the ending %s3d-object. An object whose key is the folder's own prefix ("a/", a
directory marker) is the folder itself, unless it has bytes: then it is a file with an empty
component in the folder.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import NamedTuple

from s3d.agent.frontends.fuse.key_names import name_of
from s3d.shared.control import Listing, ObjectInfo

FILE_MODE, FOLDER_MODE = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
"""Without metadata. Other users cannot enter the mount, unless the user has allowed it."""


class Entry(NamedTuple):
    """A file or a folder, under one name of the folder that it is in."""

    name: str
    component: str
    """Of the key; what follows the prefix of the folder."""
    mode: int
    """As st_mode."""
    size: int = 0
    mtime_ns: int | None = None
    """Nanoseconds since 1970; None: the listing does not say."""
    etag: str = ""
    """Quoted, as in S3."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def modified(self) -> float:
        """Unix seconds, as in a listing; 0: the listing does not say."""
        return (self.mtime_ns or 0) / 1e9


def folder_entry(component: str, mtime_ns: int | None = None) -> Entry:
    return Entry(name_of(component), component, FOLDER_MODE, mtime_ns=mtime_ns)


def file_entry(component: str, info: ObjectInfo, *, beside_folder: bool = False) -> Entry:
    """beside_folder: there is a folder with the same component, too."""
    return Entry(
        name_of(component, beside_folder=beside_folder),
        component,
        FILE_MODE,
        info.size,
        to_nanoseconds(info.last_modified),
        info.etag,
    )


def to_nanoseconds(seconds: float) -> int:
    """Nanoseconds, without the error of a float below a microsecond."""
    return round(seconds * 1_000_000) * 1_000


class PageMerger:
    """Makes entries of the pages of one listing, which come in S3's order.

    An object is held back until the listing has passed the place of a folder of its name, which
    may be on a later page.
    """

    def __init__(self, prefix: str) -> None:
        """prefix: of the folder, "" or with a slash at its end."""
        self._prefix = prefix
        self._waiting: list[ObjectInfo] = []
        self.marker: ObjectInfo | None = None
        """The object that is the folder itself."""

    def add(self, page: Listing) -> Iterator[Entry]:
        """The entries that this page decides; the last page decides all. What no listing of this
        folder can have is left out: the kernel refuses all of it for one name with a slash."""
        shown = [self._component(prefix) for prefix in page.prefixes]
        folders = {each.removesuffix("/") for each in shown if each and each.endswith("/")}
        objects = [*self._waiting, *page.objects]
        reached = _last_key(page)
        self._waiting = []
        yield from map(folder_entry, folders)
        for info in objects:
            component = self._component(info.key)
            if component is None or component.endswith("/"):
                continue
            if not component and not info.size:
                self.marker = info
            elif component not in folders and page.cursor and f"{info.key}/".encode() > reached:
                self._waiting.append(info)
            else:
                yield file_entry(component, info, beside_folder=component in folders)

    def _component(self, key: str) -> str | None:
        """What follows the prefix of the folder, for a folder with a slash at its end; None: the
        key is not in this folder, or below another one in it."""
        component = key[len(self._prefix) :]
        is_here = key.startswith(self._prefix) and "/" not in component[:-1]
        return component if is_here else None


def _last_key(page: Listing) -> bytes:
    """The last key or prefix of a page."""
    keys = [info.key for info in page.objects[-1:]] + page.prefixes[-1:]
    return max((key.encode() for key in keys), default=b"")
