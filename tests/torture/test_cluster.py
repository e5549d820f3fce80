"""Three agents in front of a SeaweedFS cluster, one of whose volume servers is killed meanwhile.

Every agent writes its own keys and reads those of the others. After the kill, everything that was
acknowledged before arrives and can be read, and writing goes on.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.agent_process import AgentProcess, launch
from tests.peers.seaweedfs_cluster import seaweedfs_cluster

pytestmark = pytest.mark.torture

AGENTS = 3
WRITES = 60
"""Of each agent, before the kill and after it."""


def write(agent: AgentProcess, name: str, numbers: range) -> dict[str, bytes]:
    s3 = agent.s3()
    objects = {f"{name}/{number:04}": f"{name} {number} ".encode() * 500 for number in numbers}
    for key, data in objects.items():
        s3.put_object(Bucket="shared", Key=key, Body=data)
    return objects


def s3d(agent: AgentProcess, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "s3d", *arguments],
        env=agent.env,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def read(agent: AgentProcess, keys: list[str]) -> dict[str, bytes]:
    s3: Any = agent.s3()
    return {key: s3.get_object(Bucket="shared", Key=key)["Body"].read() for key in keys}


def test_a_volume_server_may_end_under_three_agents(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    with seaweedfs_cluster(tmp_path / "cluster") as cluster:
        peer = cluster.peer
        assert peer.ask("PUT", "/shared") == 200
        env = {
            "S3D_REMOTE": peer.endpoint,
            "AWS_ACCESS_KEY_ID": peer.access_key,
            "AWS_SECRET_ACCESS_KEY": peer.secret_key,
            "AWS_REGION": peer.region,
        }
        agents = [launch(tmp_path / f"agent-{number}", env=env) for number in range(AGENTS)]
        names = [f"agent-{number}" for number in range(AGENTS)]
        written: dict[str, bytes] = {}
        try:
            with ThreadPoolExecutor(AGENTS) as pool:
                before = [
                    pool.submit(write, agent, name, range(WRITES))
                    for agent, name in zip(agents, names, strict=True)
                ]
                before[0].result()  # the others may still be writing
                cluster.kill_volume_server()
                after = [
                    pool.submit(write, agent, name, range(WRITES, 2 * WRITES))
                    for agent, name in zip(agents, names, strict=True)
                ]
                for each in (*before, *after):
                    written |= each.result()
            for agent in agents:
                s3d(agent, "drain", "--timeout", "120s")
            for agent in agents:
                assert read(agent, sorted(written)) == written
        finally:
            for agent in agents:
                agent.kill()
                if agent.process.stdout is not None:
                    agent.process.stdout.close()
    assert len(written) == AGENTS * WRITES * 2
