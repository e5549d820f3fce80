"""Files of 300 MiB before SeaweedFS: kill -9 in the middle, and only what was on its way again."""

from __future__ import annotations

import filecmp
import itertools
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.transfer_client import TransferClient
from s3d.shared.transfers import Transfer, TransferRequest
from tests.agent_process import AgentProcess
from tests.gateway.network import Network
from tests.peers.proxy import PASS, Head

PART = 5 << 20
PARTS = 60
SIZE = PARTS * PART
IN_FLIGHT = 4
PATIENCE = 180.0
"""Seconds for what takes ten on a machine that does nothing else."""
ENV = {"S3D_PART_SIZE": "5MiB", "S3D_FLUSH_TIMEOUT": "0", "S3D_WRITE_QUEUE": "false"}
KILL_AT = 25
"""The request for a part in whose middle the agent dies."""


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Every tenth part has some data, and then a hole: the file costs little disk and CPU."""
    path = tmp_path / "film.mkv"
    with open(path, "wb") as file:
        file.truncate(SIZE)
        for number in range(0, PARTS, 10):
            file.seek(number * PART)
            file.write(b"part %d " % number * 100)
    return path


def is_sent_part(head: Head) -> bool:
    return head.method == "PUT" and "partNumber=" in head.target


def is_read_part(head: Head) -> bool:
    return head.method == "GET" and head["range"] != ""


def kill_at(network: Network, agent: AgentProcess, when: Callable[[Head], bool]) -> None:
    """Kill the agent as soon as its remote gets the request of this kind with number KILL_AT."""
    count = itertools.count(1)

    def matches(head: Head) -> bool:
        if when(head) and next(count) == KILL_AT:
            os.kill(agent.process.pid, signal.SIGKILL)
        return False

    network.do(lambda proxy: proxy.inject(PASS, times=math.inf, when=matches))


def parts_seen(network: Network, when: Callable[[Head], bool], name: str) -> Counter[str]:
    """How often each part has passed the network."""
    heads = [exchange.head for exchange in network.take_seen() if when(exchange.head)]
    return Counter(head["range"] if name == "range" else head.target for head in heads)


def finish(client: TransferClient, id: str) -> Transfer:
    end = time.monotonic() + PATIENCE
    while (transfer := client.get(id, wait="10")).state in ("waiting", "running"):
        assert time.monotonic() < end, transfer
    return transfer


def interrupted(
    gateway: Any, network: Network, when: Callable[[Head], bool], request: TransferRequest
) -> Transfer:
    """The transfer, whose agent was killed once and started again."""
    agent = gateway.start(**ENV)
    network.take_seen()
    kill_at(network, agent, when)
    (transfer,) = TransferClient(agent.client).start(request)
    assert agent.process.wait(PATIENCE) == -signal.SIGKILL
    network.come_back()
    return finish(TransferClient(gateway.start(**ENV).client), transfer.id)


@pytest.mark.slow
def test_a_transfer_that_is_killed_moves_each_part_once(
    gateway, network, remote, new_bucket, film, tmp_path
):
    upload = TransferRequest("upload", new_bucket, paths=[str(film)])
    assert interrupted(gateway, network, is_sent_part, upload).state == "done"
    seen = parts_seen(network, is_sent_part, "target")
    assert len(seen) == PARTS
    assert seen.total() <= PARTS + IN_FLIGHT
    head = remote.head_object(Bucket=new_bucket, Key="film.mkv")
    assert (head["ContentLength"], head["ETag"][-4:]) == (SIZE, f'-{PARTS}"')
    assert remote.list_multipart_uploads(Bucket=new_bucket).get("Uploads", []) == []
    gateway.agent.stop()

    down = tmp_path / "down"
    download = TransferRequest("download", new_bucket, keys=["film.mkv"], to_path=str(down))
    assert interrupted(gateway, network, is_read_part, download).state == "done"
    seen = parts_seen(network, is_read_part, "range")
    assert len(seen) == PARTS
    assert seen.total() <= PARTS + IN_FLIGHT
    assert os.listdir(down) == ["film.mkv"]
    assert filecmp.cmp(film, down / "film.mkv", shallow=False)
    assert (down / "film.mkv").stat().st_blocks * 512 <= PARTS * 128 << 10
