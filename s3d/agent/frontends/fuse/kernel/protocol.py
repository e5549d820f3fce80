"""The messages of the kernel's FUSE protocol, version 7.31: operations, flags and structures.

The names and layouts are those of include/uapi/linux/fuse.h in Linux. A message of the kernel is a
header and the structure of its operation, often with names after it, each ended by a zero byte. An
answer is a header and a structure. All numbers have the byte order of the machine.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct
from typing import NamedTuple

VERSION = (7, 31)
"""What this program speaks: Linux 5.4 and newer, which adapts to an older program."""
ROOT_NODE = 1
MAX_WRITE = 1 << 20
"""Bytes of one read or write."""
BUFFER_SIZE = MAX_WRITE + (64 << 10)
"""Of a message of the kernel."""


class Operation(IntEnum):
    """What the kernel asks for."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    SETXATTR = 21
    GETXATTR = 22
    LISTXATTR = 23
    REMOVEXATTR = 24
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    READDIRPLUS = 44
    RENAME2 = 45


class Capability(IntFlag):
    """What the kernel offers in INIT, and what this program takes of it."""

    ASYNC_READ = 1 << 0
    ATOMIC_O_TRUNC = 1 << 3
    BIG_WRITES = 1 << 5
    AUTO_INVAL_DATA = 1 << 12
    DO_READDIRPLUS = 1 << 13
    ASYNC_DIO = 1 << 15
    PARALLEL_DIROPS = 1 << 18
    MAX_PAGES = 1 << 22
    HANDLE_KILLPRIV_V2 = 1 << 28
    """A write, a truncation and a change of owner clear set-user-ID and set-group-ID here, and the
    kernel need not ask for security.capability before each write. Since Linux 5.11."""


class OpenFlag(IntFlag):
    """What an answer to OPEN, OPENDIR or CREATE says of the descriptor."""

    DIRECT_IO = 1 << 0
    KEEP_CACHE = 1 << 1
    NOFLUSH = 1 << 5


class SetFlag(IntFlag):
    """Which attributes SETATTR sets."""

    MODE = 1 << 0
    UID = 1 << 1
    GID = 1 << 2
    SIZE = 1 << 3
    ATIME = 1 << 4
    MTIME = 1 << 5
    FH = 1 << 6
    ATIME_NOW = 1 << 7
    MTIME_NOW = 1 << 8


GETATTR_FH = 1
"""Flag of GETATTR: it is of an open file."""
NOTIFY_INVAL_INODE, NOTIFY_INVAL_ENTRY = 2, 3

IN_HEADER = Struct("=IIQQIIIHH")
"""Length, operation, unique, node, uid, gid, thread, length of extensions, padding."""
OUT_HEADER = Struct("=IiQ")
"""Length, negative errno, unique."""
ATTRIBUTES = Struct("=6Q10I")
"""ino, size, blocks, atime, mtime, ctime; nanoseconds of the three; mode, nlink, uid, gid, rdev,
blksize, flags."""
ATTRIBUTES_OUT = Struct("=QII")
"""Seconds and nanoseconds for which the attributes are valid, padding. ATTRIBUTES follow."""
ENTRY_OUT = Struct("=4Q2I")
"""Node, generation, seconds of the entry and of the attributes, nanoseconds of both. ATTRIBUTES
follow."""
DIRECTORY_ENTRY = Struct("=QQII")
"""ino, offset of the next entry, length of the name, type. The name follows, padded to 8 bytes."""
INIT_IN = Struct("=IIII")
"""Major, minor, largest read-ahead, capabilities."""
INIT_OUT = Struct("=IIIIHHIIHHI28x")
"""Major, minor, largest read-ahead, capabilities, requests in the background, congestion
threshold, largest write, granularity of time, largest number of pages, map alignment, flags."""
GETATTR_IN = Struct("=IIQ")
"""Flags, padding, handle."""
SETATTR_IN = Struct("=IIQQQQQQIIIIIIII")
"""SetFlag, padding, handle, size, lock owner, atime, mtime, ctime, nanoseconds of the three, mode,
unused, uid, gid, unused."""
OPEN_IN = Struct("=II")
OPEN_OUT = Struct("=QII")
"""Handle, OpenFlag, padding."""
CREATE_IN = Struct("=IIII")
"""Flags, mode, umask, padding. The name follows."""
MKNOD_IN = Struct("=IIII")
"""Mode, device, umask, padding. The name follows."""
MKDIR_IN = Struct("=II")
"""Mode, umask. The name follows."""
RENAME_IN = Struct("=Q")
"""Node of the new folder. The old and the new name follow."""
RENAME2_IN = Struct("=QII")
"""Node of the new folder, flags, padding. The old and the new name follow."""
READ_IN = Struct("=QQIIQII")
"""Handle, offset, size, flags of the read, lock owner, flags of the file, padding. READDIR and
READDIRPLUS have the same."""
WRITE_IN = Struct("=QQIIQII")
"""Handle, offset, size, flags of the write, lock owner, flags of the file, padding. Data follow."""
WRITE_OUT = Struct("=II")
HANDLE_IN = Struct("=Q")
"""What RELEASE, RELEASEDIR, FLUSH, FSYNC and FSYNCDIR begin with."""
GETXATTR_IN = Struct("=II")
"""Size of the caller's buffer (0: it asks for the size), padding. GETXATTR: the name follows."""
SETXATTR_IN = Struct("=II")
"""Size of the value, flags. The name and the value follow."""
STATFS_OUT = Struct("=5Q4I24x")
"""Blocks, free, available, files, free files, block size, longest name, fragment size, padding."""
FORGET_IN = Struct("=Q")
BATCH_FORGET_IN = Struct("=II")
FORGET_ONE = Struct("=QQ")
"""Node, number of look-ups."""
INTERRUPT_IN = Struct("=Q")
"""unique of the request that is interrupted."""
INVAL_INODE_OUT = Struct("=Qqq")
"""Node, offset, length (0: to the end)."""
ATTRIBUTES_ONLY = -1
"""In the place of the offset: the kernel keeps the bytes."""
INVAL_ENTRY_OUT = Struct("=QII")
"""Node of the folder, length of the name, padding. The name and a zero byte follow."""


class KernelRequest(NamedTuple):
    """One message of the kernel."""

    operation: int
    unique: int
    """0 never occurs: it marks a message that is no answer."""
    node: int
    thread: int
    """Of the caller, as `gettid` shows it; 0: of another namespace."""
    body: memoryview
    """Valid until the request is answered."""


Reply = bytes | None
"""What follows the header of an answer; None: the kernel expects no answer."""


def parse(message: memoryview) -> KernelRequest:
    header = IN_HEADER.unpack_from(message)
    length, operation, unique, node, _, _, thread = header[:7]
    return KernelRequest(operation, unique, node, thread, message[IN_HEADER.size : length])


def names(body: memoryview, offset: int = 0) -> list[str]:
    """The names at the end of a message, from an offset on."""
    return [name.decode("utf-8", "surrogateescape") for name in bytes(body[offset:]).split(b"\0")][
        :-1
    ]


def encode_name(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
