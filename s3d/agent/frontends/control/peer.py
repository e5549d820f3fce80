"""Who is at the other end of a Unix socket."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Protocol

_LOCAL_PEERCRED = 1
"""macOS: sys/un.h; the level is SOL_LOCAL, 0."""
_XUCRED = struct.Struct("=II")
"""macOS: the head of struct xucred, version and uid."""
_UCRED = struct.Struct("=iII")
"""Linux: pid, uid, gid (unix(7), SO_PEERCRED)."""


class Socket(Protocol):
    """What asyncio and uvloop give as a transport's socket."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def peer_uid(connection: Socket) -> int:
    """The user id of the process that connected. Raises OSError."""
    if sys.platform == "darwin":
        credentials = connection.getsockopt(0, _LOCAL_PEERCRED, 76)
        return int(_XUCRED.unpack_from(credentials)[1])
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])
