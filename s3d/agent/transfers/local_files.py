"""Files that transfers download: each replaces the old one in one step."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from s3d.agent.core.thread_call import in_thread
from s3d.agent.s3.messages import Body
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.transfers.items import Item

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


_PART = re.compile(r"\.s3d-[0-9a-f]{16}\.part")


class NotTransferable(Exception):
    """This object cannot be moved: str() says why."""


def make_folder(path: Path, umask: int) -> None:
    """Make a folder and those above it with the user's umask, not that of this process.

    Raises OSError. For a thread.
    """
    missing = [path, *path.parents]
    while missing and missing[-1].exists():
        missing.pop()
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777 & ~umask)


def is_part(path: str) -> bool:
    """Whether this is the unfinished file of a download."""
    return _PART.fullmatch(path.rpartition("/")[2]) is not None


def remove_unchanged(item: Item) -> bool:
    """Remove the file of an item; False when it is another one by now, or gone. For a thread.

    Raises OSError.
    """
    try:
        status = os.lstat(item.path)
    except FileNotFoundError:
        return False
    if (status.st_size, status.st_mtime_ns / 1e9) != (item.size, item.modified):
        return False
    os.unlink(item.path)
    return True


def same_file(tree: FolderTree, path: str, item: Item) -> bool:
    """Whether what is there was brought by a download of this object. Raises OSError."""
    found = tree.look_now(path)
    if found is None or found.trouble:
        return False
    is_of_then = abs(found.signature.mtime_ns / 1e9 - item.modified) < 0.001
    return found.signature.size == item.size and is_of_then


def is_there(tree: FolderTree, path: str) -> bool:
    """Whether something has this name. Raises OSError."""
    return tree.look_now(path) is not None


async def write_atomically(
    tree: FolderTree, path: str, body: Body, modified: float, mode: int,
    moved: Callable[[int], None], tag: str = "",
) -> None:  # fmt: skip
    """Have the body at a path, with all folders on the way; the old file stays until then.

    tag: of the transfer: when it comes again after a crash, it takes the place of its own part.
    Raises OSError; whatever the body raises.
    """
    beside = part_of(tag, path)
    fd = await in_thread(partial(_create, tree, beside, mode), undo=os.close)
    try:
        async for chunk in body:
            await in_thread(partial(_write, fd, chunk))
            moved(len(chunk))
        await in_thread(partial(publish, tree, fd, beside, path, modified))
    except BaseException:
        with suppress(OSError), tree.at(beside) as place:
            os.unlink(place.name, dir_fd=place.folder)
        raise
    finally:
        os.close(fd)


def part_of(tag: str, path: str) -> str:
    """The path beside another one that a transfer writes to before the file is complete."""
    own = hashlib.sha256(f"{tag}/{path}".encode()).hexdigest()[:16]
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}.s3d-{own}.part"


def _create(tree: FolderTree, path: str, mode: int) -> int:
    with tree.at(path, make=True) as place:
        with suppress(FileNotFoundError):
            os.unlink(place.name, dir_fd=place.folder)
        fd = os.open(place.name, _NEW, 0o600, dir_fd=place.folder)
    os.fchmod(fd, mode)
    return fd


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def publish(tree: FolderTree, fd: int, part: str, path: str, modified: float) -> None:
    """Give a complete file its name and its time.

    Raises OSError; NotTransferable instead of replacing a pipe or a device, such as /dev/null.
    """
    os.utime(fd, ns=(int(modified * 1e9), int(modified * 1e9)))
    os.fsync(fd)  # A power cut after the replacement must not leave an empty file in its place.
    with tree.at(part) as source, tree.at(path) as target:
        _check_replaceable(target.folder, target.name)
        os.replace(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)
        os.fsync(target.folder)


def _check_replaceable(folder: int, name: str) -> None:
    """Raises NotTransferable, OSError."""
    with suppress(FileNotFoundError):
        mode = os.lstat(name, dir_fd=folder).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise NotTransferable("a pipe or device has this name")
