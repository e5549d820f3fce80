"""A file system that forgets what was not synced: `python -m tests.torture.volatile_fs MOUNTPOINT`.

It lives in memory behind FUSE. Writes go to what programs see; fsync of a file makes its bytes
durable, and fsync of a folder the names in it. Changes of names form one ordered journal, as in
ext4: a rename is whole or not there, and what was done before a durable change is durable too.
On stdin it takes lines `cut SEED FOLDER`: the disk as it might be after a power cut at this moment
is written to FOLDER. Of what was not synced, a part that the seed decides has survived: a prefix of
the journal, and of each file the old bytes, the new ones, or a mixture by pages.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import mfusepy

PAGE = 4096
EXCHANGE, NOREPLACE = 2, 1
"""Flags of renameat2(2)."""


class Node:
    """A file, a folder or a symbolic link."""

    def __init__(self, number: int, mode: int) -> None:
        self.number = number
        self.mode = mode
        self.data = bytearray()
        self.synced = b""
        """Of a file: the bytes that a power cut leaves."""
        self.names: dict[str, Node] = {}
        self.synced_names: dict[str, Node] = {}
        self.target = ""
        self.links = 1
        self.mtime = time.time_ns()

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


Change = tuple[tuple[Node, str, Node | None], ...]
"""One step of the journal: in a folder, a name now stands for a node, or (None) for nothing."""


class Disk:
    """The tree, its journal, and what a cut leaves of both."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._last = 0
        self.root = self.new(stat.S_IFDIR | 0o755)
        self._journal: list[Change] = []

    def new(self, mode: int) -> Node:
        self._last += 1
        return Node(self._last, mode)

    def change(self, *steps: tuple[Node, str, Node | None]) -> None:
        """Names as programs see them, all at once; durable later."""
        for folder, name, node in steps:
            if node is None:
                folder.names.pop(name, None)
            else:
                folder.names[name] = node
            folder.mtime = time.time_ns()
        self._journal.append(steps)

    def sync_names(self, folder: Node) -> None:
        """Everything up to the last change in this folder is durable."""
        touched = [
            n for n, change in enumerate(self._journal) if any(s[0] is folder for s in change)
        ]
        if touched:
            self._commit(touched[-1] + 1)

    def cut(self, chance: Random, target: Path) -> None:
        """Write down what is left. The file system must not be used afterwards."""
        self._commit(chance.randrange(len(self._journal) + 1))
        self._write(self.root, chance, target, {})

    def _commit(self, count: int) -> None:
        for change in self._journal[:count]:
            for folder, name, node in change:
                if node is None:
                    folder.synced_names.pop(name, None)
                else:
                    folder.synced_names[name] = node
        del self._journal[:count]

    def _write(self, node: Node, chance: Random, path: Path, linked: dict[int, Path]) -> None:
        if node.is_folder:
            path.mkdir(mode=0o700, exist_ok=True)
            for name, child in sorted(node.synced_names.items()):
                self._write(child, chance, path / name, linked)
            os.chmod(path, stat.S_IMODE(node.mode))
        elif stat.S_ISLNK(node.mode):
            path.symlink_to(node.target)
        elif node.number in linked:
            path.hardlink_to(linked[node.number])
        else:
            linked[node.number] = path
            path.write_bytes(_survived(node, chance))
            os.utime(path, ns=(node.mtime, node.mtime))
            os.chmod(path, stat.S_IMODE(node.mode))


def _survived(node: Node, chance: Random) -> bytes:
    """The bytes of a file after the cut."""
    now, then = bytes(node.data), node.synced
    if now == then or chance.random() < 0.5:
        return then
    if chance.random() < 0.5:
        return now
    size = chance.choice((len(now), len(then)))
    pages = []
    for start in range(0, size, PAGE):
        source = now if chance.random() < 0.5 else then
        pages.append(source[start : start + PAGE].ljust(min(PAGE, size - start), b"\0"))
    return b"".join(pages)


