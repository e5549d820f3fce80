"""kill -9 of a gateway under write load, at random and at each step of the queue.

What was acknowledged is there at once after the restart, and at the remote once the queue is empty;
nothing else is, and writes of a key arrive in their order.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import BotoCoreError

import s3d
from tests.gateway.conftest import Gateway, assert_no_uploads
from tests.gateway.network import Network
from tests.peers.proxy import Exchange
from tests.write_load import NUMBER, Load, Memory, settle

WRITERS = 4
DRAIN_EACH = 4
"""Cycles: between them the queue grows over several crashes."""
AT_RANDOM = ""
_HIT = re.compile(r'failpoint\.hit\("([a-z_.]+)"\)')
_RARE = {"queue.park"}
"""What a remote that refuses nothing never brings about."""


def steps() -> list[str]:
    """The names of the queue's failpoints."""
    folder = Path(s3d.__file__).parent / "agent"
    found = {name for path in folder.rglob("*.py") for name in _HIT.findall(path.read_text())}
    return sorted(name for name in found - _RARE if name.startswith("queue."))


class Campaign:
    """One home and one bucket over many crashes."""

    def __init__(self, gateway: Gateway, network: Network, remote: Any, bucket: str) -> None:
        self._gateway = gateway
        self._network = network
        self._remote = remote
        self._bucket = bucket
        self._seed = random.randrange(1 << 30)
        self._random = random.Random(self._seed)
        self._memories = [Memory() for _ in range(WRITERS)]
        self._pushed: dict[str, int] = {}
        self._seen: list[Exchange] = []
        print(f"seed {self._seed}")

    def run(self, points: Iterable[str]) -> None:
        with self._gateway.explain_failures(self._network, self._seen):
            for cycle, point in enumerate(points):
                print(f"cycle {cycle} {point} {time.monotonic():.3f}")
                self._crash(cycle, point)
                if cycle % DRAIN_EACH == DRAIN_EACH - 1:
                    self._recover()
            self._recover()
            self._gateway.start()
            assert_no_uploads(self._remote, self._bucket)

    def _crash(self, cycle: int, point: str) -> None:
        self._network.come_back()
        agent = self._gateway.start(**({"S3D_FAILPOINT": f"{point}:kill"} if point else {}))
        with closing(agent.s3()) as client:
            load = Load(client, self._bucket, self._memories, self._seed + 1_000 * cycle)
            load.start()
            try:
                if point == AT_RANDOM:
                    load.wait_for(self._random.randrange(1, 50))
                    if self._random.random() < 0.5:
                        self._network.go_away()
                    load.wait_for(self._random.randrange(50, 100))
                    agent.kill()
            finally:
                load.join()
        assert agent.wait() == -signal.SIGKILL
        # No connection, no answer, or half of one; but never an answer that says no.
        assert all(isinstance(error, BotoCoreError) for error in load.ended), load.ended

    def _recover(self) -> None:
        agent = self._gateway.start()
        with closing(agent.s3()) as client:
            self._network.come_back()
            settle(client, self._bucket, self._memories)
        self._gateway.drain()
        self._gateway.check_no_conflicts()
        settle(self._remote, self._bucket, self._memories)
        seen = self._network.take_seen()
        self._seen += seen
        for exchange in seen:
            number = int(exchange.head[f"x-amz-meta-{NUMBER}"] or 0)
            if number and _is_write(exchange):
                key = unquote(exchange.head.target.partition("?")[0])
                assert self._pushed.get(key, 0) <= number, f"{key} goes back to {number}"
                self._pushed[key] = number
        agent.kill()


def _is_write(exchange: Exchange) -> bool:
    return exchange.head.method == "PUT" or exchange.head.target.endswith("?uploads")


def at_random(count: int) -> list[str]:
    return [AT_RANDOM] * count


@pytest.fixture
def campaign(gateway: Gateway, network: Network, remote: Any, new_bucket: str) -> Campaign:
    return Campaign(gateway, network, remote, new_bucket)


@pytest.mark.slow
def test_20_crashes_lose_tear_and_turn_nothing(campaign):
    points = random.sample(steps(), 10)
    campaign.run([*points[:5], *at_random(5), *points[5:], *at_random(5)])


@pytest.mark.torture
@pytest.mark.parametrize("share", range(4))
def test_200_crashes_lose_tear_and_turn_nothing(campaign, share):
    points = [*steps(), *at_random(50 - len(steps()))]
    random.shuffle(points)
    campaign.run(points)
