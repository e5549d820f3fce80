"""Renames that overwrite nothing, and exchanges of two files: what the system has beyond rename().

Linux: https://man7.org/linux/man-pages/man2/renameat2.2.html; macOS: renameatx_np(2). Where a file
system has neither, a hard link gives the same promise for a free name, and an exchange is two
steps, between which a name is missing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any, NamedTuple

ASIDE = ".out"
"""What an exchange in steps adds to the name of what has come out of its place."""
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


class Name(NamedTuple):
    """A name in an open folder."""

    folder: int
    name: str


def rename_to_free(old: Name, new: Name) -> None:
    """Rename. Raises FileExistsError when the new name is taken."""
    if not _rename(old, new, _FLAGS.free):
        os.link(old.name, new.name, src_dir_fd=old.folder, dst_dir_fd=new.folder,
                follow_symlinks=False)  # fmt: skip
        os.unlink(old.name, dir_fd=old.folder)


def exchange(old: Name, new: Name) -> None:
    """Exchange two files in one step. Raises FileNotFoundError."""
    if not _rename(old, new, _FLAGS.exchange):
        aside = Name(old.folder, old.name + ASIDE)
        os.rename(new.name, aside.name, src_dir_fd=new.folder, dst_dir_fd=aside.folder)
        try:
            rename_to_free(old, new)
        except FileExistsError:
            rename_to_free(aside, Name(new.folder, new.name))
            raise
        os.rename(aside.name, old.name, src_dir_fd=old.folder, dst_dir_fd=old.folder)


class _Flags(NamedTuple):
    free: int
    exchange: int


_FLAGS = _Flags(0x4, 0x2) if sys.platform == "darwin" else _Flags(0x1, 0x2)
_FUNCTION = "renameatx_np" if sys.platform == "darwin" else "renameat2"


@cache
def _function() -> Any:
    """The function of the C library; None where it is missing."""
    function = getattr(ctypes.CDLL(None, use_errno=True), _FUNCTION, None)
    if function is not None:
        text = ctypes.c_char_p
        function.argtypes = (ctypes.c_int, text, ctypes.c_int, text, ctypes.c_uint)
    return function


def _rename(old: Name, new: Name, flags: int) -> bool:
    """Rename; False where the file system does not support it. Raises OSError."""
    function = _function()
    if function is None:
        return False
    names = (old.folder, os.fsencode(old.name), new.folder, os.fsencode(new.name))
    if function(*names, flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), new.name)
