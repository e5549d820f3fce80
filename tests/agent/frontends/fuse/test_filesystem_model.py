"""Random operations on names and open files have the same outcome as in a local folder."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import FileSystemSize
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.xattrs import AgentState
from tests.agent.frontends.fuse.conftest import always
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    noting_changes,
    written_files,
)

NAMES = ["/a", "/b", "/d", "/d/a", "/d/b", "/e", "/e/a", "/e/f", "/e/f/a"]
LIMIT = 3
"""Files that are open at once."""


class States:
    def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState("clean", "cached", is_pinned=False)


class Pair:
    """The file system of a mount, and a local folder that gets the same calls."""

    def __init__(self, mounted: FileSystem, local: Path, seed: int) -> None:
        self.mounted = mounted
        self.local = local
        self.random = random.Random(seed)
        self.open: list[tuple[int, int]] = []
        """Handle of the mount, and local descriptor."""
        self.history: list[str] = []

    def path(self) -> str:
        return self.random.choice(NAMES)

    def both(self, name: str, mounted: Callable[[], object], local: Callable[[], object]) -> bool:
        """Call both; whether they have succeeded. They must have the same outcome."""
        outcomes = [_outcome(mounted), _outcome(local)]
        self.history.append(f"{name}: {outcomes[1]}")
        assert outcomes[0] == outcomes[1], "\n".join([*self.history[-14:], str(outcomes[0])])
        return not isinstance(outcomes[0], str)

    def step(self) -> None:
        name = self.random.choice(
            ["open", "open", "write", "write", "read", "truncate", "flush", "close", "unlink",
             "rename", "rename", "mkdir", "mkdir", "rmdir", "fsync", "cut", "stat", "list"]
        )  # fmt: skip
        getattr(self, f"_{name}")()

    def _open(self) -> None:
        path, flags = self.path(), self.random.choice([os.O_RDWR, os.O_RDWR | os.O_CREAT])
        if len(self.open) >= LIMIT:
            return
        opened: list[int] = []

        def mounted() -> None:
            call = self.mounted.create if flags & os.O_CREAT else self.mounted.open
            more = (flags, 0o644) if flags & os.O_CREAT else (flags,)
            self._look_up(path)
            opened.append(call(path, *more).handle)

        def local() -> None:
            opened.append(os.open(self.local / path[1:], flags))

        if self.both(f"open {path} {flags}", mounted, local):
            self.open.append((opened[0], opened[1]))

    def _look_up(self, path: str) -> None:
        """The kernel looks up the folders of a path first."""
        parts = path.split("/")
        for depth in range(2, len(parts)):
            above = "/".join(parts[:depth])
            if not self.mounted.get_attributes(above, None).mode & 0o040000:
                raise NotADirectoryError(errno.ENOTDIR, above)

    def _handle(self) -> tuple[int, int] | None:
        return self.random.choice(self.open) if self.open else None

    def _write(self) -> None:
        if (pair := self._handle()) is not None:
            handle, fd = pair
            data, offset = self.random.randbytes(self.random.randrange(1, 90)), self._offset()
            self.both(
                "write",
                lambda: self.mounted.write(handle, data, offset),
                lambda: os.pwrite(fd, data, offset),
            )

    def _offset(self) -> int:
        return self.random.randrange(200)

    def _read(self) -> None:
        if (pair := self._handle()) is not None:
            offset = self._offset()
            found = self.mounted.read(pair[0], 100, offset)
            assert found == os.pread(pair[1], 100, offset)

    def _truncate(self) -> None:
        if (pair := self._handle()) is not None:
            size = self._offset()
            self.mounted.truncate("", pair[0], size)
            os.ftruncate(pair[1], size)

    def _flush(self) -> None:
        if (pair := self._handle()) is not None:
            self.mounted.flush(pair[0])

    def _fsync(self) -> None:
        if (pair := self._handle()) is not None:
            self.mounted.fsync(pair[0])

    def _close(self) -> None:
        if (pair := self._handle()) is not None:
            self.open.remove(pair)
            self.mounted.flush(pair[0])
            self.mounted.release(pair[0])
            os.close(pair[1])

    def _cut(self) -> None:
        path, size = self.path(), self._offset()
        self.both(
            f"truncate {path}",
            lambda: (self._look_up(path), self.mounted.truncate(path, None, size))[1],
            lambda: os.truncate(self.local / path[1:], size),
        )

    def _unlink(self) -> None:
        path = self.path()
        self.both(
            f"unlink {path}",
            lambda: (self._look_up(path), self.mounted.unlink(path))[1],
            lambda: os.unlink(self.local / path[1:]),
        )

    def _mkdir(self) -> None:
        path = self.path()
        self.both(
            f"mkdir {path}",
            lambda: (self._look_up(path), self.mounted.make_directory(path, 0o755))[1],
            lambda: os.mkdir(self.local / path[1:]),
        )

    def _rmdir(self) -> None:
        path = self.path()
        self.both(
            f"rmdir {path}",
            lambda: (self._look_up(path), self.mounted.remove_directory(path))[1],
            lambda: os.rmdir(self.local / path[1:]),
        )

    def _rename(self) -> None:
        old, new = self.path(), self.path()
        if new.startswith(old) or old.startswith(new):
            return  # the kernel refuses it
        self.both(
            f"rename {old} {new}",
            lambda: (self._look_up(old), self._look_up(new), self.mounted.rename(old, new, 0))[2],
            lambda: os.rename(self.local / old[1:], self.local / new[1:]),
        )

    def _stat(self) -> None:
        path = self.path()

        def mounted() -> object:
            self._look_up(path)
            found = self.mounted.get_attributes(path, None)
            return None if found.mode & 0o040000 else found.size

        def local() -> object:
            place = self.local / path[1:]
            return None if place.is_dir() else place.stat().st_size

        self.both(f"stat {path}", mounted, local)

    def _list(self) -> None:
        self.both("list", lambda: sorted(self.walk("")), lambda: sorted(self.walk_local()))

    def walk(self, path: str) -> Iterator[str]:
        for entry in self.mounted.read_directory(path or "/"):
            whole = f"{path}/{entry.name}"
            yield whole
            if entry.attributes.mode & 0o040000:
                yield from self.walk(whole)

    def walk_local(self) -> Iterator[str]:
        for each in self.local.rglob("*"):
            yield f"/{each.relative_to(self.local)}"

    def end(self) -> None:
        while self.open:
            self._close()
        self._list()
        for path in self.walk_local():
            if (self.local / path[1:]).is_file():
                handle = self.mounted.open(path, os.O_RDONLY).handle
                assert self.mounted.read(handle, 1_000, 0) == (self.local / path[1:]).read_bytes()
                self.mounted.release(handle)


def _outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def run(thread: StoreThread, folder: Path, seed: int, count: int) -> None:
    with written_files(thread, folder / "staging") as written:
        mounted = FileSystem(
            thread.store, thread.loop, written=written, root=(BUCKET, f"{seed}/"),
            is_local=always, states=States(),
            size=lambda: FileSystemSize(1, 1, 1, 1), ttl=60.0,
            metadata=MetadataMemory(),
        )  # fmt: skip
        local = folder / "local"
        local.mkdir()
        pair = Pair(mounted, local, seed)
        with noting_changes(thread, mounted.changed):
            for _ in range(count):
                pair.step()
            pair.end()
        mounted.close()


@pytest.mark.parametrize("seed", range(3))
def test_random_operations_are_those_of_a_local_folder(thread, tmp_path, seed):
    run(thread, tmp_path, seed, 200)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_thousand_random_operations_are_those_of_a_local_folder(thread, tmp_path, seed):
    run(thread, tmp_path, seed, 10_000)
