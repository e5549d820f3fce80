"""Every command answers within seconds while the remote is away, and while it never answers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from s3d.cli.main import COMMANDS
from tests.agent_process import AgentProcess, launch
from tests.command_worker import command_workers, run_command
from tests.gateway.conftest import remote_settings
from tests.gateway.network import Network
from tests.peers.proxy import Partition
from tests.peers.servers import Peer

pytestmark = pytest.mark.finding("D4")

WITHIN = 20.0
"""Seconds. A command takes 5 at most; the rest is for a busy machine, which starts all of them at
the same time. What waits for the remote without a limit takes 30 seconds, or never ends."""

FAILS = 1
"""Exit codes, as documented."""
MISSING = 3
USAGE = 2
PENDING = 6

AWAY = "cannot be reached"
HINT = "s3d doctor"


class Case(NamedTuple):
    """A command, its exit code, and a part of what it prints."""

    words: str
    code: int = 0
    shown: str = ""


READING = [
    Case("status", 0, "remote"),
    Case("status -q", PENDING),
    Case("status photos/cached", 0, AWAY),
    Case("status photos/cold", FAILS, HINT),
    Case("ls"),
    Case("ls photos", 0, "cached"),
    Case("ls photos/cold/", FAILS, AWAY),
    Case("ls --versions photos", FAILS, AWAY),
    Case("stat photos/cached", 0, "unknown: "),
    Case("du photos", FAILS, HINT),
    Case("find photos --name *.txt", FAILS, HINT),
    Case("cat photos/cached", 0, "cached"),
    Case("cat photos/cold", FAILS, HINT),
    Case("cat photos/c*", FAILS, HINT),
    Case("head photos/cold", FAILS, HINT),
    Case("get photos/cached", 0, "the tags are unavailable"),
    Case("get photos/cold", FAILS, HINT),
    Case("diff folder s3://photos/cold", USAGE, AWAY),
    Case("versions photos/cached", FAILS, HINT),
    Case("versioning photos", FAILS, HINT),
    Case("presign photos/cached", 0, "http://"),
    Case("filter preview * photos", FAILS, HINT),
    Case("filter test * photos/cached", 0, "include"),
    Case("sync check folder photos/notes", 0, ""),
    Case("fleet", FAILS, HINT),
]
WRITING = [
    Case("put photos/new file", 0, "still to push"),
    Case("cp file s3://photos/copied", 0, "still to push"),
    Case("cp -r folder s3://photos/folder", 0, "still to push"),
    Case("cp s3://photos/cold fetched", PENDING, "s3d transfers cancel"),
    Case("cp s3://photos/cold s3://photos/copy", PENDING, "s3d transfers show"),
    Case("mv moved s3://photos/moved", 0, "still to push"),
    Case("mv s3://photos/cold s3://photos/renamed", PENDING, "not done yet"),
    Case("sync folder s3://photos/cold", PENDING, "not done yet"),
    Case("sync s3://photos/cold fetched", PENDING, "not done yet"),
    Case("set photos/cold --tag a=b", FAILS, HINT),
    Case("rm photos/gone", 0, "still to push"),
    Case("rm -r photos/cold --yes", FAILS, HINT),
    Case("rm other/cold --version 1", FAILS, HINT),
    Case("restore other/cold 1", FAILS, HINT),
    Case("mb another", FAILS, HINT),
    Case("rb emptied", FAILS, HINT),
    Case("versioning other on", FAILS, HINT),
    Case("sync add folder photos/notes --yes", FAILS, HINT),
    Case("prefetch photos/cold", FAILS, HINT),
    Case("drain --timeout 1s", PENDING, "not drained"),
]
HERE = [
    Case("queue"), Case("queue remotes"), Case("bandwidth"), Case("cache"), Case("cache verify"),
    Case("pin photos/p/", 0, "pinned"), Case("unpin photos/q/", MISSING),
    Case("transfers"), Case("logs"),
    Case("trace photos/cached"), Case("sync"), Case("mount ls"), Case("filter explain *"),
    Case("receipts ls"), Case("check"), Case("env"), Case("key ls"), Case("config check"),
    Case("service status"),
    Case("man ls"), Case("completion bash"), Case("doctor", FAILS, "remote"), Case("migrate"),
    Case("umount --all"), Case("explain s3:GetObject photos/cold"),
    *(Case(words, USAGE) for words in (
        "reset", "snapshot ls", "clock", "fault ls", "requests", "wait --timeout 1",
    )),
]  # fmt: skip
CASES = READING + WRITING + HERE
NO_CASE = {"run", "start", "stop", "restart", "tui", "watch"}
"""They start or end an agent, or run until somebody ends them."""


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A second s3d with the embedded store, and with the objects of the cases."""
    agent = launch(tmp_path_factory.mktemp("remote") / "home")
    with closing(agent.s3()) as s3:
        for bucket in ("photos", "other", "emptied"):
            s3.create_bucket(Bucket=bucket)
        for key in ("cached", "cold", "cold/a", "gone"):
            s3.put_object(Bucket="photos", Key=key, Body=key.encode())
    yield Peer("s3d", agent.endpoint, *agent.key)
    end(agent)


@pytest.fixture(scope="module")
def network(remote: Peer) -> Iterator[Network]:
    with Network(remote) as network:
        yield network


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    with command_workers(len(CASES)) as workers:
        yield workers


@pytest.fixture(scope="module")
def agent(
    network: Network, workers: ProcessPoolExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    """A gateway that knows the buckets, the listing of photos and one of its objects."""
    folder = tmp_path_factory.mktemp("gateway")
    settings = {**remote_settings(network.peer), "S3D_CONFIG_URL": "s3://photos/conf/s3d.toml"}
    agent = launch(folder / "home", env=settings)
    for words in ("ls", "ls photos", "get -q photos/cached"):
        known = workers.submit(run_command, words.split(), agent.env, folder).result()
        assert known.code == 0, known
    yield agent
    end(agent)


def end(agent: AgentProcess) -> None:
    agent.kill()
    assert agent.process.stdout is not None
    agent.process.stdout.close()


def test_every_command_has_a_case():
    assert {case.words.split()[0] for case in CASES} | NO_CASE == set(COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("partition", [Partition.SILENT, Partition.REFUSED])
def test_every_command_answers(
    partition: Partition,
    agent: AgentProcess,
    network: Network,
    workers: ProcessPoolExecutor,
    tmp_path: Path,
):
    for name in ("file", "moved"):
        (tmp_path / name).write_text("data")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("data")
    network.go_away(partition)
    (pending,) = workers.map(
        run_command, [["put", "photos/pending", "file"]], [agent.env], [tmp_path]
    )
    assert pending.code == 0
    running = [
        workers.submit(run_command, case.words.split(), agent.env, tmp_path) for case in CASES
    ]
    for case, future in zip(CASES, running, strict=True):
        ended = future.result()
        assert ended.seconds < WITHIN, (case, ended)
        assert (ended.code, case.shown in ended.out) == (case.code, True), (case, ended)
