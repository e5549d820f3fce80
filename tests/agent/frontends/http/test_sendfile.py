"""Large files to sockets, on asyncio's loop and on uvloop's."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.frontends.http import sendfile
from s3d.agent.frontends.http.limits import Limits
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, Piece, S3Request, S3Response
from tests.agent.frontends.http.wire import opened

SIZE = 24 * 1024**2
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


class Shelf(TerminalStore):
    """Every object is the same file, in three pieces that overlap nowhere; Broken says too much."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.closed = threading.Event()

    @operation("GetObject")
    def get_object(self, request: S3Request) -> Completed:
        size = SIZE + (4096 if request.key == "broken" else 0)
        body = Pages(os.open(self.path, os.O_RDONLY), size, self.closed)
        if request.key.startswith("damaged-"):
            body.damaged = int(request.key.removeprefix("damaged-"))
        return Completed(S3Response({"ContentLength": size}, body))


class Pages:
    trailers = NO_TRAILERS

    def __init__(self, fd: int, size: int, closed: threading.Event) -> None:
        self.fd = fd
        self.size = size
        self.closed = closed
        self.damaged: int | None = None
        """Offset of a byte that is damaged; nothing is checked when there is none."""

    def check(self, start: int, end: int) -> int:
        """Up to a million bytes at once."""
        assert self.damaged is not None
        assert threading.current_thread() is not threading.main_thread()
        checked = min(end, start + 1_000_000)
        if start <= self.damaged < checked:
            raise S3Error("InternalError", "damaged")
        return checked

    def now(self) -> None:
        return None

    def pieces(self) -> Iterator[Piece]:
        first, second = 5, SIZE // 2
        check = None if self.damaged is None else self.check
        yield Piece(self.fd, 0, first, check)
        yield Piece(self.fd, first, second, check)
        yield Piece(self.fd, first + second, self.size - first - second, check)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("a file must not pass through Python")
        yield b""

    async def aclose(self) -> None:
        os.close(self.fd)
        self.closed.set()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return Shelf(path)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Coroutine[Any, Any, None]], None]]:
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield runner.run


