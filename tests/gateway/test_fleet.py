"""Several agents of a fleet take a changed document, and go on with the last good one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from s3d.shared.fleet import FleetList
from tests.agent_process import AgentProcess
from tests.gateway.conftest import remote_settings
from tests.peers.servers import Peer

PATIENCE = 60.0
"""Seconds within which every device has a change."""
LOOK_EVERY = 0.1
QUICK = "tests.gateway.quick_fleet"
"""Runs an agent that looks for changes each second."""


class Devices:
    """Agents with one document, in homes of their own."""

    def __init__(self, agents: Sequence[AgentProcess], remote: Any, bucket: str) -> None:
        self.agents, self._remote, self._bucket = agents, remote, bucket

    def publish(self, text: str) -> None:
        self._remote.put_object(Bucket=self._bucket, Key="conf/s3d.toml", Body=text.encode())

    def wait(self, holds: Callable[[AgentProcess], bool]) -> float:
        """Until it holds for every device; the seconds that this took."""
        begun, missing, pulse = time.monotonic(), list(self.agents), threading.Event()
        while missing := [each for each in missing if not holds(each)]:
            assert time.monotonic() < begun + PATIENCE, [each.home.name for each in missing]
            pulse.wait(LOOK_EVERY)
        return time.monotonic() - begun


def launch_fleet(
    start_agent: Callable[..., AgentProcess], peer: Peer, bucket: str, folder: Path, *,
    count: int, module: str,
) -> list[AgentProcess]:  # fmt: skip
    def start(number: int) -> AgentProcess:
        env = {"S3D_CONFIG_URL": f"s3://{bucket}/conf/s3d.toml", "S3D_DEVICE": f"camera-{number}"}
        settings = {**remote_settings(peer), **env}
        return start_agent(home=folder / f"camera-{number}", env=settings, module=module)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(start, range(count)))


def files_limit(agent: AgentProcess) -> int:
    queue = agent.client.status().queue
    assert queue is not None
    return queue.limits.max_files


def warns_of(agent: AgentProcess, word: str) -> bool:
    return any(word in each for each in agent.client.status().warnings)


def drill(devices: Devices, bucket: str) -> None:
    """The document changes, is broken, and is mended."""
    devices.wait(lambda agent: files_limit(agent) == 7)
    devices.publish('[write_queue]\nmax_files = 8\n[read_cache]\nfilter = "b/cached/"\n')
    print(f"changed after {devices.wait(lambda agent: files_limit(agent) == 8):.1f} s")

    devices.publish('[write_queue]\nmax_files = 9\n\nremote = "http://192.0.2.1"\n')
    print(f"refused after {devices.wait(lambda agent: warns_of(agent, 'remote')):.1f} s")
    for number, agent in enumerate(devices.agents):
        assert files_limit(agent) == 8, "nothing of a document with a wrong setting applies"
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket=bucket, Key=f"of-{number}", Body=b"data")

    devices.publish("[write_queue]\nmax_files = 10\n")
    devices.wait(lambda agent: files_limit(agent) == 10 and not warns_of(agent, "remote"))

    names = {agent.home.name for agent in devices.agents}
    devices.wait(lambda agent: listed(agent) == names)


def listed(agent: AgentProcess) -> set[str]:
    return {each.name for each in agent.client.request("GET", "/v1/fleet", FleetList).devices}


@pytest.fixture
def document(remote: Any, new_bucket: str) -> str:
    """The name of the bucket with the document of the first start."""
    remote.put_object(
        Bucket=new_bucket, Key="conf/s3d.toml", Body=b"[write_queue]\nmax_files = 7\n"
    )
    return new_bucket


@pytest.mark.slow
def test_three_devices_take_a_change_and_survive_a_broken_document(
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
    remote: Any,
    document: str,
    tmp_path: Path,
) -> None:
    agents = launch_fleet(start_agent, seaweedfs, document, tmp_path, count=3, module=QUICK)
    drill(Devices(agents, remote, document), document)
