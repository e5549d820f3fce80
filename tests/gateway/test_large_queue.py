"""A queue of 100,000 writes: the agent is ready soon, and small."""

from __future__ import annotations

import asyncio
import re
import resource
import time
from pathlib import Path

import pytest

from s3d.agent.app.embedded import open_index, open_store
from s3d.agent.core.events import Events
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places
from tests.agent_process import AgentProcess, environment
from tests.contract.client import Client
from tests.drained import PATIENCE
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network

WRITES = 100_000
AT_ONCE = 500
READY_CPU = 3.0
"""Seconds of CPU until the agent serves; on a machine that is not busy, of the clock."""
MAX_RSS = 100 << 20
SOME = 500
"""Writes that are pushed before the memory is measured again."""


async def fill(folder: Path, bucket: str) -> None:
    """Accept so many small writes, as the gateway does, but without HTTP and without a remote."""
    index = open_index(folder, tables=journal_rows.TABLES)
    try:
        journal = await Journal.open(index, Events())
        staged = Client(open_store(index, folder, on_change=journal.recorder.record).local)
        await staged("CreateBucket", Bucket=bucket)
        for first in range(0, WRITES, AT_ONCE):
            async with asyncio.TaskGroup() as tasks:
                for number in range(first, first + AT_ONCE):
                    key = f"folder-{number % 100}/a-name-of-some-length-{number:07d}.txt"
                    tasks.create_task(staged.put(bucket, key, b"%d" % number))
    finally:
        index.close()


def cpu_of(agent: AgentProcess) -> float:
    """Seconds, all threads, since the process began."""
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_of(agent: AgentProcess) -> int:
    """Bytes, at its peak."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) * 1024


def pushed(gateway: Gateway, count: int) -> None:
    """Wait until the remote has so many of the writes."""
    end = time.monotonic() + PATIENCE
    while gateway.queue.drain(1.0, hurry=True).left.files > WRITES - count:
        assert time.monotonic() < end, gateway.queue.status()


@pytest.mark.torture
async def test_an_agent_with_100000_pending_writes_is_ready_soon_and_small(
    gateway: Gateway, network: Network, new_bucket: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environ = environment(home)
    places = find_places(load_config(None, environ, {}), environ)
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    await fill(places.write_queue_dir, new_bucket)
    print(f"filled in {resource.getrusage(resource.RUSAGE_SELF).ru_utime - begun:.0f} s of CPU")
    network.go_away()
    started = time.monotonic()
    agent = await asyncio.to_thread(gateway.start)
    ready, cpu = time.monotonic() - started, cpu_of(agent)
    status = await asyncio.to_thread(gateway.queue.status)
    print(f"ready after {ready:.1f} s, {cpu:.1f} s of CPU; RSS {rss_of(agent) >> 20} MiB")
    assert status.left.files == WRITES
    assert cpu < READY_CPU
    assert rss_of(agent) < MAX_RSS
    network.come_back()
    await asyncio.to_thread(pushed, gateway, SOME)
    print(f"after {SOME} pushes: RSS {rss_of(agent) >> 20} MiB")
    assert rss_of(agent) < MAX_RSS
