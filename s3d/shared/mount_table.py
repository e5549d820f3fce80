"""The kernel's table of mounts, /proc/self/mountinfo, and which mounts of s3d are in it.

https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from s3d.shared.mounting import FILE_SYSTEM

TABLE = Path("/proc/self/mountinfo")


class MountRow(NamedTuple):
    """One row of the table of mounts."""

    folder: Path
    type: str
    device: str
    """Major and minor number."""


def parse_table(text: str) -> Iterator[MountRow]:
    """The rows in order: of mounts at the same folder, the topmost is the last."""
    for line in text.splitlines():
        own, _, rest = line.partition(" - ")
        fields = own.split(" ")
        if len(fields) > 4 and rest:
            yield MountRow(Path(_decoded(fields[4])), rest.split(" ")[0], fields[2])


def mounts_at(folder: Path) -> list[MountRow]:
    """What is mounted at the folder, the topmost last."""
    return [row for row in _rows(TABLE) if row.folder == folder]


def mounts_of_s3d(table: Path = TABLE) -> list[Path]:
    """The folders on which this machine has mounts of s3d, of all users; none where there is no
    such table."""
    try:
        return [row.folder for row in _rows(table) if row.type == FILE_SYSTEM]
    except OSError:
        return []


def is_dead(folder: Path) -> bool:
    """Whether nobody answers for what is mounted there. The kernel may answer stat() for a dead
    file system from its cache; statvfs() always asks."""
    try:
        os.statvfs(folder)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def _rows(table: Path) -> Iterator[MountRow]:
    return parse_table(table.read_text(errors="surrogateescape"))


def _decoded(text: str) -> str:
    """Spaces, tabs, line ends and backslashes are octal numbers in the table."""
    encoded = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), os.fsencode(text))
    return os.fsdecode(encoded)
