"""A run of bytes of an object that is on its way: the loop fills it, FUSE threads read it."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, contextmanager

from s3d.agent.frontends.fuse.held_file import ArrivingFile, HeldFile
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body


class ReadWindow:
    """The bytes [start, end) of an object. A thread can read what has arrived."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.failure: Exception | None = None
        """Why no more bytes arrive."""
        self._lock = threading.Lock()
        self._held: HeldFile | None = None
        """The file in which the bytes are, or into which they are coming."""
        self._readers = 0
        """Threads that read in the file just now."""
        self._release: Callable[[HeldFile], None] | None = None
        """Set by close()."""
        self._chunks: list[bytes] = []
        """As they came: a buffer for all of them would have to be cleared first, on the loop."""
        self._starts: list[int] = []
        """Where each begins in the object."""
        self._arrived = start
        self._waiting: list[tuple[int, Future[None]]] = []
        """Up to where a thread needs the bytes, and what it waits for."""

    def covers(self, offset: int) -> bool:
        return self.start <= offset < self.end and self.failure is None

    def arrival_of(self, end: int) -> Future[None] | None:
        """What to wait for to read up to end; None: the bytes are there, or never will be."""
        end = min(end, self.end)
        with self._lock:
            if self.failure is not None or self._arrived >= end:
                return None
            future: Future[None] = Future()
            self._waiting.append((end, future))
            return future

    def read(self, size: int, offset: int) -> bytes:
        """What is there of these bytes, from offset on; after arrival_of(), all in the window.
        Nothing after close().

        Raises what has happened to a window that failed.
        """
        with self._lock:
            if self._release is not None:
                return b""
            self._readers += 1
        try:
            end = min(offset + size, self._arrived)
            if end <= offset and self.failure is not None:
                raise self.failure
            if self._held is not None:
                return self._held.read(end - offset, offset - self.start)
            return b"".join(self._pieces(offset, end))
        finally:
            with self._lock:
                self._readers -= 1
            self._release_unused()

    async def fill(self, body: Body) -> None:
        """Take the bytes of a body, which is closed at the end. On the loop."""
        with self._failing():
            async with aclosing(body):
                async for chunk in body:
                    self._add(chunk)

    async def follow(self, arriving: ArrivingFile) -> bool:
        """Let threads read the bytes in the file to which they come, and whose body is closed after
        close(); False: it is closed. On the loop."""
        if not self._keep(arriving):
            return False
        with self._failing():
            async for arrived in arriving.arrivals():
                with self._lock:
                    self._arrived = min(self.start + arrived, self.end)
                self._wake()
        return True

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """What goes wrong is raised where the bytes are read; so is an early end."""
        try:
            yield
            if self._arrived < self.end:
                raise S3Error("ServiceUnavailable", "The answer ended early.")
        except Exception as error:  # noqa: BLE001 - it is raised where the bytes are read
            self.fail(error)
        except BaseException:
            self.fail(S3Error("ServiceUnavailable", "The read was cancelled."))
            raise

    def hold(self, held: HeldFile) -> bool:
        """The bytes lie in a file, whose body is closed after close(); False: it is closed."""
        if not self._keep(held):
            return False
        with self._lock:
            self._arrived = self.end
        self._wake()
        return True

    def _keep(self, held: HeldFile) -> bool:
        with self._lock:
            if self._release is None:
                self._held = held
            return self._release is None

    def close(self, release: Callable[[HeldFile], None]) -> None:
        """Nobody begins to read any more. release: gets what was held, once nobody reads in it: the
        number of its descriptor may be that of another file then."""
        with self._lock:
            self._release = release
        self._release_unused()

    def _release_unused(self) -> None:
        with self._lock:
            release, held = self._release, self._held
            if release is None or self._readers:
                return
            self._held = None
        if held is not None:
            release(held)

    def fail(self, error: Exception) -> None:
        """No more bytes will arrive."""
        with self._lock:
            self.failure = error
        self._wake()

    @property
    def is_awaited(self) -> bool:
        """Whether a thread waits for bytes."""
        return any(not future.cancelled() for _, future in self._waiting)

    def _add(self, chunk: bytes) -> None:
        if self._arrived + len(chunk) > self.end:
            raise S3Error("ServiceUnavailable", "The answer has more bytes than were requested.")
        with self._lock:
            self._chunks.append(chunk)
            self._starts.append(self._arrived)
            self._arrived += len(chunk)
        self._wake()

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes [offset, end), which have arrived."""
        number = bisect_right(self._starts, offset) - 1
        while offset < end:
            start, chunk = self._starts[number], self._chunks[number]
            piece = chunk[offset - start : end - start]
            yield piece
            offset += len(piece)
            number += 1

    def _wake(self) -> None:
        with self._lock:
            arrived = self._arrived if self.failure is None else self.end
            ready = [future for end, future in self._waiting if end <= arrived]
            self._waiting = [each for each in self._waiting if each[0] > arrived]
        for future in ready:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
