"""Answers to the kernel: attributes of a node, a new entry, an entry of a folder, an open file."""

from __future__ import annotations

import os
import stat

from s3d.agent.frontends.fuse.fs_ops import Attributes, FileSystemSize, OpenFile
from s3d.agent.frontends.fuse.kernel.protocol import (
    ATTRIBUTES,
    ATTRIBUTES_OUT,
    DIRECTORY_ENTRY,
    ENTRY_OUT,
    OPEN_OUT,
    STATFS_OUT,
    OpenFlag,
)

_BLOCK = 512
"""st_blocks counts in it, whatever the block size is (stat(2))."""
_FRAGMENT = 4096
_LONGEST_NAME = 255
_SECOND = 10**9


class ReplyWriter:
    """Writes the answers of one mount: all files belong to the user, and attributes are valid for
    the same time."""

    def __init__(self, *, valid: float) -> None:
        """valid: seconds for which the kernel may answer itself."""
        self._seconds, self._nanoseconds = divmod(int(valid * _SECOND), _SECOND)
        self._uid = os.getuid()
        self._gid = os.getgid()

    def attributes(self, of: Attributes) -> bytes:
        head = ATTRIBUTES_OUT.pack(self._seconds, self._nanoseconds, 0)
        return head + self._packed(of)

    def entry(self, node: int, of: Attributes) -> bytes:
        """node 0: attributes of which the kernel makes no node."""
        head = ENTRY_OUT.pack(
            node, 0, self._seconds, self._seconds, self._nanoseconds, self._nanoseconds
        )
        return head + self._packed(of)

    def _packed(self, of: Attributes) -> bytes:
        seconds, nanoseconds = divmod(of.mtime_ns, _SECOND)
        seconds &= 0xFFFF_FFFF_FFFF_FFFF  # before 1970
        return ATTRIBUTES.pack(
            of.inode,
            of.size,
            -(-of.size // _BLOCK),
            seconds, seconds, seconds,
            nanoseconds, nanoseconds, nanoseconds,
            of.mode, of.links, self._uid, self._gid, 0, _FRAGMENT, 0,
        )  # fmt: skip


def directory_entry(name: bytes, of: Attributes, next_offset: int) -> bytes:
    """One name of a folder. next_offset: where the listing goes on after it."""
    head = DIRECTORY_ENTRY.pack(of.inode, next_offset, len(name), stat.S_IFMT(of.mode) >> 12)
    return head + name + bytes(-len(name) % 8)


def is_written(flags: int) -> bool:
    """Whether a file that is opened with these flags can be written."""
    return flags & os.O_ACCMODE != os.O_RDONLY


def opened(file: OpenFile, flags: int) -> bytes:
    """flags: with which it was opened."""
    answer = OpenFlag(0)
    if file.direct_io:
        answer |= OpenFlag.DIRECT_IO
    if file.keep_cache:
        answer |= OpenFlag.KEEP_CACHE
    if not is_written(flags):
        answer |= OpenFlag.NOFLUSH  # nothing was written, so close() need not wait for us
    return OPEN_OUT.pack(file.handle, answer, 0)


def file_system_size(of: FileSystemSize) -> bytes:
    free = of.free // _FRAGMENT
    return STATFS_OUT.pack(
        of.total // _FRAGMENT, free, free, of.files, of.files_free,
        _FRAGMENT, _LONGEST_NAME, _FRAGMENT, 0,
    )  # fmt: skip
