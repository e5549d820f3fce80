"""Two agents that sync one bucket, people at both, and a third writer who knows no s3d.

Agents are killed at any step and answers of the remote are lost. After each round both folders and
the bucket hold the same, and every version that nobody has replaced or deleted knowingly is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.gateway.devices import (  # noqa: F401 - fixtures
    Device,
    devices,
    make_device,
    objects,
    sync_bucket,
)
from tests.gateway.network import Network
from tests.gateway.test_sync import edit, kill, settle_anyhow
from tests.peers.proxy import Drop, Fault
from tests.torture.conftest import Campaign

PATHS = ("a", "b", "c", "d/e", "d/f")
WEATHER = {Fault(drop=Drop.AFTER): 0.03, Fault(drop=Drop.BEFORE): 0.03}
"""Requests that are lost before or after the remote has carried them out."""


class Others:
    """The third writer. Conditional requests, so that nothing is replaced that was not seen."""

    def __init__(self, remote: Any, bucket: str, wanted: set[str]) -> None:
        self._remote, self._bucket, self._wanted = remote, bucket, wanted

    def write(self, chance: Random, value: str) -> None:
        key = chance.choice(PATHS)
        place = {"Bucket": self._bucket, "Key": key}
        seen, condition = b"", {"IfNoneMatch": "*"}
        with suppress(ClientError):
            found = self._remote.get_object(**place)
            seen, condition = found["Body"].read(), {"IfMatch": found["ETag"]}
        data = b"" if seen and chance.random() < 0.3 else value.encode()
        try:
            if data:
                self._remote.put_object(**place, Body=data, **condition)
            else:
                self._remote.delete_object(**place, **condition)
        except ClientError:
            return  # an agent was quicker
        self._wanted.discard(_hash(seen))
        if data:
            self._wanted.add(_hash(data))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class World:
    def __init__(self, both: list[Device], network: Network, remote: Any, bucket: str) -> None:
        self._devices, self._network = both, network
        self._remote, self._bucket = remote, bucket
        self._ledger: dict[str, set[str]] = {"all": set()}
        self._others = Others(remote, bucket, self._ledger["all"])

    def play(self, number: int, chance: Random) -> None:
        weather = WEATHER if chance.random() < 0.5 else {}
        self._network.do(lambda proxy: setattr(proxy, "chaos", weather))
        for device in self._devices:
            for _ in range(chance.randrange(1, 5)):
                edit(device, chance, f"{number}-{chance.random()}", self._ledger)
        for _ in range(chance.randrange(3)):
            self._others.write(chance, f"{number}-other-{chance.random()}")
        if chance.random() < 0.5:
            victim = chance.choice(self._devices)
            kill(victim, chance)
            edit(victim, chance, f"{number}-dead-{chance.random()}", self._ledger)
            self._others.write(chance, f"{number}-meanwhile-{chance.random()}")
            victim.start()
        self._network.do(lambda proxy: setattr(proxy, "chaos", {}))

    def check(self) -> str:
        """What is wrong now; "" for nothing."""
        a, b = self._devices
        for _ in range(4):
            settle_anyhow(a, b, a, b)
            trees = [a.tree(), b.tree(), objects(self._remote, self._bucket)]
            if trees[0] == trees[1] == trees[2]:
                break
        else:
            return f"they do not become the same: {trees}"
        lost = self._ledger["all"] - {_hash(data) for data in trees[0].values()}
        self._ledger["all"] -= lost  # told once
        return f"lost: {sorted(lost)}" if lost else ""


@pytest.mark.torture
@pytest.mark.finding("S1")
def test_two_agents_and_a_third_writer_lose_nothing(
    campaign: Callable[[str, int], Campaign],
    devices: list[Device],  # noqa: F811
    network: Network,
    remote: Any,
    sync_bucket: str,  # noqa: F811
) -> None:
    found = campaign("devices", 200)
    world = World(devices, network, remote, sync_bucket)
    for number, chance in found.rounds():
        world.play(number, chance)
        why = world.check()
        if why:
            found.failed(number, why)
        else:
            found.passed(number)
