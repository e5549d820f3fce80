"""An object that a program has open for reading, in one version.

A read of what was opened as a whole, or of a window whose bytes lie in a file, is a pread in the
FUSE thread. Otherwise a window is requested around the offset. While a program reads on and on, the
next window is requested before it is needed, and each is twice as large as the one before.

A version that is not the current one any more ends with ESTALE at the next window. Bytes of two
versions never meet in one handle.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from s3d.agent.frontends.fuse.errnos import os_error
from s3d.agent.frontends.fuse.held_file import HeldFile
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.object_opener import ObjectOpener, Opened
from s3d.agent.frontends.fuse.read_window import ReadWindow
from s3d.agent.s3.errors import S3Error
from s3d.shared.control import ObjectInfo

SMALLEST, LARGEST = 1 << 20, 32 << 20
"""Bytes of a window. The read cache has blocks of the smaller size."""
_SLACK = 1 << 20
"""Bytes by which a read may be out of order and still count as sequential: the kernel sends several
at once."""
_MAX_WINDOWS = 16
_TOTAL = 128 << 20
"""Bytes of all windows of a mount. Another window is then one of the smallest."""


class ReadAheadBudget:
    """The bytes that all handles of a mount may have in windows."""

    def __init__(self, total: int = _TOTAL) -> None:
        self._free = total
        self._lock = threading.Lock()

    def take(self, size: int) -> int:
        """How large a window may be; at least SMALLEST, or size if that is less."""
        with self._lock:
            granted = max(min(size, self._free), min(size, SMALLEST))
            self._free -= granted
            return granted

    def give_back(self, size: int) -> None:
        with self._lock:
            self._free += size


class ReadHandle:
    """Reads one version of an object. Any number of threads may read at once."""

    def __init__(
        self,
        place: tuple[str, str],
        opened: Opened,
        *,
        opener: ObjectOpener,
        bridge: LoopBridge,
        budget: ReadAheadBudget,
    ) -> None:
        """place: bucket and key."""
        self.place = place
        self.info: ObjectInfo = opened.info
        self._opener = opener
        self._bridge = bridge
        self._budget = budget
        self._lock = threading.Lock()
        self._windows: dict[ReadWindow, Future[None] | None] = {}
        """And what fills it. The one that was used last is the last."""
        self._is_closed = False
        self._next = 0
        """Where the last read has ended."""
        content = opened.content
        self._whole: bytes | HeldFile | None = None
        if isinstance(content, ReadWindow):
            self._windows[content] = None
        else:
            self._whole = content

    @property
    def etag(self) -> str:
        return self.info.etag

    @property
    def size(self) -> int:
        return self.info.size

    def read(self, size: int, offset: int) -> bytes:
        """Fewer bytes than size only at the end of the object.

        Raises OSError: ESTALE when the object has another version by now, EIO, EACCES, EINTR.
        """
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        whole = self._whole
        if isinstance(whole, bytes):
            return whole[offset:end]
        try:
            if whole is not None:
                return whole.read(end - offset, offset)
            return b"".join(self._read_windows(offset, end))
        except S3Error as error:
            raise os_error(error) from error

    def close(self) -> None:
        """Reads that have not ended are cancelled."""
        with self._lock:
            self._is_closed = True
        if isinstance(self._whole, HeldFile):
            self._close_body(self._whole)
        for window in list(self._windows):
            self._drop(window)

    def _read_windows(self, offset: int, end: int) -> Iterable[bytes]:
        while offset < end:
            window = self._window_at(offset, end)
            stop = min(end, window.end)
            arrival = window.arrival_of(stop)
            if arrival is not None:
                self._bridge.wait(arrival)
            data = window.read(stop - offset, offset)
            yield data
            offset += len(data)

    def _window_at(self, offset: int, end: int) -> ReadWindow:
        """The window with this byte, which is requested if there is none."""
        with self._lock:
            if self._is_closed:
                raise S3Error("ServiceUnavailable", "The read was cancelled.")
            is_sequential = abs(offset - self._next) <= _SLACK and self._next > 0
            self._next = end
            window = self._find(offset)
            if window is None:
                start = offset - offset % SMALLEST
                before = self._find(start - 1) if is_sequential else None
                window = self._request(start, before)
            else:
                self._windows[window] = self._windows.pop(window)
            if is_sequential and 2 * offset >= window.start + window.end:
                self._read_ahead(window)
            return window

    def _read_ahead(self, window: ReadWindow) -> None:
        """Request what follows a window that a program reads to its end."""
        if window.end < self.size and self._find(window.end) is None:
            self._request(window.end, window)

    def _find(self, offset: int) -> ReadWindow | None:
        return next((each for each in self._windows if each.covers(offset)), None)

    def _request(self, start: int, before: ReadWindow | None) -> ReadWindow:
        """Request a window. before: the one that the program has read just now."""
        size = SMALLEST if before is None else min(2 * (before.end - before.start), LARGEST)
        size = self._budget.take(min(size, self.size - start))
        window = ReadWindow(start, start + size)
        work = partial(self._opener.fill, self.place, self.etag, window)
        for each in list(self._windows):
            is_surplus = len(self._windows) >= _MAX_WINDOWS and each is not before
            if each.failure is not None or (is_surplus and not each.is_awaited):
                self._drop(each)
        self._windows[window] = self._bridge.start(work)
        return window

    def _drop(self, window: ReadWindow) -> None:
        filling = self._windows.pop(window)
        if filling is not None:
            self._budget.give_back(window.end - window.start)
            filling.cancel()
        window.close(self._close_body)

    def _close_body(self, held: HeldFile) -> None:
        with suppress(OSError):  # the mount has ended, and the loop with it
            self._bridge.start(held.body.aclose)
