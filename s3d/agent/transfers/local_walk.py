"""The files of a folder, in the order of their keys."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import NamedTuple

from s3d.agent.sync.reasons import reason_of
from s3d.shared.text import printable_path

_BATCH = 500
"""Files of a folder that are looked for in one go."""
REPORT, FOLLOW, SKIP, NOTE = "report", "follow", "skip", "note"


class LocalFile(NamedTuple):
    """One file. name: with slashes, as a key; one that is not UTF-8 is shown escaped."""

    name: str
    path: str
    size: int = 0
    modified: float = 0.0
    """Unix seconds."""
    trouble: str = ""
    """Why it cannot be an object."""
    is_special: bool = False
    """It is a link or a device."""


_Identity = tuple[int, int]
"""Device and inode."""


class _Place(NamedTuple):
    """A name that is not looked at yet."""

    name: str
    path: str
    above: frozenset[_Identity]
    """The folders that it is in: a link to one of them would lead in circles."""


async def walk(path: str, *, links: str = REPORT) -> AsyncIterator[LocalFile]:
    """A file, or all files of a folder. Names begin with the last part of the path.

    links: how symbolic links below the path are treated. Raises OSError when there is no such path.
    """
    rows = _walk(path, links)
    while batch := await asyncio.to_thread(_some, rows):
        for item in batch:
            yield item


def _some(rows: Iterator[LocalFile]) -> list[LocalFile]:
    return list(islice(rows, _BATCH))


def _walk(path: str, links: str) -> Iterator[LocalFile]:
    name = os.path.basename(path)
    stat_result = os.stat(path)
    if not stat.S_ISDIR(stat_result.st_mode):
        yield _file(name, path, stat_result)
        return
    waiting = [_Place(f"{name}/" if name else "", path, frozenset())]
    while waiting:
        place = waiting.pop()
        if place.name and not place.name.endswith("/"):
            if item := _entry(place, links):
                yield item
            continue
        try:
            waiting.extend(reversed(_below(place, links)))
        except OSError as error:  # It vanished, or may not be read: the other folders still can.
            shown = printable_path(place.name.rstrip("/"))
            yield LocalFile(shown, place.path, trouble=reason_of(error))


def _below(folder: _Place, links: str) -> list[_Place]:
    """What is in a folder, in the order of the keys: a folder counts with its slash."""
    above, follow = folder.above, links == FOLLOW
    if follow:
        status = os.stat(folder.path)
        above |= {(status.st_dev, status.st_ino)}
    with os.scandir(folder.path) as entries:
        rows = [
            _Place(
                folder.name + entry.name + ("/" if _is_folder(entry, follow, above) else ""),
                entry.path,
                above,
            )
            for entry in entries
        ]
    return sorted(rows, key=lambda place: os.fsencode(place.name))


def _is_folder(entry: os.DirEntry[str], follow: bool, above: frozenset[_Identity]) -> bool:
    if entry.is_dir(follow_symlinks=False):
        return True
    if not follow or not entry.is_symlink() or not entry.is_dir():
        return False
    status = entry.stat()
    return (status.st_dev, status.st_ino) not in above


def _entry(place: _Place, links: str) -> LocalFile | None:
    try:
        status = os.lstat(place.path)
        if stat.S_ISLNK(status.st_mode):
            if links == SKIP:
                return None
            if links == FOLLOW:
                return _linked(place)
        return _file(place.name, place.path, status)
    except OSError as error:
        return LocalFile(printable_path(place.name), place.path, trouble=reason_of(error))


def _linked(place: _Place) -> LocalFile:
    """The file that a link leads to: files are opened without following links."""
    path = os.path.realpath(place.path)
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        trouble = "a symbolic link to a folder that it is in"
        return LocalFile(printable_path(place.name), path, trouble=trouble)
    return _file(place.name, path, status)


def _file(name: str, path: str, stat_result: os.stat_result) -> LocalFile:
    """With its trouble, if it cannot be an object."""
    shown, trouble = printable_path(name), ""
    if shown != name:
        trouble = "its name is not UTF-8, as a key has to be"
    if stat.S_ISLNK(stat_result.st_mode):
        trouble = "a symbolic link"
    elif not stat.S_ISREG(stat_result.st_mode):
        trouble = "not a regular file"
    modified = stat_result.st_mtime_ns / 1e9
    is_special = not stat.S_ISREG(stat_result.st_mode)
    return LocalFile(shown, path, stat_result.st_size, modified, trouble, is_special)
