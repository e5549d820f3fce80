"""Payloads that cross a channel: their bytes if they are few, their files if they have some.

A body is offered by one side and taken by the other, which reads it by calls. Files do not cross:
their descriptors do, and each side reads them by itself.

    bytes     a small body
    file      an AdoptableFile, by its path: both sides see the same folder
    held      the pieces of a FileBody, as descriptors
    arriving  the file of an ArrivingBody, as a descriptor
    stream    any other: the taker asks for one chunk after the other
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from s3d.agent.frontends.fuse.process.channel import Channel, Handler, Message
from s3d.agent.frontends.fuse.process.frame_socket import ChannelClosed, close_all
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import (
    NO_TRAILERS,
    ArrivingBody,
    Body,
    BytesBody,
    FileBody,
    Piece,
    at_once,
)
from s3d.agent.storage.adopted_file import AdoptableFile
from s3d.agent.storage.blob_body import BlobCheck
from s3d.agent.storage.blocks import FileChecks, StoredDataCorrupt, VerifiedBlocks
from s3d.agent.storage.known_hashes import complete_hashes, decode_hashes, encode_hashes

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20
_THREADS = 2
"""They check what is read from files. The workers of the agent may all wait for a mount."""
_MAX_PIECES = 64
"""Files of one body that are passed; a body of more is a stream."""


class OfferedBodies:
    """The bodies that the other side reads. Belongs to the loop."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._bodies: dict[int, _OfferedBody] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mount checks")
        self._is_closed = False

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "body.next": self._next,
            "body.check": self._check,
            "body.close": self._close,
        }

    async def offer(self, body: Body) -> Message:
        """What take_body() makes the same body of. A body that stays open is closed when the other
        side closes it. Raises as the iteration over it does, and ChannelClosed after close()."""
        try:
            if self._is_closed:
                raise ChannelClosed
            if isinstance(body, AdoptableFile):
                return Message({"file": await _encode_file(body)})
            data = at_once(body)
            if data is not None:
                await body.aclose()
                return Message({"bytes": data})
            offered = _OfferedBody(body, self._threads)
            number = next(self._numbers)
            message = offered.message(number)
            self._bodies[number] = offered
            return message
        except BaseException:
            await body.aclose()
            raise

    async def withdraw(self, offered: Mapping[str, Any]) -> None:
        """Close a body that was offered, unless it is closed: nobody reads it any more."""
        number = _number_of(offered)
        if number is not None:
            await self._end(number)

    async def close(self) -> None:
        """The other process has ended."""
        self._is_closed = True
        for number in list(self._bodies):
            try:
                await self._end(number)
            except Exception as error:
                logger.error("a body of the mounts cannot be closed", exc_info=error)
        self._threads.shutdown(wait=False)

    async def _end(self, number: int) -> None:
        offered = self._bodies.get(number)
        if offered is not None:
            await offered.close()
            self._bodies.pop(number, None)

    def _of(self, number: int) -> _OfferedBody:
        offered = self._bodies.get(number)
        if offered is None:
            raise _closed()
        return offered

    async def _next(self, message: Message) -> Any:
        return await self._of(message.value).next()

    async def _check(self, message: Message) -> int:
        number, index, start, end = message.value
        return await self._of(number).check(index, start, end)

    async def _close(self, message: Message) -> None:
        await self._end(message.value)


class _OfferedBody:
    """A body that the other side reads. It is closed when nothing works on it."""

    def __init__(self, body: Body, threads: ThreadPoolExecutor) -> None:
        """threads: check what is read from its files."""
        self._body = body
        self._threads = threads
        self._pieces: Sequence[Piece] = ()
        self._reader: AsyncIterator[Any] | None = None
        self._reading: asyncio.Task[Any] | None = None
        self._checks: set[asyncio.Future[int]] = set()
        self._is_closed = False
        self._closing = asyncio.Lock()

    def message(self, number: int) -> Message:
        """What the other side is told of it. Raises S3Error."""
        body = self._body
        hold = getattr(body, "hold", None)
        pieces = None if hold is None else cast("FileBody", body).hold(_MAX_PIECES)
        if pieces is not None:
            self._pieces = pieces
            shown = [(piece.offset, piece.size, *_encode_check(piece)) for piece in pieces]
            return Message({"held": [number, shown]}, [piece.fd for piece in pieces])
        if hasattr(body, "arrivals"):
            arriving = cast("ArrivingBody", body)
            piece = arriving.file()
            self._reader = arriving.arrivals()
            return Message({"arriving": [number, piece.offset, piece.size]}, [piece.fd])
        self._reader = aiter(body)
        return Message({"stream": [number, body.size]})

    async def next(self) -> Any:
        """The next chunk, or the next offset up to which bytes have arrived; None: the end."""
        if self._is_closed or self._reader is None:
            raise _closed()
        self._reading = asyncio.current_task()
        try:
            return await anext(self._reader, None)
        except asyncio.CancelledError:
            if self._is_closed:
                raise _closed() from None
            raise
        finally:
            self._reading = None

    async def check(self, index: int, start: int, end: int) -> int:
        """The other side has found damage: find it, too, and report it."""
        if self._is_closed:
            raise _closed()
        check = self._pieces[index].check
        assert check is not None
        job = asyncio.get_running_loop().run_in_executor(self._threads, check, start, end)
        self._checks.add(job)
        job.add_done_callback(self._checks.discard)
        return await asyncio.shield(job)

    async def close(self) -> None:
        self._is_closed = True
        async with self._closing:
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.wait([self._reading])
            if self._checks:  # a file that is closed meanwhile would be found damaged
                await asyncio.wait(self._checks)
            reader, self._reader = self._reader, None
            end = getattr(reader, "aclose", None)
            if end is not None:
                await end()
            await self._body.aclose()


