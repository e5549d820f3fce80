"""The part map of one transfer: which parts are done, in a file that a crash cannot spoil.

The first line says what is moved, each further line names a part that is done and ends with a
checksum. Lines are only appended. The owner makes a part durable before it adds the part, so the
map may lose its last lines in a power cut, but never names a part that is missing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple, Self

VERSION = 1
_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST = 4 << 20
"""Bytes of a map: 10,000 parts take a sixteenth of it."""

Header = Mapping[str, str | int | float]


class MapName(NamedTuple):
    """A file name: in an open folder, or (folder None) a path."""

    name: str
    folder: int | None = None


class PartMap:
    """A part map that is open. Its methods block for less than a millisecond."""

    def __init__(self, name: MapName, fd: int, header: Header, parts: dict[int, str]) -> None:
        self.header = header
        self.parts = parts
        """What the owner has noted of each part that is done, by its number."""
        self._name, self._fd = name, fd

    @classmethod
    def read(cls, name: MapName) -> Self | None:
        """The map, up to its first damaged line; None: there is none, or not one of ours."""
        try:
            fd = os.open(name.name, _OLD, dir_fd=name.folder)
        except OSError:
            return None
        lines, valid = _valid_lines(os.pread(fd, _LONGEST, 0))
        try:
            header = json.loads(lines[0])
            parts = {int(number): str(note) for number, note in map(json.loads, lines[1:])}
            is_ours = header.pop("version") == VERSION
        except (IndexError, KeyError, ValueError, TypeError, AttributeError):
            is_ours = False
        if not is_ours:
            os.close(fd)
            return None
        os.ftruncate(fd, valid)
        os.lseek(fd, valid, os.SEEK_SET)
        return cls(name, fd, header, parts)

    @classmethod
    def begin(cls, name: MapName, header: Header) -> Self:
        """A new map without parts, in place of the one that is there. Raises OSError."""
        fd = os.open(name.name, _NEW, 0o600, dir_fd=name.folder)
        try:
            _append(fd, {"version": VERSION, **header})
            os.fsync(fd)
        except BaseException:
            os.close(fd)
            raise
        return cls(name, fd, header, {})

    def add(self, number: int, note: str = "") -> None:
        """A part is done. Raises OSError."""
        self.parts[number] = note
        _append(self._fd, [number, note])

    def close(self) -> None:
        """Close the file; it may be closed already."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def remove(self) -> None:
        """Close the map and delete its file."""
        self.close()
        with suppress(OSError):
            os.unlink(self._name.name, dir_fd=self._name.folder)


def _append(fd: int, value: object) -> None:
    text = json.dumps(value, separators=(",", ":"))
    line = f"{zlib.crc32(text.encode()):08x} {text}\n".encode()
    while line:
        line = line[os.write(fd, line) :]


def _valid_lines(data: bytes) -> tuple[list[bytes], int]:
    """The lines before the first damaged one, and the number of their bytes."""
    lines, at = [], 0
    for line in data.split(b"\n")[:-1]:
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            break
        lines.append(text)
        at += len(line) + 1
    return lines, at
