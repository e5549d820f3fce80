"""The inode number (st_ino) of each file and folder, which stays the same over a rename.

tar, rsync, git, find, tail and editors take two names for one file if the numbers are equal, and
a file for another one if its number has changed. So a number is computed of the number of the
folder and the name, and is the same after a restart; what was renamed keeps the number that it
had, with all that is below it. Such numbers are saved with the metadata.

A name whose computed number belongs to something that was renamed away gets the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Protocol

MAX_RENAMED = 100_000
"""Numbers of renamed files that are remembered; those that were renamed first are forgotten."""
_MAX_FOLDERS = 10_000
"""Numbers of folders that are not computed again."""

ObjectName = tuple[str, str]
"""Bucket and key; a folder's key ends with a slash, a bucket's is "", as is the list of buckets."""


class NumberTable(Protocol):
    """Keeps numbers over a restart: a MetadataTable."""

    def numbers(self) -> Mapping[ObjectName, int]:
        """All of them, those that were put last at the end. Reads a file."""

    def put_number(self, bucket: str, key: str, number: int | None) -> None: ...


class InodeNumbers:
    """Of all mounts. Used by FUSE threads."""

    def __init__(self, table: NumberTable | None = None) -> None:
        """table: None: numbers last as long as the agent."""
        self._table = table
        self._lock = threading.RLock()
        self._numbers: dict[ObjectName, int] | None = None
        """Those that are not computed; None: not read yet."""
        self._taken: set[int] = set()
        """The values of these."""
        self._folders: dict[ObjectName, int] = {}

    def of(self, bucket: str, key: str) -> int:
        """Never 0. Reads a file at the first call."""
        prefix, name = _split(bucket, key)
        return self.numbering(*prefix)(name)

    def numbering(self, bucket: str, prefix: str) -> Callable[[str], int]:
        """The numbers of what is in one folder, by the last component of the key, or by the bucket.
        Of folders it ends with a slash."""
        with self._lock:
            numbers, above = self._loaded(), self._of_folder((bucket, prefix))
        base, taken = above.to_bytes(8, "little"), self._taken

        def number_of(name: str) -> int:
            if numbers:
                place = (bucket, prefix + name) if bucket else (name, "")
                known = numbers.get(place)
                if known is not None:
                    return known
            number = hashed_number(base + name.encode("utf-8", "surrogatepass"))
            while number in taken:
                number = hashed_number(number.to_bytes(8, "little"))
            return number

        return number_of

    def created(self, bucket: str, key: str) -> None:
        """The mount has made a file or a folder: it keeps its number, even if that depends on what
        was renamed before."""
        with self._lock:
            self._loaded()
            if self._taken:
                number = self.of(bucket, key)
                if number != self._computed(bucket, key):
                    self._put((bucket, key), number)

    def moved(self, bucket: str, old: str, new: str) -> None:
        """A file or a folder has another key, and has replaced what was there."""
        with self._lock:
            numbers, number = self._loaded(), self.of(bucket, old)
            below = [
                (key, each)
                for (of, key), each in numbers.items()
                if old.endswith("/") and of == bucket and key.startswith(old) and key != old
            ]
            self.removed(bucket, new)
            self.removed(bucket, old)
            self._put((bucket, new), number)
            for key, each in below:
                self._put((bucket, new + key.removeprefix(old)), each)

    def removed(self, bucket: str, key: str) -> None:
        """The mount has removed a file, or a folder with all that was below."""
        with self._lock:
            numbers = self._loaded()
            gone = [(bucket, key)] if (bucket, key) in numbers else []
            if key.endswith("/"):
                gone += [each for each in numbers if each[0] == bucket and each[1].startswith(key)]
            for place in dict.fromkeys(gone):
                self._put(place, None)

    def _loaded(self) -> dict[ObjectName, int]:
        if self._numbers is None:
            self._numbers = {} if self._table is None else dict(self._table.numbers())
            self._taken.update(self._numbers.values())
        return self._numbers

    def _put(self, place: ObjectName, number: int | None) -> None:
        numbers = self._loaded()
        before = numbers.pop(place, None)
        if before is not None:
            self._taken.discard(before)
        if number is not None and number != self._computed(*place):
            numbers[place] = number
            self._taken.add(number)
        if self._table is not None and before != numbers.get(place):
            self._table.put_number(*place, numbers.get(place))
        if len(numbers) > MAX_RENAMED:
            self._put(next(iter(numbers)), None)
        self._folders.clear()

    def _of_folder(self, folder: ObjectName) -> int:
        if folder == ("", ""):
            return hashed_number(b"")
        known = self._folders.get(folder)
        if known is None:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            known = self._folders[folder] = self.of(*folder)
        return known

    def _computed(self, bucket: str, key: str) -> int:
        """The number that a place has when nothing was renamed to or from it."""
        (of, prefix), name = _split(bucket, key)
        base = self._of_folder((of, prefix)).to_bytes(8, "little")
        return hashed_number(base + name.encode("utf-8", "surrogatepass"))


def _split(bucket: str, key: str) -> tuple[ObjectName, str]:
    """The folder around a place, and its name there."""
    if not key:
        return ("", ""), bucket
    start = key.rfind("/", 0, len(key) - 1) + 1
    return (bucket, key[:start]), key[start:]


def hashed_number(text: bytes) -> int:
    """The same for the same text; no two texts that occur have one number. Never 0."""
    digest = blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "little") & 0x7FFF_FFFF_FFFF_FFFF or 1
