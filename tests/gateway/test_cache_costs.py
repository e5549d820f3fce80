"""What a read from the cache costs: figures to be read, and goals that need no quiet machine."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway
from tests.gateway.test_costs import DATA, TICKS, Wire, cpu_of, keys
from tests.peers.servers import Peer, free_ports, program

KEYS = 500
ROUNDS_OF_KEYS = 10
LARGE = 64 << 20
ROUNDS = 5


def cost_of_gets(wire: Wire, bucket: str, cpu: Callable[[], float]) -> float:
    """Microseconds of CPU a GET, of many objects that have all been read before."""
    paths = keys(bucket, "small", KEYS)
    wire.ask("GET", paths * 2)
    before = cpu()
    wire.ask("GET", paths * ROUNDS_OF_KEYS)
    return (cpu() - before) / (KEYS * ROUNDS_OF_KEYS) * 1e6


def rate_of(peer: Peer, path: str) -> float:
    """MB a second, of the best of some reads of a large object, by a client that only receives."""
    took = []
    buffer = bytearray(1 << 20)
    for _ in range(ROUNDS + 1):
        headers: dict[str, str] = {}
        peer.sign("GET", peer.endpoint + path, headers)
        with closing(http.client.HTTPConnection(urlsplit(peer.endpoint).netloc)) as connection:
            begun = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            left = LARGE
            while left:
                left -= answer.readinto(buffer)
            took.append(time.perf_counter() - begun)
    return LARGE / min(took[1:]) / 1e6


def wire_to(peer: Peer) -> Wire:
    return Wire(peer.endpoint, (peer.access_key, peer.secret_key))


@pytest.mark.torture
def test_a_cached_get_costs_little_more_than_one_of_the_embedded_store(
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
    new_bucket: str,
    remote: Any,
    tmp_path: Path,
) -> None:
    with closing(wire_to(seaweedfs)) as wire:
        wire.ask("PUT", keys(new_bucket, "small", KEYS), DATA)
    remote.put_object(Bucket=new_bucket, Key="large", Body=os.urandom(LARGE))
    embedded = start_agent("--bucket", new_bucket, home=tmp_path / "embedded")
    agent = Gateway(start_agent, seaweedfs, tmp_path / "home").start(S3D_READ_CACHE_MAX_AGE="1h")
    with closing(Wire(embedded.endpoint, embedded.key)) as wire:
        wire.ask("PUT", keys(new_bucket, "small", KEYS), DATA)
        alone = cost_of_gets(wire, new_bucket, lambda: cpu_of(embedded))
    with closing(Wire(agent.endpoint, agent.key)) as wire:
        cached = cost_of_gets(wire, new_bucket, lambda: cpu_of(agent))
    rate = rate_of(Peer("s3d", agent.endpoint, *agent.key), f"/{new_bucket}/large")
    direct = rate_of(seaweedfs, f"/{new_bucket}/large")
    rclone = cost_of_rclone(seaweedfs, new_bucket, tmp_path)
    print(
        f"CPU of a cached GET of 4 KiB: {cached:.0f} us; of the embedded store {alone:.0f} us; "
        f"of rclone serve s3 --vfs-cache-mode full {rclone:.0f} us. "
        f"64 MiB: cached {rate:.0f} MB/s, SeaweedFS {direct:.0f} MB/s"
    )
    assert cached <= 1.5 * alone
    assert cached <= 0.5 * rclone
    assert rate >= 1.5 * direct


def cost_of_rclone(peer: Peer, bucket: str, folder: Path) -> float:
    """Microseconds of CPU a cached GET, of rclone in front of the same server."""
    (port,) = free_ports(1)
    key = ("frontkey1234567", "frontsecret1234567")
    config = folder / "rclone.conf"
    config.write_text(
        f"[w]\ntype = s3\nprovider = Other\nendpoint = {peer.endpoint}\n"
        f"access_key_id = {peer.access_key}\nsecret_access_key = {peer.secret_key}\n"
        f"region = {peer.region}\n"
    )
    command = [
        str(program("rclone")), "serve", "s3", "w:", "--addr", f"127.0.0.1:{port}",
        "--auth-key", ",".join(key), "--vfs-cache-mode", "full",
        "--cache-dir", str(folder / "vfs"), "--config", str(config),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            with closing(Wire(f"http://127.0.0.1:{port}", key)) as wire:
                wait_for(wire, f"/{bucket}/small/000000")
                return cost_of_gets(wire, bucket, lambda: ticks_of(process.pid))
        finally:
            process.kill()


def wait_for(wire: Wire, path: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            wire.ask("GET", [path])
        except ConnectionError:
            assert time.monotonic() < end
            wire.close()
        else:
            return


def ticks_of(pid: int) -> float:
    """Seconds of CPU of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
