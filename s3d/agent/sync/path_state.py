"""What is known of one path on each side, and what both sides last agreed on. Values only.

A path is relative to the folder, with / between its parts; that of a folder ends with /. It is the
key without the prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_MOST = 2**63
"""SQLite's and msgpack's integers end below it: in nanoseconds that is in the year 2262."""
SYMLINK, SPECIAL = "a symbolic link", "not a regular file"
UNSUPPORTED = (SYMLINK, SPECIAL)
"""Troubles of what no bucket can hold: left out, which is no failure."""
STRANGE_TIME = "its time of change lies before 1677 or after 2262"


def fits(nanoseconds: int) -> bool:
    """Whether a time can be remembered."""
    return -_MOST <= nanoseconds < _MOST


class Signature(NamedTuple):
    """A file as lstat tells it: what changes when its bytes do. Times in nanoseconds."""

    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int

    def is_same_file(self, other: Signature) -> bool:
        """Nothing was written in between; a rename, which changes ctime, may have been."""
        return (self.size, self.mtime_ns, self.ino) == (other.size, other.mtime_ns, other.ino)


NO_BYTES = Signature(0, 0, 0, 0)
"""Of a folder, which is there or not, and nothing else."""


class LocalEntry(NamedTuple):
    """What is at a path in the local folder."""

    path: str
    signature: Signature
    mode: int = 0
    """Permission bits."""
    trouble: str = ""
    """Why it cannot be synced; "" for what can."""
    is_empty: bool = False
    """Of a folder: nothing is in it."""


class RemoteEntry(NamedTuple):
    """What is at a path in the bucket. etag identifies it, and is never taken for a hash."""

    path: str
    etag: str
    size: int
    modified: float
    sha256: str = ""
    """Of its bytes, as hex, where it is known; a listing knows it not."""
    mtime_ns: int | None = None
    mode: int | None = None
    parent: str = ""
    """SHA-256 of the version that its writer replaced, where that is known."""
    trouble: str = ""


class BaselineEntry(NamedTuple):
    """What both sides last agreed on."""

    path: str
    signature: Signature
    mode: int
    sha256: str
    etag: str
    size: int
    is_racy: bool = False
    """The file was so young when it was read that a later write may have left no trace: its bytes
    are compared once more. https://git-scm.com/docs/racy-git"""


@dataclass(frozen=True, slots=True)
class Difference:
    """A path on which the two sides do not agree with their base, or may not.

    None of local and remote: it is not there. remote_known: whether remote was looked at; if not,
    it is taken to be as agreed, which the condition of the write will prove.
    """

    path: str
    base: BaselineEntry | None
    local: LocalEntry | None
    remote: RemoteEntry | None
    remote_known: bool = True

    @property
    def trouble(self) -> str:
        """Why the path cannot be synced; "" when it can."""
        here = self.local.trouble if self.local is not None else ""
        return here or (self.remote.trouble if self.remote is not None else "")


def is_folder(path: str) -> bool:
    return path.endswith("/")


def is_changed(base: BaselineEntry | None, local: LocalEntry | None) -> bool:
    """Whether a local file may differ from what was agreed; its bytes tell for certain."""
    if base is None or local is None:
        return (base is None) != (local is None)
    if is_folder(base.path):
        return False
    return base.is_racy or base.signature != local.signature


def is_other(base: BaselineEntry | None, remote: RemoteEntry | None) -> bool:
    """Whether an object is another one than was agreed on."""
    if base is None or remote is None:
        return (base is None) != (remote is None)
    return (base.etag, base.size) != (remote.etag, remote.size)
