"""Operations of the kernel on open folders.

The kernel reads a folder in pieces. Each entry has an offset, and each piece begins at the offset
of the last entry that found room. Entries are taken from the file system as they are needed, so the
first piece of a large folder does not wait for all of it.
"""

from __future__ import annotations

import itertools
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from s3d.agent.frontends.fuse.fs_ops import Attributes, DirectoryEntry, FsOps
from s3d.agent.frontends.fuse.kernel.name_calls import Handler
from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import (
    HANDLE_IN,
    OPEN_OUT,
    READ_IN,
    KernelRequest,
    Operation,
    encode_name,
)
from s3d.agent.frontends.fuse.kernel.replies import ReplyWriter, directory_entry

_ROUNDING = 8
_PLAIN_OVERHEAD = 24
_PLUS_OVERHEAD = 24 + 128
"""Bytes of an entry beside its name."""


class _OpenFolder:
    """The entries of a folder from an offset on, for one descriptor."""

    def __init__(self, operations: FsOps, path: str) -> None:
        self.lock = threading.Lock()
        """One thread reads at a time. The kernel sees to it except after lseek()."""
        self._operations = operations
        self._path = path
        self._rest: Iterator[DirectoryEntry] = iter(())
        self._ahead: list[DirectoryEntry] = []
        """Entries that were taken but have not fitted into an answer."""
        self._offset = -1
        """Of the next entry; -1: nothing was read yet."""

    def move_to(self, offset: int) -> None:
        """An offset behind what was read begins again, as rewinddir() does."""
        if self._offset < 0 or offset == 0 or offset < self._offset:
            listed = self._operations.read_directory(self._path)
            self._rest = itertools.chain(_dots(self._operations, self._path), listed)
            self._ahead = []
            self._offset = 0
        while self._offset < offset and self.take() is not None:
            pass

    def take(self) -> DirectoryEntry | None:
        """The next entry; None: there are no more."""
        entry = self._ahead.pop() if self._ahead else next(self._rest, None)
        if entry is not None:
            self._offset += 1
        return entry

    def put_back(self, entry: DirectoryEntry) -> None:
        self._ahead.append(entry)
        self._offset -= 1

    @property
    def offset(self) -> int:
        return self._offset


def _dots(operations: FsOps, path: str) -> list[DirectoryEntry]:
    own = operations.get_attributes(path, None)
    above = Attributes(stat.S_IFDIR, 0, 0, own.inode)
    return [DirectoryEntry(".", own), DirectoryEntry("..", above)]


class DirectoryCalls:
    """See the module's documentation."""

    def __init__(self, operations: FsOps, nodes: NodeTable, replies: ReplyWriter) -> None:
        self._operations = operations
        self._nodes = nodes
        self._replies = replies
        self._open: dict[int, _OpenFolder] = {}
        self._handles = itertools.count(1)

    def handlers(self) -> Mapping[int, Handler]:
        return {
            Operation.OPENDIR: self._open_folder,
            Operation.READDIR: self._read,
            Operation.READDIRPLUS: self._read_with_attributes,
            Operation.RELEASEDIR: self._release,
            Operation.FSYNCDIR: self._fsync,
        }

    def _open_folder(self, request: KernelRequest) -> bytes:
        handle = next(self._handles)
        self._open[handle] = _OpenFolder(self._operations, self._nodes.path(request.node))
        return OPEN_OUT.pack(handle, 0, 0)

    def _read(self, request: KernelRequest) -> bytes:
        return self._fill(request, _PLAIN_OVERHEAD, lambda entry: b"")

    def _read_with_attributes(self, request: KernelRequest) -> bytes:
        """Each entry is looked up as if the kernel had asked for it, so that stat() of it asks
        nothing more."""

        def look_up(entry: DirectoryEntry) -> bytes:
            node = 0
            if entry.name not in (".", ".."):
                node = self._nodes.look_up(request.node, entry.name, entry.attributes.mode)
            return self._replies.entry(node, entry.attributes)

        return self._fill(request, _PLUS_OVERHEAD, look_up)

    def _fill(
        self, request: KernelRequest, overhead: int, lead: Callable[[DirectoryEntry], bytes]
    ) -> bytes:
        """As many entries as fit. overhead: bytes of each beside its name. lead: what comes before
        an entry."""
        handle, offset, size = READ_IN.unpack_from(request.body)[:3]
        folder, answer = self._open[handle], bytearray()
        with folder.lock:
            folder.move_to(offset)
            while (entry := folder.take()) is not None:
                name = encode_name(entry.name)
                if len(answer) + _padded(overhead, name) > size:
                    folder.put_back(entry)
                    break
                answer += lead(entry)
                answer += directory_entry(name, entry.attributes, folder.offset)
        return bytes(answer)

    def _release(self, request: KernelRequest) -> bytes:
        (handle,) = HANDLE_IN.unpack_from(request.body)
        self._open.pop(handle, None)
        return b""

    def _fsync(self, request: KernelRequest) -> bytes:
        with suppress(FileNotFoundError):  # it was removed, and that is durable already
            self._operations.sync_directory(self._nodes.path(request.node))
        return b""


def _padded(overhead: int, name: bytes) -> int:
    return overhead + -(-len(name) // _ROUNDING) * _ROUNDING
