"""The state of one path: local file, object, and baseline (the last agreement). Values only.

A path is the key without the prefix: relative to the folder, with / between its parts. The path of
a folder ends with /.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

_INT64_LIMIT = 2**63
"""SQLite's and msgpack's integers end below it: in nanoseconds that is in the year 2262."""
SYMLINK, SPECIAL = "a symbolic link", "not a regular file"
UNSUPPORTED = (SYMLINK, SPECIAL)
"""Troubles of files that no bucket can hold. They are left out, which is no failure."""
STRANGE_TIME = "its modification time is before 1677 or after 2262"


def fits(nanoseconds: int) -> bool:
    """Whether the baseline can store a time."""
    return -_INT64_LIMIT <= nanoseconds < _INT64_LIMIT


class Signature(NamedTuple):
    """The values of lstat that change when a file is written. Times are nanoseconds."""

    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int

    def is_same_file(self, other: Signature) -> bool:
        """Whether both are of the same unchanged file, which may have been renamed (that changes
        ctime)."""
        return (self.size, self.mtime_ns, self.ino) == (other.size, other.mtime_ns, other.ino)


NO_BYTES = Signature(0, 0, 0, 0)
"""The signature of a folder, which only exists or does not."""


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
    """What is at a path in the bucket. The ETag is an identifier, never a hash."""

    path: str
    etag: str
    size: int
    modified: float
    sha256: str = ""
    """Of its bytes, as hex; "" if it is unknown, as in a listing."""
    mtime_ns: int | None = None
    mode: int | None = None
    parent: str = ""
    """SHA-256 of the version that its writer replaced; "" if it is unknown."""
    trouble: str = ""


class Residence(IntEnum):
    """Where the file of an agreement is."""

    LOCAL = 0
    EVICTED = 1
    """Only in the bucket: s3d has removed it from the folder, with a receipt of the upload."""
    RESTORED = 2
    """It was evicted and is back, at the user's request: it is not evicted again."""


class BaselineEntry(NamedTuple):
    """One row of the baseline: the version that both sides had last."""

    path: str
    signature: Signature
    mode: int
    sha256: str
    etag: str
    size: int
    is_racy: bool = False
    """The file was read so soon after a write that a later write may have left the same signature,
    so its bytes are compared once more. https://git-scm.com/docs/racy-git"""
    residence: Residence = Residence.LOCAL
    receipt: float = 0.0
    """When the upload of this version was verified, Unix seconds; 0: not yet, -1: it cannot be. The
    receipt itself is in the file of the receipts."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A path of which a side differs from the baseline, or may differ.

    local or remote is None where nothing is at the path. remote_known False: the remote was not
    looked at and is assumed unchanged; the condition of the write verifies that.
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
    """Whether a local file may differ from the baseline. Only its bytes are certain."""
    if base is None or local is None:
        return (base is None) != (local is None)
    if is_folder(base.path):
        return False
    return base.is_racy or base.signature != local.signature


def is_other(base: BaselineEntry | None, remote: RemoteEntry | None) -> bool:
    """Whether an object is another version than that of the baseline."""
    if base is None or remote is None:
        return (base is None) != (remote is None)
    return (base.etag, base.size) != (remote.etag, remote.size)
