"""Sends files to sockets by sendfile(2), in a few threads.

uvloop has no loop.sendfile, and a file that is not in the page cache would block the loop. A
thread works on a duplicate of the socket and only while bytes flow: a slow client waits on the
loop, so that a few of them cannot hold all threads. The transport must have nothing to write
meanwhile; the connection sees to that, since it serves one request at a time.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from s3d.agent.frontends.http.body_buffer import ClientWait
from s3d.agent.frontends.http.exchange import ClientGone, Exchange
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.frontends.http.write_flow import reader_deadline, untaken
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Piece

_THREADS = 8
_CALL = 16 * 1024**2
"""Bytes of one sendfile."""
_TURN = 0.25
"""Seconds after which a thread switches to the next task."""
_PATIENCE = 20
"""Milliseconds that a thread waits for a client; the loop does longer waits."""
_MORE = getattr(socket, "MSG_MORE", 0)


class SendfilePool:
    """The threads that send files."""

    def __init__(self, limits: Limits) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3d-send")
        self._limits = limits

    async def send(self, exchange: Exchange, head: bytes, pieces: Iterator[Piece]) -> None:
        """Send the head, then every piece, up to the first damaged block.

        Raises ClientGone, OSError for a file's fault, S3Error for damaged bytes; nothing was sent
        when the status of the exchange is 0 again.
        """
        await _flush(exchange)
        original = exchange.transport.get_extra_info("socket")
        wait = ClientWait()
        with socket.socket(fileno=os.dup(original.fileno())) as out:
            for piece in pieces:
                task = SendfileTask(out, head, piece)
                try:
                    await self._send_piece(out, task, wait, exchange.sent)
                except S3Error:
                    if task.is_untouched:
                        exchange.status = 0
                    raise
                finally:
                    exchange.sent += task.sent
                head = b""

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    async def _send_piece(
        self, out: socket.socket, task: SendfileTask, wait: ClientWait, before: int
    ) -> None:
        """wait: of the response. before: its bytes before this piece."""
        loop = asyncio.get_running_loop()
        while True:
            future = loop.run_in_executor(self._pool, task.run)
            try:
                # wait() does not cancel the future: the thread still uses the file descriptors.
                await asyncio.wait((future,))
            except asyncio.CancelledError:
                _shut(out)
                await asyncio.wait((future,))
                raise
            if future.result():
                return
            await self._writable(out, wait, before + task.sent)

    async def _writable(self, out: socket.socket, wait: ClientWait, sent: int) -> None:
        """Wait until the client has made room. sent: bytes of the response so far.

        Raises ClientGone when it takes too little.
        """
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_writer(out, _wake, ready)
        try:
            while not ready.done():
                now = loop.time()
                deadline = reader_deadline(wait, now, sent - untaken(out), self._limits)
                if deadline <= now:
                    raise ClientGone
                await asyncio.wait((ready,), timeout=deadline - now)
                wait.end(loop.time())
        finally:
            loop.remove_writer(out)


class SendfileTask:
    """Sends one piece, in as many calls of run() as it takes."""

    __slots__ = (
        "_check",
        "_checked",
        "_head",
        "_left",
        "_offset",
        "_out",
        "_size",
        "_source",
        "_whole",
    )

    def __init__(self, out: socket.socket, head: bytes, piece: Piece) -> None:
        self._out = out
        self._head = head
        self._source = piece.fd
        self._offset = piece.offset
        self._size = self._left = piece.size
        self._whole = len(head)
        self._check = piece.check
        self._checked = piece.offset if piece.check is not None else piece.offset + piece.size
        """The bytes up to this offset have been verified."""

    @property
    def is_untouched(self) -> bool:
        """Whether a whole head is still to be sent."""
        return 0 < self._whole == len(self._head)

    @property
    def sent(self) -> int:
        """Bytes that the client's socket has taken."""
        return self._whole - len(self._head) + self._size - self._left

    def run(self) -> bool:
        """Send until all is sent, the client is slow or the time is over; whether all is sent. In
        a thread."""
        end = time.monotonic() + _TURN
        poll = select.poll()
        poll.register(self._out, select.POLLOUT)
        try:
            while self._head or self._left:
                try:
                    self._step()
                except BlockingIOError:
                    if not poll.poll(_PATIENCE):
                        return False
                if time.monotonic() > end:
                    return not (self._head or self._left)
        except ConnectionError as error:
            raise ClientGone from error
        return True

    def _step(self) -> None:
        if self._check is not None and self._left and self._checked <= self._offset:
            # Verified before the head is sent: until then damage can be an error response.
            self._checked = self._check(self._offset, self._offset + self._left)
        if self._head:
            self._head = self._head[self._out.send(self._head, _MORE if self._left else 0) :]
            return
        size = min(self._left, _CALL, self._checked - self._offset)
        try:
            sent = os.sendfile(self._out.fileno(), self._source, self._offset, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            sent = self._out.send(os.pread(self._source, min(size, 1024**2), self._offset))
        if sent == 0:
            raise OSError(errno.EIO, "a stored file is shorter than its record")
        self._offset += sent
        self._left -= sent


async def _flush(exchange: Exchange) -> None:
    """Wait until the transport has nothing left to write."""
    transport = exchange.transport
    if transport.get_write_buffer_size():
        transport.set_write_buffer_limits(high=0)
        try:
            await exchange.drain()
        finally:
            transport.set_write_buffer_limits()


def _shut(out: socket.socket) -> None:
    try:
        out.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