def _closed() -> S3Error:
    return S3Error("InternalError", "The body was closed before its end.")


def take_body(channel: Channel, message: Message, verified: VerifiedBlocks | None = None) -> Body:
    """The body that the other side has offered. verified: what was checked before of files.

    Raises S3Error for a file that has not the size of its checksums.
    """
    match message.value:
        case {"bytes": data}:
            return BytesBody(data)
        case {"file": [path, size, start, data, known]}:
            hashed = None if known is None else decode_hashes(known)
            return AdoptableFile(Path(path), size, start=start, data=data, hashed=hashed)
        case {"held": [number, shown]}:
            checked = VerifiedBlocks() if verified is None else verified
            try:
                return HeldBody(channel, number, shown, message.descriptors, checked)
            except S3Error:
                close_all(message.descriptors)
                close_offered(channel, message.value)
                raise
        case {"arriving": [number, offset, size]}:
            return FileThatArrives(channel, number, offset, size, message.descriptors[0])
        case {"stream": [number, size]}:
            return TakenBody(channel, number, size)
        case _:
            raise ValueError(f"no offered body: {message.value}")


def close_offered(channel: Channel, offered: Mapping[str, Any]) -> None:
    """Nobody takes this body."""
    number = _number_of(offered)
    if number is not None:
        channel.post("body.close", number)


def _number_of(offered: Mapping[str, Any]) -> int | None:
    """Of a body that stays open; None for another."""
    match offered:
        case {"held": [number, *_]} | {"arriving": [number, *_]} | {"stream": [number, *_]}:
            return int(number)
        case _:
            return None


class TakenBody:
    """A body that is read by calls."""

    def __init__(self, channel: Channel, number: int, size: int | None) -> None:
        self.size = size
        self._channel = channel
        self._number = number
        self._is_closed = False

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._following():
            yield chunk

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._channel.post("body.close", self._number)

    async def _read(self, piece: Piece, at: int, until: int) -> AsyncIterator[bytes]:
        """Bytes of a piece, between two offsets in its file. Raises S3Error."""
        while at < until and not self._is_closed:
            chunk = await asyncio.to_thread(_read_file, piece, at, min(until, at + _CHUNK))
            if not self._is_closed:
                yield chunk
            at += len(chunk)
        if self._is_closed:  # the number of its file may be that of another one
            raise _closed()

    async def _following(self) -> AsyncIterator[Any]:
        while (value := (await self._channel.call("body.next", self._number)).value) is not None:
            yield value


class FileThatArrives(TakenBody):
    """An ArrivingBody."""

    def __init__(
        self, channel: Channel, number: int, offset: int, size: int, descriptor: int
    ) -> None:
        super().__init__(channel, number, size)
        self._piece = Piece(descriptor, offset, size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self._piece.offset
        async for until in self.arrivals():
            async for chunk in self._read(self._piece, at, until):
                yield chunk
            at = until

    def file(self) -> Piece:
        return self._piece

    async def arrivals(self) -> AsyncIterator[int]:
        async for until in self._following():
            yield until

    async def aclose(self) -> None:
        if not self._is_closed:
            os.close(self._piece.fd)
        await super().aclose()


class HeldBody(TakenBody):
    """A FileBody."""

    def __init__(
        self,
        channel: Channel,
        number: int,
        shown: Sequence[tuple[int, int, int, bytes]],
        descriptors: Sequence[int],
        verified: VerifiedBlocks,
    ) -> None:
        super().__init__(channel, number, sum(size for _, size, _, _ in shown))
        self._loop = asyncio.get_running_loop()
        self._pieces = []
        for index, (offset, size, blob, sums) in enumerate(shown):
            fd = descriptors[index]
            checks = verified.of(blob, fd, sums)
            is_proven = checks is not None and checks.is_proven(offset, size)
            check = None if is_proven or checks is None else self._checker(index, fd, checks)
            self._pieces.append(Piece(fd, offset, size, check))

    def now(self) -> bytes | None:
        return None

    def pieces(self) -> Iterator[Piece]:
        yield from self._pieces

    def hold(self, most: int) -> list[Piece] | None:
        return self._pieces if len(self._pieces) <= most else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            async for chunk in self._read(piece, piece.offset, piece.offset + piece.size):
                yield chunk

    async def aclose(self) -> None:
        if not self._is_closed:
            for piece in self._pieces:
                os.close(piece.fd)
        await super().aclose()

    def _checker(self, index: int, fd: int, checks: FileChecks) -> Callable[[int, int], int]:
        def check(start: int, end: int) -> int:
            try:
                return checks.check(fd, start, end)
            except StoredDataCorrupt:
                call = self._channel.call("body.check", [self._number, index, start, end])
                asyncio.run_coroutine_threadsafe(call, self._loop).result()
                raise

        return check


def _encode_check(piece: Piece) -> tuple[int, bytes]:
    """The number of the file, and the checksums of its blocks; none: nothing is to be checked."""
    return (piece.check.blob, piece.check.sums) if isinstance(piece.check, BlobCheck) else (0, b"")


async def _encode_file(file: AdoptableFile) -> Sequence[Any]:
    hashed = None if file.hashed is None else await asyncio.to_thread(complete_hashes, file)
    known = None if hashed is None else encode_hashes(hashed)
    return [str(file.path), file.size, file.start, file.data, known]


def _read_file(piece: Piece, at: int, end: int) -> bytes:
    """Some bytes from an offset on. Raises S3Error."""
    if piece.check is not None:
        end = min(end, piece.check(at, end))
    data = os.pread(piece.fd, end - at, at)
    if not data:
        raise S3Error("InternalError", "A stored file is shorter than its record.")
    return data