class VolatileFS(mfusepy.Operations):  # type: ignore[misc]
    """The operations of FUSE on a Disk."""

    use_ns = True

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._open: dict[int, Node] = {}
        self._next = 0

    # Look-ups

    def _find(self, path: str) -> Node:
        node = self._disk.root
        for part in path.split("/"):
            if part:
                if not node.is_folder:
                    raise OSError(errno.ENOTDIR, path)
                if part not in node.names:
                    raise OSError(errno.ENOENT, path)
                node = node.names[part]
        return node

    def _place(self, path: str) -> tuple[Node, str]:
        above, _, name = path.rpartition("/")
        folder = self._find(above)
        if not folder.is_folder:
            raise OSError(errno.ENOTDIR, path)
        if len(os.fsencode(name)) > 255:
            raise OSError(errno.ENAMETOOLONG, path)
        return folder, name

    def _handle(self, node: Node) -> int:
        self._next += 1
        self._open[self._next] = node
        return self._next

    def _of(self, path: str, fh: int | None) -> Node:
        return self._open[fh] if fh in self._open else self._find(path)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        with self._disk.lock:
            node = self._of(path, fh)
            size = len(node.target) if stat.S_ISLNK(node.mode) else len(node.data)
            return {
                "st_ino": node.number, "st_mode": node.mode, "st_nlink": max(node.links, 1),
                "st_size": size, "st_blocks": (size + 511) // 512, "st_uid": os.getuid(),
                "st_gid": os.getgid(), "st_atime": node.mtime, "st_mtime": node.mtime,
                "st_ctime": node.mtime,
            }  # fmt: skip

    def readdir(self, path: str, fh: int) -> list[str]:
        with self._disk.lock:
            return [".", "..", *self._find(path).names]

    def readlink(self, path: str) -> str:
        return self._find(path).target

    def statfs(self, path: str) -> dict[str, int]:
        blocks = 4 << 20  # 16 GiB, nearly all of it free
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": blocks, "f_bavail": blocks - 1,
                "f_bfree": blocks - 1, "f_files": 1 << 20, "f_ffree": 1 << 20,
                "f_namemax": 255}  # fmt: skip

    # Names

    def create(self, path: str, mode: int, flags: int) -> int:
        with self._disk.lock:
            folder, name = self._place(path)
            node = self._disk.new(stat.S_IFREG | stat.S_IMODE(mode))
            self._disk.change((folder, name, node))
            return self._handle(node)

    def mkdir(self, path: str, mode: int) -> int:
        with self._disk.lock:
            folder, name = self._place(path)
            if name in folder.names:
                raise OSError(errno.EEXIST, path)
            self._disk.change((folder, name, self._disk.new(stat.S_IFDIR | stat.S_IMODE(mode))))
            return 0

    def symlink(self, target: str, source: str) -> int:
        with self._disk.lock:
            folder, name = self._place(target)
            node = self._disk.new(stat.S_IFLNK | 0o777)
            node.target = source
            self._disk.change((folder, name, node))
            return 0

    def link(self, target: str, source: str) -> int:
        with self._disk.lock:
            node = self._find(source)
            folder, name = self._place(target)
            if name in folder.names:
                raise OSError(errno.EEXIST, target)
            node.links += 1
            self._disk.change((folder, name, node))
            return 0

    def unlink(self, path: str) -> int:
        with self._disk.lock:
            folder, name = self._place(path)
            self._find(path).links -= 1
            self._disk.change((folder, name, None))
            return 0

    def rmdir(self, path: str) -> int:
        with self._disk.lock:
            folder, name = self._place(path)
            if self._find(path).names:
                raise OSError(errno.ENOTEMPTY, path)
            self._disk.change((folder, name, None))
            return 0

    def rename(self, old: str, new: str) -> int:
        return self.rename2(old, new, 0)

    def rename2(self, old: str, new: str, flags: int) -> int:
        with self._disk.lock:
            node, (source, name) = self._find(old), self._place(old)
            target, other = self._place(new)
            there = target.names.get(other)
            if flags & NOREPLACE and there is not None:
                raise OSError(errno.EEXIST, new)
            if flags & EXCHANGE:
                if there is None:
                    raise OSError(errno.ENOENT, new)
                self._disk.change((source, name, there), (target, other, node))
                return 0
            if there is not None and there.is_folder and there.names:
                raise OSError(errno.ENOTEMPTY, new)
            self._disk.change((source, name, None), (target, other, node))
            return 0

    # Bytes

    def open(self, path: str, flags: int) -> int:
        with self._disk.lock:
            return self._handle(self._find(path))

    def opendir(self, path: str) -> int:
        return self.open(path, 0)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._disk.lock:
            return bytes(self._of(path, fh).data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._disk.lock:
            node = self._of(path, fh)
            if offset > len(node.data):
                node.data.extend(bytes(offset - len(node.data)))
            node.data[offset : offset + len(data)] = data
            node.mtime = time.time_ns()
            return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._disk.lock:
            node = self._of(path, fh)
            del node.data[length:]
            node.data.extend(bytes(length - len(node.data)))
            node.mtime = time.time_ns()
            return 0

    def chmod(self, path: str, mode: int) -> int:
        node = self._find(path)
        node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        self._find(path).mtime = times[1] if times else time.time_ns()
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def release(self, path: str, fh: int) -> int:
        self._open.pop(fh, None)
        return 0

    releasedir = release

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._disk.lock:
            node = self._of(path, fh)
            node.synced = bytes(node.data)
            return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._disk.lock:
            self._disk.sync_names(self._of(path, fh))
            return 0


class Mount(mfusepy.FUSE):  # type: ignore[misc]
    """FUSE with the flags of renameat2, which mfusepy 3.1 drops: an exchange would be a rename."""

    def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
        operations: VolatileFS = self.operations
        return operations.rename2(os.fsdecode(old), os.fsdecode(new), flags)


def obey(disk: Disk, lines: Callable[[], str]) -> None:
    """Carry out what stdin says, until it ends; then end."""
    while line := lines():
        _, seed, target = line.rstrip("\n").split(" ", 2)
        try:
            with disk.lock:
                disk.cut(Random(seed), Path(target))
            print("done", flush=True)
        except OSError:  # nobody would ever be answered
            traceback.print_exc()
            os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    the_disk = Disk()
    threading.Thread(target=obey, args=(the_disk, sys.stdin.readline), daemon=True).start()
    Mount(VolatileFS(the_disk), sys.argv[1], foreground=True, nothreads=True, fsname="volatile")
