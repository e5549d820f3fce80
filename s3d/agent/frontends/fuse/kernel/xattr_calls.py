"""Operations of the kernel on extended attributes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from struct import Struct

from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.kernel.name_calls import Handler
from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import (
    GETXATTR_IN,
    IN_HEADER,
    SETXATTR_IN,
    KernelRequest,
    Operation,
    encode_name,
    names,
)

_SIZE_OUT = Struct("=II")
"""Size, padding."""


_OPERATION = Struct("=4xIQ")
"""Of the header of a message: what is called, and its number."""
_NAME = IN_HEADER.size + GETXATTR_IN.size
_NAMESPACE = b"user."


def unsupported_attribute(message: memoryview) -> int:
    """The number of a request for an extended attribute outside of user.*, which the mount does not
    have; 0: it is another request.

    `ls -l` reads two for each file (security.selinux, system.posix_acl_access), but only of the
    first file if the answer is that the file system does not support them. The kernel reads
    security.capability before each write, so the binding answers without looking for the file.
    """
    operation, unique = _OPERATION.unpack_from(message)
    if operation != Operation.GETXATTR or message[_NAME : _NAME + len(_NAMESPACE)] == _NAMESPACE:
        return 0
    return int(unique)


class XattrCalls:
    """See the module's documentation."""

    def __init__(self, operations: FsOps, nodes: NodeTable) -> None:
        self._operations = operations
        self._nodes = nodes

    def handlers(self) -> Mapping[int, Handler]:
        return {
            Operation.GETXATTR: self._get,
            Operation.LISTXATTR: self._list,
            Operation.SETXATTR: self._set,
            Operation.REMOVEXATTR: self._remove,
        }

    def _get(self, request: KernelRequest) -> bytes:
        room, _ = GETXATTR_IN.unpack_from(request.body)
        (name,) = names(request.body, GETXATTR_IN.size)
        return _fitted(self._operations.get_xattr(self._nodes.path(request.node), name), room)

    def _list(self, request: KernelRequest) -> bytes:
        room, _ = GETXATTR_IN.unpack_from(request.body)
        listed = self._operations.list_xattrs(self._nodes.path(request.node))
        return _fitted(b"".join(encode_name(name) + b"\0" for name in listed), room)

    def _set(self, request: KernelRequest) -> bytes:
        size, flags = SETXATTR_IN.unpack_from(request.body)
        rest = bytes(request.body[SETXATTR_IN.size :])
        name, value = rest.split(b"\0", 1)
        decoded = name.decode("utf-8", "surrogateescape")
        if not decoded.startswith(_NAMESPACE.decode()):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        path = self._nodes.path(request.node)
        self._operations.set_xattr(path, decoded, value[:size], flags)
        return b""

    def _remove(self, request: KernelRequest) -> bytes:
        (name,) = names(request.body)
        self._operations.remove_xattr(self._nodes.path(request.node), name)
        return b""


def _fitted(value: bytes, room: int) -> bytes:
    """The value for a buffer of the caller; room 0: the caller asks how large it has to be."""
    if not room:
        return _SIZE_OUT.pack(len(value), 0)
    if len(value) > room:
        raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
    return value
