"""How long a write takes from the remote to another device, and what an idle day costs.

The time is the test's own: it goes on only while every agent sleeps, so a busy machine changes
nothing. Whole agents, with the time of the machine: tests/torture/test_seconds.py.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from s3d.agent.remote_changes.poll_costs import ACTIVE_FOR, LISTING_INTERVAL, PAGE
from tests.agent.remote_changes.test_change_sources import Device, running

TURNS = 20
"""Of the loop, in which an agent that was woken begins its work."""
HOUR = 3600


class Time:
    """Lets time pass for some devices."""

    def __init__(self, clock, *devices):
        self._clock, self._devices = clock, devices

    async def settle(self):
        """Return when every agent sleeps."""
        async with asyncio.timeout(60):
            await self._turns()
            await self._clock.until_sleeping(len(self._devices))
            await self._turns()

    async def _turns(self):
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def pass_by(self, seconds):
        """From one wake-up to the next."""
        end = self._clock.now + seconds
        while self._clock.now < end:
            await self.settle()
            self._clock.forward(min(self._clock.next_wake, end) - self._clock.now)
        await self.settle()

    async def jump(self, seconds):
        """In one step, in which each agent wakes once."""
        await self.settle()
        self._clock.forward(seconds)
        await self.settle()

    async def until_hint(self, device, key):
        """How many seconds pass."""
        began = self._clock.now
        await self.settle()
        while key not in {hint.key for hint in device.listener.hints}:
            assert self._clock.now - began < 1_000
            await self.pass_by(self._clock.next_wake - self._clock.now)
        return self._clock.now - began


def p95(values):
    return sorted(values)[int(len(values) * 0.95)]


@pytest.fixture
async def devices(remote, clock):
    a, b = Device(remote, clock), Device(remote, clock)
    async with running(a, b):
        time = Time(clock, a, b)
        await time.settle()
        a.write("p/first")
        await time.until_hint(b, "p/first")
        yield a, b, time


async def test_a_change_is_seen_within_seconds_and_after_a_quiet_hour_within_a_minute(devices):
    a, b, time = devices
    chance, active, quiet = random.Random(1), [], []
    for burst in range(19):
        keys = [f"p/{burst}/{number}" for number in range(10)]
        for key in keys:
            a.write(key)
        active += [await time.until_hint(b, key) for key in keys]
        await time.pass_by(chance.uniform(0, 20))
    for number in range(10):
        await time.jump(ACTIVE_FOR + chance.uniform(1, 60))
        await time.pass_by(chance.uniform(60, 120))
        a.write(f"p/quiet {number}")
        quiet.append(await time.until_hint(b, f"p/quiet {number}"))
    assert p95(active) < 7.0, "one second more is left for both ends"
    assert p95(quiet) < 64.0
    assert p95(quiet) > 8.0, "the hour was quiet"


async def test_an_idle_day_of_ten_thousand_objects_takes_few_requests(devices, remote):
    _, _, time = devices
    polls = []
    for _ in range(2):
        remote.requests.clear()
        await time.pass_by(HOUR)
        polls.append(remote.requests.total() / 2)
    first, following = polls
    listings = 24 * HOUR / LISTING_INTERVAL * (10_000 / PAGE)
    assert following < first / 10
    assert 1_000 < first + 23 * following + listings <= 20_000
