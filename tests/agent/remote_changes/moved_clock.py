"""A Clock that a test moves: sleepers wake when their time has come."""

from __future__ import annotations

import asyncio

from s3d.agent.core.clock import Clock


class MovedClock:
    """`clock.value` is the Clock; `clock.forward(5.0)` lets time pass."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._slept = asyncio.Event()
        self.value = Clock(now=lambda: self.now, steady=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        self._slept.set()
        await woken

    @property
    def sleeping(self) -> int:
        """How many sleep now."""
        return sum(not woken.done() for _, woken in self._sleepers)

    @property
    def next_wake(self) -> float:
        """When the next sleeper wakes."""
        return min(until for until, woken in self._sleepers if not woken.done())

    async def until_sleeping(self, number: int = 1) -> None:
        """Wait until so many sleep."""
        while self.sleeping < number:
            self._slept.clear()
            await self._slept.wait()

    def forward(self, seconds: float) -> None:
        """Let time pass, and wake who has slept long enough."""
        self.now += seconds
        for until, woken in self._sleepers:
            if until <= self.now and not woken.done():
                woken.set_result(None)
        self._sleepers = [each for each in self._sleepers if not each[1].done()]
