"""What the gateway costs: figures to be read, and goals that need no quiet machine."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway
from tests.peers.servers import Peer

DATA = os.urandom(4_096)
WRITES = 3_000
WARM = 300
AT_ONCE = 16
READS = 300
TICKS = os.sysconf("SC_CLK_TCK")


class Wire:
    """One connection; requests are signed before the clock starts."""

    def __init__(self, endpoint: str, key: tuple[str, str]) -> None:
        self._host = urlsplit(endpoint).netloc
        self._signer = Signer(*key, "us-east-1")
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, paths: list[str], data: bytes = b"") -> list[float]:
        """Seconds that each took."""
        payload, now = hashlib.sha256(data).hexdigest(), time.time()
        signed = []
        for path in paths:
            wire = WireRequest(method, path, "", (("host", self._host),))
            signed.append((path, sign(wire, payload, self._signer, now)))
        return [self._one(method, path, headers, data) for path, headers in signed]

    def _one(self, method: str, path: str, headers: dict[str, str], data: bytes) -> float:
        begun = time.perf_counter()
        self._connection.request(method, path, data or None, headers)
        with self._connection.getresponse() as answer:
            answer.read()
            assert answer.status == 200, path
        return time.perf_counter() - begun


def cpu_of(agent: AgentProcess) -> float:
    """Seconds, all threads."""
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def keys(bucket: str, name: str, count: int) -> list[str]:
    return [f"/{bucket}/{name}/{number:06d}" for number in range(count)]


def cost_of_puts(agent: AgentProcess, bucket: str) -> float:
    """Microseconds of the agent's CPU a PUT."""
    with closing(Wire(agent.endpoint, agent.key)) as wire:
        wire.ask("PUT", keys(bucket, "warm", WARM), DATA)
        before = cpu_of(agent)
        wire.ask("PUT", keys(bucket, "cost", WRITES), DATA)
        return (cpu_of(agent) - before) / WRITES * 1e6


def p99(agent: AgentProcess, bucket: str, is_over: Callable[[], bool]) -> float:
    """Milliseconds, of reads that go to the remote, until READS of them or the end."""
    took: list[float] = []
    with closing(Wire(agent.endpoint, agent.key)) as wire:
        while len(took) < READS and not is_over():
            took += wire.ask("GET", [f"/{bucket}/read"] * 10)
    return sorted(took)[int(len(took) * 0.99)] * 1e3


async def push_with_aioboto3(peer: Peer, bucket: str, count: int) -> float:
    """Seconds."""
    import aioboto3

    session = aioboto3.Session(peer.access_key, peer.secret_key, region_name=peer.region)
    names: Iterator[int] = iter(range(count))
    async with session.client("s3", endpoint_url=peer.endpoint) as client:

        async def work() -> None:
            for number in names:
                await client.put_object(Bucket=bucket, Key=f"boto/{number:06d}", Body=DATA)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(work())
        return time.perf_counter() - begun


@pytest.mark.torture
def test_acknowledging_costs_at_most_twice_what_the_embedded_store_does(
    gateway: Gateway, new_bucket: str, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    embedded = start_agent("--bucket", new_bucket, home=tmp_path / "embedded")
    alone = cost_of_puts(embedded, new_bucket)
    agent = gateway.start()
    gateway.queue.pause()
    queued = cost_of_puts(agent, new_bucket)
    print(f"CPU of a PUT of 4 KiB: embedded {alone:.0f} us, gateway {queued:.0f} us")
    assert queued <= 2 * alone


@pytest.mark.torture
def test_pushing_is_three_times_as_fast_as_aioboto3(
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
    new_bucket: str,
    remote: Any,
    tmp_path: Path,
) -> None:
    gateway = Gateway(start_agent, seaweedfs, tmp_path / "home")  # A proxy would cost most.
    agent = gateway.start()
    remote.put_object(Bucket=new_bucket, Key="read", Body=DATA)
    quiet = p99(agent, new_bucket, lambda: False)
    boto = asyncio.run(push_with_aioboto3(seaweedfs, new_bucket, WRITES))
    busy, took = [], []
    for part in ("alone", "meanwhile"):
        gateway.queue.pause()
        with closing(Wire(agent.endpoint, agent.key)) as wire:
            wire.ask("PUT", keys(new_bucket, part, WRITES), DATA)
        begun = time.perf_counter()
        gateway.queue.resume()
        if part == "meanwhile":
            busy.append(p99(agent, new_bucket, lambda: not gateway.queue.status().left.files))
        gateway.drain()
        took.append(time.perf_counter() - begun)
    print(
        f"pushes a second: {WRITES / took[0]:.0f}, with reads meanwhile {WRITES / took[1]:.0f}, "
        f"aioboto3 {WRITES / boto:.0f}; GET p99 {quiet:.1f} ms, while pushing {busy[0]:.1f} ms"
    )
    assert took[0] * 3 <= boto
