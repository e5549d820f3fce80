"""What an S3 client notices of a busy mount, and a program in the mount of a busy write queue.

    S3D_TORTURE_ROUNDS=7 S3D_TORTURE_SECONDS=20 make torture-mount_p99

The client and the programs are processes of their own, and the client has a fixed rate. A program
that is busy in a mount takes CPU itself. On a machine of two cores that alone makes everything
slower, so there is a control: the same program in a folder of the local disk, where it does as much
in a second as it can in the mount, and for the queue, the same pushes by a second agent. What the
control does not explain is the agent's. The rounds have
all three phases in turn; a ratio is the median of the ratios of the rounds.

The limits are asserted where each process can have a core of its own, and nothing else runs. On
other machines the table is all there is.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import AgentProcess, launch
from tests.gateway.conftest import remote_settings
from tests.peers.servers import Peer
from tests.torture.open_loop import RequestPlan
from tests.torture.rival_mounts import cpu_of

pytestmark = [pytest.mark.torture, needs_fuse]

ROUNDS = int(os.environ.get("S3D_TORTURE_ROUNDS", "7"))
SECONDS = float(os.environ.get("S3D_TORTURE_SECONDS", "20"))
"""Of each phase of the first test."""
RATE = 50.0
"""Requests a second."""
OPEN_RATE = 200.0
"""Files that are opened a second."""
SMALL, CACHED, UNPACKED = 4096, 40, 50
PUSHED = int(400 * SECONDS)
"""Objects of SMALL that are pushed while files are opened, for a quarter of SECONDS."""
MAX_CLIENT_RATIO = 1.2
"""What the p99 of an S3 client may rise to under a busy mount."""
MAX_OPEN_RATIO = 2.0
"""What the median of open and read may rise to while the agent pushes."""
CORES = 6
"""The agent, the remote, the client, the busy program, and what belongs to the system."""
CALM = 0.5
"""The load of the machine before the start, at most, for the limits to mean anything."""
PATIENCE = 120.0

Samples = Mapping[str, list[float]]


def is_honest() -> bool:
    return (os.cpu_count() or 1) >= CORES and os.getloadavg()[0] <= CALM


@contextmanager
def agent(peer: Peer, root: Path) -> Iterator[AgentProcess]:
    folder = root / "S3"
    settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder)}
    agent = launch(root, env={**remote_settings(peer), **settings})
    try:
        yield agent
    finally:
        agent.stop()
        clear(folder)


def program(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.torture.open_loop", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen[str]) -> Any:
    output, _ = process.communicate(timeout=PATIENCE + 2 * SECONDS)
    assert process.returncode == 0
    return json.loads(output)


def request_plan(agent: AgentProcess, bucket: str, path: Path, *, puts: int = CACHED) -> Path:
    """Signed requests for cached objects, and for so many new ones."""
    client = agent.s3()

    def signed(operation: str, key: str) -> str:
        members = {"Bucket": bucket, "Key": key}
        url = client.generate_presigned_url(operation, members, ExpiresIn=100_000)
        return str(url).removeprefix(agent.endpoint)

    gets = [signed("get_object", f"cached/{number}") for number in range(CACHED)]
    new = [signed("put_object", f"put/{number}") for number in range(puts)]
    plan = RequestPlan(int(agent.endpoint.rpartition(":")[2]), gets, new, SMALL)
    path.write_text(json.dumps(plan._asdict()))
    return path


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    for number in range(UNPACKED):
        path = tmp_path / "tree" / f"d{number % 5}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SMALL))
    subprocess.run(["tar", "-cf", tmp_path / "tar", "-C", tmp_path / "tree", "."], check=True)
    return tmp_path / "tar"


@pytest.fixture
def bucket(remote: Any, new_bucket: str) -> str:
    for number in range(CACHED):
        remote.put_object(Bucket=new_bucket, Key=f"cached/{number}", Body=os.urandom(SMALL))
    return new_bucket


def p(percent: int, samples: list[float]) -> float:
    """Milliseconds."""
    return 1_000 * statistics.quantiles(samples, n=100)[percent - 1]


class Ratio(NamedTuple):
    """Of which latencies a ratio is."""

    phase: str
    request: str
    percent: int
    base: str
    """Another phase."""


def print_table(
    rounds: list[Mapping[str, Samples]], cpu: Mapping[str, list[float]]
) -> Mapping[Ratio, float]:
    """Print the medians of the rounds; the median ratios of latencies."""
    phases = list(rounds[0])
    ratios: dict[Ratio, float] = {}
    bases = [(percent, base) for percent in (50, 99) for base in phases[:2]]
    titles = [f"p{percent} / {base}" for percent, base in bases]
    print(f"\n| phase | request | p50 ms | p99 ms | {' | '.join(titles)} | CPU of the agent |")
    print("|---" * (5 + len(bases)) + "|")
    for phase in phases:
        for kind in sorted(rounds[0][phase]):
            own = {n: [p(n, each[phase][kind]) for each in rounds] for n in (50, 99)}
            cells = [phase, kind, *(f"{statistics.median(each):.2f}" for each in own.values())]
            for percent, base in bases:
                others = [p(percent, each[base][kind]) for each in rounds]
                found = [a / b for a, b in zip(own[percent], others, strict=True)]
                ratios[Ratio(phase, kind, percent, base)] = statistics.median(found)
                cells.append(f"{statistics.median(found):.2f}")
            cells.append(f"{statistics.median(cpu[phase]):.0%}")
            print(f"| {' | '.join(cells)} |", flush=True)
    return ratios


def measure_rounds(
    phases: Mapping[str, Callable[[], Samples]], agent: AgentProcess
) -> tuple[list[Mapping[str, Samples]], dict[str, list[float]]]:
    """The samples of all rounds, and the share of a core that the agent used in each phase."""
    rounds: list[Mapping[str, Samples]] = []
    cpu: dict[str, list[float]] = {name: [] for name in phases}
    names = list(phases)
    for number in range(ROUNDS):
        taken: dict[str, Samples] = {}
        for name in names[number % 3 :] + names[: number % 3]:
            used, started = sum(map(cpu_of, agent.process_ids)), time.monotonic()
            taken[name] = phases[name]()
            wall = time.monotonic() - started
            cpu[name].append((sum(map(cpu_of, agent.process_ids)) - used) / wall)
        rounds.append({name: taken[name] for name in names})
    return rounds, cpu


def test_an_s3_client_notices_little_of_a_busy_mount(
    seaweedfs: Peer, bucket: str, tar: Path, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    (local / "cached").mkdir(parents=True)
    for number in range(CACHED):
        (local / "cached" / f"{number}").write_bytes(os.urandom(SMALL))
    is_asserted = is_honest()
    with agent(seaweedfs, tmp_path / "home") as served:
        mounted = tmp_path / "home" / "S3" / bucket
        plan = request_plan(served, bucket, tmp_path / "plan")
        for path in (mounted / "cached").iterdir():
            path.read_bytes()
        done: dict[str, list[int]] = {"local": [], "mount": []}

        def client() -> Samples:
            samples: Samples = result_of(program("requests", plan, RATE, SECONDS))
            return samples

        def beside(name: str, folder: Path, pace: float = 0.0) -> Samples:
            busy = program("busy", folder, tar, SECONDS + 1, pace)
            samples = client()
            done[name].append(result_of(busy))
            return samples

        phases: dict[str, Callable[[], Samples]] = {
            "idle": client,
            "control": lambda: beside("local", local, (SECONDS + 1) / done["mount"][-1]),
            "busy mount": lambda: beside("mount", mounted),
        }
        beside("mount", mounted)  # what is cached now, and how much the program can do
        rounds, cpu = measure_rounds(phases, served)
    ratios = print_table(rounds, cpu)
    print({name: statistics.median(each) for name, each in done.items()}, "times by the program")
    if is_asserted:
        for kind in ("GET", "PUT"):
            assert ratios[Ratio("busy mount", kind, 99, "control")] <= MAX_CLIENT_RATIO


def test_files_open_while_the_agent_pushes_at_full_speed(
    seaweedfs: Peer, bucket: str, tmp_path: Path
) -> None:
    is_asserted = is_honest()
    with agent(seaweedfs, tmp_path / "a") as served, agent(seaweedfs, tmp_path / "b") as other:
        folder = tmp_path / "a" / "S3" / bucket / "cached"
        for path in folder.iterdir():
            path.read_bytes()
        pushed: dict[str, list[float]] = {"control": [], "pushing": []}
        plans = {
            name: request_plan(each, bucket, tmp_path / f"plan {name}", puts=PUSHED)
            for name, each in (("control", other), ("pushing", served))
        }

        def opens(seconds: float = SECONDS / 4) -> Samples:
            samples: Samples = result_of(program("opens", folder, OPEN_RATE, seconds))
            return samples

        def pushing(name: str, agent: AgentProcess) -> Samples:
            """Samples that were taken while the queue was not empty."""
            queue = QueueClient(agent.client)
            queue.pause()
            result_of(program("fill", plans[name], PUSHED))
            before = queue.status().left.files
            queue.resume()
            samples, started = opens(), time.monotonic()
            left = queue.status().left.files
            assert left, "everything was pushed before the end: raise PUSHED"
            pushed[name].append((before - left) / (SECONDS / 4))
            while queue.drain(5.0, hurry=True).moving.files:
                assert time.monotonic() - started < PATIENCE
            return samples

        phases: dict[str, Callable[[], Samples]] = {
            "idle": opens,
            "control": lambda: pushing("control", other),
            "pushing": lambda: pushing("pushing", served),
        }
        opens(1.0)
        rounds, cpu = measure_rounds(phases, served)
    ratios = print_table(rounds, cpu)
    print(
        {name: round(statistics.median(each)) for name, each in pushed.items()}, "pushes a second"
    )
    if is_asserted:
        assert ratios[Ratio("pushing", "open", 50, "idle")] <= MAX_OPEN_RATIO
