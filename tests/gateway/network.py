"""The network between a gateway and its remote, which tests take away and bring back.

A FaultyProxy in a thread with a loop of its own, for tests that drive blocking clients.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self, TypeVar

from tests.peers.proxy import Exchange, FaultyProxy, Partition
from tests.peers.servers import Peer

PATIENCE = 30.0
"""Seconds that the proxy's loop may take for anything."""

T = TypeVar("T")


class Network:
    """`with Network(peer) as network`: give network.peer to the gateway as its remote."""

    def __init__(self, upstream: Peer, seed: int = 0) -> None:
        self._proxy = FaultyProxy(upstream, seed)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop = self._ready.result(PATIENCE)
        return self

    def __exit__(self, *exc: object) -> None:
        self.do(lambda proxy: self._ended.set())
        self._thread.join(PATIENCE)

    @property
    def peer(self) -> Peer:
        return self._proxy.peer

    @property
    def is_away(self) -> bool:
        return self._proxy.partition is not None

    def go_away(self, partition: Partition = Partition.REFUSED) -> None:
        """Everything that is under way dies with it."""
        self.do(lambda proxy: proxy.cut(partition))

    def come_back(self) -> None:
        """Whole: without any fault."""
        self.do(lambda proxy: proxy.heal())

    def take_seen(self) -> list[Exchange]:
        """The exchanges since the last call, oldest first."""

        def take(proxy: FaultyProxy) -> list[Exchange]:
            seen, proxy.seen = proxy.seen, []
            return seen

        return self.do(take)

    def do(self, deed: Callable[[FaultyProxy], T]) -> T:
        """Run it on the proxy's loop."""

        async def run() -> T:
            return deed(self._proxy)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        try:
            async with self._proxy:
                self._ready.set_result(asyncio.get_running_loop())
                await self._ended.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
