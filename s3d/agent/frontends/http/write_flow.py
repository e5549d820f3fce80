"""How far the client has taken what was written: in the transport's buffer and in the kernel's."""

from __future__ import annotations

import array
import asyncio
import fcntl
import socket
import sys
import termios

from s3d.agent.frontends.http.body_buffer import ClientWait
from s3d.agent.frontends.http.limits import Limits

_SO_NWRITE = 0x1024
"""Of macOS: bytes that were not sent. https://developer.apple.com/library/archive/ (setsockopt)"""


def untaken(connection: socket.socket) -> int:
    """Bytes in the kernel's buffer that the client's machine has not confirmed; 0 if unknown.

    SIOCOUTQ of https://man7.org/linux/man-pages/man7/tcp.7.html
    """
    try:
        if sys.platform == "darwin":
            return connection.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        size = array.array("i", [0])
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, size)
        return size[0]
    except (OSError, ValueError):  # it is closed
        return 0


def reader_deadline(wait: ClientWait, now: float, taken: int, limits: Limits) -> float:
    """Until when the server waits for the client to go on taking a response.

    taken: bytes of the response that it has taken so far.
    """
    return wait.begin(
        now,
        max(0, taken),
        patience=limits.write,
        rate=limits.write_rate,
        longest=limits.write_pause,
    )


class WriteFlow:
    """Whether the transport accepts more, as pause_writing() and resume_writing() of the protocol
    say; at most one task waits for it."""

    __slots__ = ("_loop", "_waiter", "is_paused")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self.is_paused = False

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        """The buffer is nearly empty, or the connection is lost."""
        self.is_paused = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def drained(self) -> None:
        """Wait for resume()."""
        while self.is_paused:
            self._waiter = self._loop.create_future()
            await self._waiter
