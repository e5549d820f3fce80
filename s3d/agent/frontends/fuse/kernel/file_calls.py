"""Operations of the kernel on open files, and the attributes of nodes."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Mapping

from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.kernel.name_calls import Handler
from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import (
    GETATTR_FH,
    GETATTR_IN,
    HANDLE_IN,
    OPEN_IN,
    READ_IN,
    SETATTR_IN,
    WRITE_IN,
    WRITE_OUT,
    KernelRequest,
    Operation,
    SetFlag,
)
from s3d.agent.frontends.fuse.kernel.replies import (
    ReplyWriter,
    file_system_size,
    is_written,
    opened,
)

_SECOND = 10**9


class FileCalls:
    """See the module's documentation."""

    def __init__(self, operations: FsOps, nodes: NodeTable, replies: ReplyWriter) -> None:
        self._operations = operations
        self._nodes = nodes
        self._replies = replies

    def handlers(self) -> Mapping[int, Handler]:
        return {
            Operation.GETATTR: self._get_attributes,
            Operation.SETATTR: self._set_attributes,
            Operation.OPEN: self._open,
            Operation.READ: self._read,
            Operation.WRITE: self._write,
            Operation.FLUSH: self._flush,
            Operation.FSYNC: self._fsync,
            Operation.RELEASE: self._release,
            Operation.STATFS: self._statfs,
        }

    def _place(self, node: int, handle: int | None) -> tuple[str, int | None]:
        """The path of a node and a handle of it. A file that was removed has no path: fstat() of it
        comes without a handle, so one of those that are open stands for it.

        Raises ENOENT.
        """
        try:
            return self._nodes.path(node), handle
        except OSError:
            if handle is None:
                handle = self._nodes.open_handle(node)
            if handle is None:
                raise
            return "", handle

    def _get_attributes(self, request: KernelRequest) -> bytes:
        flags, _, handle = GETATTR_IN.unpack_from(request.body)
        path, open_handle = self._place(request.node, handle if flags & GETATTR_FH else None)
        if not path:
            return self._replies.attributes(self._operations.get_attributes(path, open_handle))
        found = self._nodes.at(
            request.node, lambda path: self._operations.get_attributes(path, open_handle)
        )
        self._nodes.check_type(request.node, found.mode)
        return self._replies.attributes(found)

    def _set_attributes(self, request: KernelRequest) -> bytes:
        """The owner stays the user of the mount, whatever chown() says. The kernel lets only root
        give files away."""
        values = SETATTR_IN.unpack_from(request.body)
        valid, handle, size, mode = values[0], values[2], values[3], values[11]
        path, open_handle = self._place(request.node, handle if valid & SetFlag.FH else None)
        if valid & SetFlag.SIZE:
            self._operations.truncate(path, open_handle, size)
        if valid & SetFlag.MODE and path:
            self._operations.set_mode(path, stat.S_IMODE(mode))
        if path:
            self._set_times(path, values)
        return self._replies.attributes(self._operations.get_attributes(path, open_handle))

    def _set_times(self, path: str, values: tuple[int, ...]) -> None:
        valid, now = values[0], time.time_ns()

        def time_of(flag: SetFlag, to_now: SetFlag, seconds: int, nanoseconds: int) -> int | None:
            if valid & to_now:
                return now
            signed = seconds - (1 << 64) if seconds >> 63 else seconds
            return signed * _SECOND + nanoseconds if valid & flag else None

        atime_ns = time_of(SetFlag.ATIME, SetFlag.ATIME_NOW, values[5], values[8])
        mtime_ns = time_of(SetFlag.MTIME, SetFlag.MTIME_NOW, values[6], values[9])
        if mtime_ns is not None:  # that of the last read alone is not kept
            self._operations.set_times(path, mtime_ns if atime_ns is None else atime_ns, mtime_ns)

    def _open(self, request: KernelRequest) -> bytes:
        flags, _ = OPEN_IN.unpack_from(request.body)
        file = self._nodes.at(request.node, lambda path: self._operations.open(path, flags))
        self._nodes.opened(request.node, file.handle, writes=is_written(flags))
        return opened(file, flags)

    def _read(self, request: KernelRequest) -> bytes:
        handle, offset, size = READ_IN.unpack_from(request.body)[:3]
        return self._operations.read(handle, size, offset)

    def _write(self, request: KernelRequest) -> bytes:
        handle, offset, size = WRITE_IN.unpack_from(request.body)[:3]
        data = request.body[WRITE_IN.size : WRITE_IN.size + size]
        if len(data) != size:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return WRITE_OUT.pack(self._operations.write(handle, data, offset), 0)

    def _flush(self, request: KernelRequest) -> bytes:
        self._operations.flush(*HANDLE_IN.unpack_from(request.body))
        return b""

    def _fsync(self, request: KernelRequest) -> bytes:
        self._operations.fsync(*HANDLE_IN.unpack_from(request.body))
        return b""

    def _release(self, request: KernelRequest) -> bytes:
        (handle,) = HANDLE_IN.unpack_from(request.body)
        try:
            self._operations.release(handle)
        finally:
            self._nodes.released(request.node, handle)
        return b""

    def _statfs(self, request: KernelRequest) -> bytes:
        return file_system_size(self._operations.size())