def test_all_pieces_arrive_in_order(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            for _ in range(2):
                answer = await wire.ask(endpoint.request("GET", "/bucket/k"))
                assert answer.body == shelf.path.read_bytes()
            await endpoint.server.stop(5)
            assert endpoint.server.counters_by_name()["sent"] > 2 * SIZE

    run(main())
    assert shelf.closed.is_set()


@pytest.mark.finding("S10")
def test_damage_before_the_head_is_an_error_and_the_connection_goes_on(
    shelf: Shelf, run: Callable
) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            for _ in range(2):
                answer = await wire.ask(endpoint.request("GET", "/bucket/damaged-3"))
                assert (answer.status, b"<Code>InternalError" in answer.body) == (500, True)
            assert len((await wire.ask(endpoint.request("GET", "/bucket/k"))).body) == SIZE

    run(main())


@pytest.mark.finding("S10")
@pytest.mark.parametrize("at", [5, 2_000_005, SIZE - 1])
def test_damage_behind_the_head_breaks_the_answer_off(shelf: Shelf, run: Callable, at: int) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint:
            reader, writer = await asyncio.open_connection(*endpoint.address)
            writer.write(endpoint.request("GET", f"/bucket/damaged-{at}"))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            got = bytearray()
            with suppress(ConnectionError):
                while data := await reader.read(1 << 20):
                    got += data
            assert len(got) <= at
            assert bytes(got) == shelf.path.read_bytes()[: len(got)]
            writer.close()

    run(main())


@pytest.mark.finding("S10")
def test_what_is_checked_on_the_way_arrives_whole(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            answer = await wire.ask(endpoint.request("GET", f"/bucket/damaged-{2 * SIZE}"))
            assert answer.body == shelf.path.read_bytes()

    run(main())


def test_a_pipelined_answer_before_it_comes_first(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            wire.send(endpoint.request("DELETE", "/bucket/k"), endpoint.request("GET", "/bucket/k"))
            assert (await wire.answer()).status == 501
            assert len((await wire.answer()).body) == SIZE

    run(main())


def test_slow_clients_do_not_hold_the_threads(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint:
            stalled = []
            for _ in range(12):
                reader, writer = await asyncio.open_connection(*endpoint.address, limit=4096)
                writer.write(endpoint.request("GET", "/bucket/k"))
                await reader.readuntil(b"\r\n\r\n")
                stalled.append(writer)
            async with endpoint.wire() as quick:
                assert len((await quick.ask(endpoint.request("GET", "/bucket/k"))).body) == SIZE
            for writer in stalled:
                writer.transport.abort()

    run(main())


def test_a_client_that_is_always_late_gets_all(
    shelf: Shelf, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendfile, "_PATIENCE", 0)

    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            answer = await wire.ask(endpoint.request("GET", "/bucket/k"))
            assert answer.body == shelf.path.read_bytes()

    run(main())


def test_a_client_that_takes_nothing_is_given_up(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf, Limits(write=0.1, write_pause=0.1)) as endpoint:
            _, writer = await asyncio.open_connection(*endpoint.address, limit=4096)
            writer.write(endpoint.request("GET", "/bucket/k"))
            await asyncio.to_thread(shelf.closed.wait, 5)
            writer.close()

    run(main())
    assert shelf.closed.is_set()


def test_a_download_may_stand_still_for_a_while(shelf: Shelf, run: Callable) -> None:
    """For longer than a client that has taken nothing yet."""

    async def main() -> None:
        async with opened(shelf, Limits(write=0.1)) as endpoint:
            with closing(socket.create_connection(endpoint.address)) as sock:
                sock.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, endpoint.request("GET", "/bucket/k"))
                await asyncio.sleep(0.3)
                received = 0
                while received < SIZE:
                    data = await loop.sock_recv(sock, 1 << 20)
                    assert data, received
                    received += len(data)

    run(main())


def test_a_client_that_takes_less_than_the_rate_is_given_up(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf, Limits(write=0.1, write_rate=1e9)) as endpoint:
            _, writer = await asyncio.open_connection(*endpoint.address, limit=4096)
            writer.write(endpoint.request("GET", "/bucket/k"))
            await asyncio.to_thread(shelf.closed.wait, 5)
            writer.close()

    run(main())
    assert shelf.closed.is_set()


def test_a_client_that_leaves_leaves_nothing_behind(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint:
            reader, writer = await asyncio.open_connection(*endpoint.address, limit=4096)
            writer.write(endpoint.request("GET", "/bucket/k"))
            await reader.readuntil(b"\r\n\r\n")
            before = len(os.listdir("/proc/self/fd"))
            writer.transport.abort()
            await asyncio.to_thread(shelf.closed.wait, 5)
            await endpoint.server.stop(5)
            assert endpoint.server.counters_by_name()["connections"] == 0
            assert len(os.listdir("/proc/self/fd")) < before

    run(main())


def test_a_stop_cuts_a_sending(shelf: Shelf, run: Callable) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint:
            reader, writer = await asyncio.open_connection(*endpoint.address, limit=4096)
            writer.write(endpoint.request("GET", "/bucket/k"))
            await reader.readuntil(b"\r\n\r\n")
            await endpoint.server.stop(0)
            assert shelf.closed.is_set()
            writer.close()

    run(main())


def test_a_file_that_is_too_short_breaks_the_answer_off(
    shelf: Shelf, run: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with opened(shelf) as endpoint, endpoint.wire() as wire:
            wire.send(endpoint.request("GET", "/bucket/broken"))
            with pytest.raises((EOFError, ConnectionError)):
                await wire.answer()

    run(main())
    assert len(caplog.records) == 1
    assert shelf.closed.is_set()
