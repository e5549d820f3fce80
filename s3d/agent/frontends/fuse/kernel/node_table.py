"""The nodes that the kernel knows: numbers that stand for a file or a folder, whatever its path is.

A node begins with a look-up and ends when the kernel forgets it. A rename moves the node, with all
that is below. A node whose name is removed has no path any more, but keeps its open handles.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from s3d.agent.frontends.fuse.kernel.protocol import ROOT_NODE

T = TypeVar("T")


class Node:
    """What one number stands for."""

    __slots__ = ("file_type", "handles", "lookups", "name", "number", "parent")

    def __init__(self, number: int, parent: Node | None, name: str, file_type: int) -> None:
        self.number = number
        self.parent = parent
        """None: the root, or a node without a path."""
        self.name = name
        self.file_type = file_type
        self.lookups = 0
        """How often the kernel was given this number."""
        self.handles: list[int] = []
        """Of files that are open."""


class NodeTable:
    """All nodes of a mount. Every method may be called by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._root = Node(ROOT_NODE, None, "", stat.S_IFDIR)
        self._by_number = {ROOT_NODE: self._root}
        self._by_name: dict[tuple[int, str], Node] = {}
        self._last = ROOT_NODE
        self._writers: set[int] = set()
        """Handles of files that are open for writing."""
        self._written = threading.Condition(self._lock)
        self._moving: list[str] = []
        """The old paths of renames that the file system carries out now."""
        self._moved = threading.Condition(self._lock)

    def __len__(self) -> int:
        return len(self._by_number)

    def path(self, number: int) -> str:
        """Raises ENOENT: it was removed, or a folder above it."""
        with self._lock:
            node = self._by_number[number]
            parts: list[str] = []
            while node.parent is not None:
                parts.append(node.name)
                node = node.parent
            if node is not self._root:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return "/" + "/".join(reversed(parts))

    def child_path(self, number: int, name: str) -> str:
        above = self.path(number)
        return f"/{name}" if above == "/" else f"{above}/{name}"

    def at(self, number: int, call: Callable[[str], T], name: str = "") -> T:
        """Call with the path of a node, or with that of a name in it, and return the result.

        A rename is done by the file system before the table knows. What is not there meanwhile is
        looked for again under its new path.
        """
        path = self.child_path(number, name) if name else self.path(number)
        try:
            return call(path)
        except FileNotFoundError:
            with self._lock:
                self._moved.wait_for(lambda: not any(is_within(path, one) for one in self._moving))
            new = self.child_path(number, name) if name else self.path(number)
            if new == path:
                raise
            return call(new)

    @contextmanager
    def moving(self, path: str) -> Iterator[None]:
        """The file system renames this path, and then rename() follows."""
        with self._lock:
            self._moving.append(path)
        try:
            yield
        finally:
            with self._lock:
                self._moving.remove(path)
                self._moved.notify_all()

    def look_up(self, parent: int, name: str, mode: int) -> int:
        """The number of a name that exists; the kernel counts it once more from now on."""
        file_type = stat.S_IFMT(mode)
        with self._lock:
            node = self._by_name.get((parent, name))
            if node is not None and node.file_type != file_type:
                # Another program has replaced a file by a folder, or the reverse. The kernel takes
                # a node that changes its type for an error.
                self._detach(node)
                node = None
            if node is None:
                self._last += 1
                node = Node(self._last, self._by_number[parent], name, file_type)
                self._by_number[node.number] = self._by_name[parent, name] = node
            node.lookups += 1
            return node.number

    def check_type(self, number: int, mode: int) -> None:
        """Raises ESTALE, after which the kernel looks the name up: another program has replaced
        a file by a folder, or the reverse."""
        with self._lock:
            node = self._by_number[number]
        if node.file_type != stat.S_IFMT(mode):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    def number_of(self, path: str) -> int | None:
        """Of a path that the kernel knows."""
        number = ROOT_NODE
        with self._lock:
            for name in path.split("/"):
                if name:
                    node = self._by_name.get((number, name))
                    if node is None:
                        return None
                    number = node.number
        return number

    def forget(self, number: int, lookups: int) -> None:
        with self._lock:
            node = self._by_number.get(number)
            if node is None or node is self._root:
                return
            node.lookups -= lookups
            if node.lookups <= 0:
                self._detach(node)
                del self._by_number[number]

    def remove(self, parent: int, name: str) -> None:
        """The name is gone."""
        with self._lock:
            node = self._by_name.get((parent, name))
            if node is not None:
                self._detach(node)

    def rename(self, old: tuple[int, str], new: tuple[int, str], *, exchange: bool) -> None:
        with self._lock:
            moved, replaced = self._by_name.get(old), self._by_name.get(new)
            for node in (moved, replaced):
                if node is not None:
                    self._detach(node)
            if moved is not None:
                self._attach(moved, *new)
            if exchange and replaced is not None:
                self._attach(replaced, *old)

    def opened(self, number: int, handle: int, *, writes: bool) -> None:
        with self._lock:
            self._by_number[number].handles.append(handle)
            if writes:
                self._writers.add(handle)

    def released(self, number: int, handle: int) -> None:
        with self._lock:
            node = self._by_number.get(number)
            if node is not None and handle in node.handles:
                node.handles.remove(handle)
            self._writers.discard(handle)
            self._written.notify_all()

    def wait_for_writers(self, timeout: float) -> bool:
        """Whether no file is open for writing, now or after some seconds."""
        with self._lock:
            return self._written.wait_for(lambda: not self._writers, timeout)

    def open_handle(self, number: int) -> int | None:
        """One of the open handles of a node that has no path any more."""
        with self._lock:
            handles = self._by_number[number].handles
            return handles[-1] if handles else None

    def open_paths(self) -> list[str]:
        """The paths of open files, those without a path left out."""
        with self._lock:
            numbers = [number for number, node in self._by_number.items() if node.handles]
        paths = []
        for number in numbers:
            try:
                paths.append(self.path(number))
            except (OSError, KeyError):
                continue  # removed, or forgotten since
        return sorted(paths)

    def _attach(self, node: Node, parent: int, name: str) -> None:
        node.parent, node.name = self._by_number[parent], name
        self._by_name[parent, name] = node

    def _detach(self, node: Node) -> None:
        if node.parent is not None:
            self._by_name.pop((node.parent.number, node.name), None)
            node.parent = None


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder}/")
