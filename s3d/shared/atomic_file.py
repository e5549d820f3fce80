"""Replace a file in one step: at any moment, and after a crash, it is the old one or the new one.

The bytes are written to a file beside it, which is then renamed. With durable=True the bytes
reach the disk before the rename, and the rename reaches the disk before the call returns: without
the first a power cut can leave an empty file under the name, without the second the old file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: its fsync leaves the bytes in the cache of the disk, this does not."""


def write_atomically(
    path: Path,
    data: bytes,
    *,
    durable: bool,
    mode: int = 0o600,
    before_rename: Callable[[], None] | None = None,
) -> None:
    """Replace the file, or create it. Raises OSError, and leaves the old file as it was.

    Two writers of one path must not run at the same time. mode: of the new file, less the umask.
    before_rename: called once the bytes are written.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                sync_file(fd)
        if before_rename is not None:
            before_rename()
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_file(fd: int) -> None:
    """Make the bytes of a file durable, and what is needed to find them."""
    if _FULL_SYNC is not None:
        fcntl.fcntl(fd, _FULL_SYNC)
    else:
        os.fdatasync(fd)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
