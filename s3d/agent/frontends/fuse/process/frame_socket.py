"""Frames with descriptors, over one end of a Unix socket pair.

A frame is a header and bytes. The descriptors of a frame are passed with its first byte. Frames
arrive in the order in which they were sent.
"""

from __future__ import annotations

import array
import asyncio
import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from struct import Struct

_HEADER = Struct("=IH")
"""Bytes of the frame without its header, number of descriptors."""
_RECEIVED = 1 << 20
"""Bytes that are read from the socket at once."""
MAX_UNSENT = 256 << 20
"""Bytes that may wait for the other side; one that is so far behind does not run any more."""
MAX_DESCRIPTORS = 200
"""Of one frame; the kernel passes 253 at most. https://man7.org/linux/man-pages/man7/unix.7.html"""
_MISSING = -1
"""In the place of descriptors that this process could not take, since it has too many."""


class ChannelClosed(ConnectionError):
    """The other process has ended, or the channel was closed."""

    def __init__(self, why: str = "the other process has ended") -> None:
        super().__init__(why)


class FrameSocket:
    """Belongs to the loop."""

    def __init__(
        self,
        end: socket.socket,
        receive: Callable[[memoryview, Sequence[int] | None], None],
        on_close: Callable[[], None],
    ) -> None:
        """end: of a stream socket pair; it is closed here. receive: called with each frame, which
        is valid during the call, and its descriptors, which the callee closes; None: this process
        has too many to take them. on_close: called once, when the other process has ended or
        close() is called."""
        end.setblocking(False)
        self._socket = end
        self._receive = receive
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._unsent_size = 0
        self._unsent: deque[tuple[memoryview, Sequence[int]]] = deque()
        """Bytes that the socket did not take, and copies of the descriptors that go with them."""
        self._received = bytearray()
        self._descriptors: deque[int] = deque()
        """Received, of frames that are not complete."""
        self.is_closed = False
        self._loop.add_reader(end, self._read)

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a frame, now or when the socket takes it. The descriptors may be closed when this
        returns. Raises ChannelClosed, and ValueError and OSError for descriptors that cannot be
        sent."""
        if self.is_closed:
            raise ChannelClosed
        if len(descriptors) > MAX_DESCRIPTORS:
            raise ValueError(f"{len(descriptors)} descriptors are too many for a frame")
        frame = memoryview(_HEADER.pack(len(data), len(descriptors)) + data)
        sent = 0
        if not self._unsent:
            sent = self._send_now(frame, descriptors)
            if sent == len(frame):
                return
        if self._unsent_size + len(frame) - sent > MAX_UNSENT:
            self._loop.call_soon(self.close)
            raise ChannelClosed("the other process does not read")
        copies = () if sent else _copies(descriptors)
        if not self._unsent:
            self._loop.add_writer(self._socket, self._write)
        self._unsent.append((frame[sent:], copies))
        self._unsent_size += len(frame) - sent

    def close(self) -> None:
        """What was not sent is dropped."""
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        close_all(each for each in self._descriptors if each != _MISSING)
        self._drop_unsent()
        self._on_close()

    def _drop_unsent(self) -> None:
        for _, descriptors in self._unsent:
            close_all(descriptors)
        self._unsent.clear()

    def _send_now(self, frame: memoryview, descriptors: Sequence[int]) -> int:
        """How many bytes the socket took; the descriptors go with the first.

        Raises ChannelClosed when the other process has ended. It is not closed here: what the other
        process has sent before is read first, up to the end that _read() finds.
        """
        ancillary = []
        if descriptors:
            rights = array.array("i", descriptors)
            ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights))
        try:
            return self._socket.sendmsg([frame], ancillary)
        except (BlockingIOError, InterruptedError):
            return 0
        except ConnectionError:
            raise ChannelClosed from None
        except OSError as error:
            if error.errno == errno.ETOOMANYREFS:  # until the other process has taken some
                return 0
            raise

    def _write(self) -> None:
        try:
            while self._unsent:
                frame, descriptors = self._unsent[0]
                sent = self._send_now(frame, descriptors)
                if not sent:
                    return
                close_all(descriptors)
                self._unsent_size -= sent
                if sent < len(frame):
                    self._unsent[0] = frame[sent:], ()
                    return
                self._unsent.popleft()
        except ChannelClosed:
            self._drop_unsent()
        self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        room = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(
                _RECEIVED, room, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data, ancillary, flags = b"", [], 0
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.extend(memoryview(payload).cast("i"))
        if flags & socket.MSG_CTRUNC:
            self._descriptors.append(_MISSING)
        if not data:
            self.close()
            return
        self._received += data
        self._take_frames()

    def _take_frames(self) -> None:
        start = 0
        while not self.is_closed and len(self._received) - start >= _HEADER.size:
            size, count = _HEADER.unpack_from(self._received, start)
            end = start + _HEADER.size + size
            if end > len(self._received):
                break
            descriptors = self._next_descriptors(count)
            with memoryview(self._received) as view:
                self._receive(view[start + _HEADER.size : end], descriptors)
            start = end
        del self._received[:start]

    def _next_descriptors(self, count: int) -> Sequence[int] | None:
        """Those of a frame; None when not all could be taken."""
        found: list[int] = []
        for _ in range(count):
            descriptor = self._descriptors.popleft()
            if descriptor == _MISSING:
                close_all(found)
                return None
            found.append(descriptor)
        return found


def _copies(descriptors: Sequence[int]) -> Sequence[int]:
    """Raises OSError when the process has too many."""
    found: list[int] = []
    try:
        for each in descriptors:
            found.append(os.dup(each))  # noqa: PERF401 - those before a failure are closed
    except OSError:
        close_all(found)
        raise
    return found


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors that were received."""
    for each in descriptors:
        os.close(each)
