"""kill -9 while the read cache evicts: it never has the only copy of a pending write.

The cache has room for a few objects, adopts what was pushed, evicts uploads that have a receipt,
and is emptied now and then, while the remote commits late and loses answers. After each kill the
next agent runs without the remote, and has every pending write whole.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from s3d.cli.client.cache_client import CacheClient
from s3d.shared.errors import S3dError
from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.gateway.test_crash import steps
from tests.peers.proxy import Drop, Fault
from tests.torture.conftest import Campaign
from tests.torture.kill_cycles import KillCycles
from tests.write_load import KEYS, Load, find_allowed

WRITERS = 3
WEATHER = {Fault(late=0.5): 0.1, Fault(drop=Drop.AFTER): 0.05}
SMALL_CACHE = {
    "S3D_READ_CACHE_MAX_FILES": "5",
    "S3D_READ_CACHE_MAX_AGE": "0s",
    "S3D_AFTER_UPLOAD": "evict when verified",
}
POINTS = ("eviction.cache", "receipts.append", "receipts.appended")
"""Failpoints of the eviction, beside those of the queue."""
DRAIN_EACH = 5


class Reader:
    """A thread that reads what is written, and empties the cache, until the agent is gone."""

    def __init__(self, agent: AgentProcess, client: Any, bucket: str, seed: int) -> None:
        self._cache, self._client, self._bucket = CacheClient(agent.client), client, bucket
        self._chance = Random(seed)
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(90)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with suppress(BotoCoreError, S3dError):
            while True:
                key = f"{self._chance.randrange(WRITERS)}/{self._chance.randrange(KEYS)}"
                with suppress(ClientError):  # the key may not exist, or the remote be away
                    self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
                if self._chance.random() < 0.1:
                    self._cache.clear()


class Evictions(KillCycles):
    """Each cycle begins with a start and ends with a kill."""

    def crash(self, chance: Random) -> None:
        self.network.come_back()
        self.network.do(lambda proxy: setattr(proxy, "chaos", WEATHER))
        point = chance.choice((*steps(), *POINTS * 4)) if chance.random() < 0.6 else ""
        failpoint = {"S3D_FAILPOINT": f"{point}:kill"} if point else {}
        agent = self.gateway.start(**self.settings, **failpoint)
        with closing(agent.s3(max_pool_connections=WRITERS + 1)) as client:
            load = Load(client, self.bucket, self.memories, chance.randrange(1 << 30))
            reader = Reader(agent, client, self.bucket, chance.randrange(1 << 30))
            load.start()
            reader.start()
            try:
                load.wait_for(chance.randrange(1, 60))
                if chance.random() < 0.4:
                    self.network.go_away()
                load.wait_for(chance.randrange(60, 120))
            finally:
                agent.kill()
                load.join()
                reader.join()
        assert agent.wait() == -signal.SIGKILL

    def check_without_the_remote(self) -> None:
        self.network.go_away()
        agent = self.gateway.start(**self.settings)
        pending = {each.key for each in self.gateway.queue.transfers()}
        with closing(agent.s3()) as client:
            for number, memory in enumerate(self.memories):
                for key in (f"{number}/{index}" for index in range(KEYS)):
                    if key in pending:
                        memory.find(
                            key, find_allowed(client, self.bucket, key, memory.allowed(key))
                        )
        agent.kill()


@pytest.mark.torture
def test_500_kills_of_a_cache_that_evicts(
    campaign: Callable[[str, int], Campaign],
    gateway: Gateway,
    network: Network,
    remote: Any,
    new_bucket: str,
) -> None:
    """A round is five kills, each with a look without the remote, and one look at everything."""
    run = campaign("cache evictions", 100)
    cycles = Evictions(gateway, network, remote, new_bucket, writers=WRITERS, **SMALL_CACHE)

    def kills(_: int, chance: Random) -> None:
        for _ in range(DRAIN_EACH):
            cycles.crash(chance)
            cycles.check_without_the_remote()

    cycles.play(run, kills)
