"""Operations of the kernel on names: look up, create, remove, rename."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping

from s3d.agent.frontends.fuse.fs_ops import RENAME_EXCHANGE, RENAME_NOREPLACE, FsOps
from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import (
    BATCH_FORGET_IN,
    CREATE_IN,
    FORGET_IN,
    FORGET_ONE,
    MKDIR_IN,
    MKNOD_IN,
    RENAME2_IN,
    RENAME_IN,
    KernelRequest,
    Operation,
    Reply,
    encode_name,
    names,
)
from s3d.agent.frontends.fuse.kernel.replies import ReplyWriter, is_written, opened

Handler = Callable[[KernelRequest], Reply]


class NameCalls:
    """See the module's documentation."""

    def __init__(self, operations: FsOps, nodes: NodeTable, replies: ReplyWriter) -> None:
        self._operations = operations
        self._nodes = nodes
        self._replies = replies

    def handlers(self) -> Mapping[int, Handler]:
        return {
            Operation.LOOKUP: self._look_up,
            Operation.FORGET: self._forget,
            Operation.BATCH_FORGET: self._forget_all,
            Operation.CREATE: self._create,
            Operation.MKNOD: self._make_node,
            Operation.MKDIR: self._make_directory,
            Operation.SYMLINK: self._symlink,
            Operation.READLINK: self._read_link,
            Operation.LINK: self._link,
            Operation.UNLINK: self._unlink,
            Operation.RMDIR: self._remove_directory,
            Operation.RENAME: self._rename,
            Operation.RENAME2: self._rename_with_flags,
        }

    def _look_up(self, request: KernelRequest) -> bytes:
        (name,) = names(request.body)
        return self._entry(request.node, name)

    def _entry(self, parent: int, name: str) -> bytes:
        """Look the name up for the kernel."""
        attributes = self._nodes.at(
            parent, lambda path: self._operations.get_attributes(path, None), name
        )
        node = self._nodes.look_up(parent, name, attributes.mode)
        return self._replies.entry(node, attributes)

    def _forget(self, request: KernelRequest) -> None:
        (lookups,) = FORGET_IN.unpack_from(request.body)
        self._nodes.forget(request.node, lookups)

    def _forget_all(self, request: KernelRequest) -> None:
        count, _ = BATCH_FORGET_IN.unpack_from(request.body)
        start = BATCH_FORGET_IN.size
        for offset in range(start, start + count * FORGET_ONE.size, FORGET_ONE.size):
            self._nodes.forget(*FORGET_ONE.unpack_from(request.body, offset))

    def _create(self, request: KernelRequest) -> bytes:
        flags, mode, _, _ = CREATE_IN.unpack_from(request.body)
        (name,) = names(request.body, CREATE_IN.size)
        path = self._nodes.child_path(request.node, name)
        file = self._operations.create(path, flags, stat.S_IMODE(mode))
        try:
            attributes = self._operations.get_attributes(path, file.handle)
        except OSError:
            self._operations.release(file.handle)
            raise
        node = self._nodes.look_up(request.node, name, attributes.mode)
        self._nodes.opened(node, file.handle, writes=is_written(flags))
        return self._replies.entry(node, attributes) + opened(file, flags)

    def _make_node(self, request: KernelRequest) -> bytes:
        """mknod(2) of a file; devices and pipes are no objects."""
        mode, _, _, _ = MKNOD_IN.unpack_from(request.body)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        (name,) = names(request.body, MKNOD_IN.size)
        path = self._nodes.child_path(request.node, name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        file = self._operations.create(path, flags, stat.S_IMODE(mode))
        try:
            self._operations.flush(file.handle)
        finally:
            self._operations.release(file.handle)
        return self._entry(request.node, name)

    def _make_directory(self, request: KernelRequest) -> bytes:
        mode, _ = MKDIR_IN.unpack_from(request.body)
        (name,) = names(request.body, MKDIR_IN.size)
        path = self._nodes.child_path(request.node, name)
        self._operations.make_directory(path, stat.S_IMODE(mode))
        return self._entry(request.node, name)

    def _symlink(self, request: KernelRequest) -> bytes:
        name, target = names(request.body)
        path = self._nodes.child_path(request.node, name)
        self._operations.symlink(path, target)
        return self._entry(request.node, name)

    def _read_link(self, request: KernelRequest) -> bytes:
        return encode_name(self._operations.read_link(self._nodes.path(request.node)))

    def _link(self, request: KernelRequest) -> Reply:
        raise OSError(errno.EPERM, "an object has one key")

    def _unlink(self, request: KernelRequest) -> bytes:
        (name,) = names(request.body)
        self._operations.unlink(self._nodes.child_path(request.node, name))
        self._nodes.remove(request.node, name)
        return b""

    def _remove_directory(self, request: KernelRequest) -> bytes:
        (name,) = names(request.body)
        self._operations.remove_directory(self._nodes.child_path(request.node, name))
        self._nodes.remove(request.node, name)
        return b""

    def _rename(self, request: KernelRequest) -> bytes:
        (folder,) = RENAME_IN.unpack_from(request.body)
        return self._move(request, RENAME_IN.size, folder, 0)

    def _rename_with_flags(self, request: KernelRequest) -> bytes:
        folder, flags, _ = RENAME2_IN.unpack_from(request.body)
        return self._move(request, RENAME2_IN.size, folder, flags)

    def _move(self, request: KernelRequest, offset: int, folder: int, flags: int) -> bytes:
        if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        old, new = names(request.body, offset)
        path, new_path = (
            self._nodes.child_path(request.node, old),
            self._nodes.child_path(folder, new),
        )
        is_exchange = bool(flags & RENAME_EXCHANGE)
        with self._nodes.moving(path):
            self._operations.rename(path, new_path, flags)
            self._nodes.rename((request.node, old), (folder, new), exchange=is_exchange)
        return b""
