"""One random stream of requests to s3d, to SeaweedFS and to moto, and what they answer differently.

    S3D_TORTURE_SEED=7 S3D_TORTURE_ROUNDS=50 make torture-differential_s3

A difference that differences_s3.toml does not explain is a finding. A step that succeeds on one
side alone leaves buckets that hold different things, so its key is deleted everywhere.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess
from tests.e2e.clients import environment as clients
from tests.gateway.steps import Outcome, Side, Step, outcome
from tests.peers.servers import Peer, free_ports
from tests.torture.conftest import LINES, Campaign
from tests.torture.unusual_requests import stream

STEPS = 100
"""Of a round."""
LIST = Path(__file__).with_name("differences_s3.toml")
START_TIMEOUT = 30.0
OPAQUE = {"NextContinuationToken"}
READS = ("get_", "head_", "list_")


class Difference(NamedTuple):
    """How the answer of a peer to an operation differs from that of s3d."""

    peer: str
    operation: str
    how: str
    """ "200 here, 404 NoSuchKey there"; of two successes "MEMBER here", "MEMBER there" when one
    alone has it, and "MEMBER" when its values differ."""


def explained() -> dict[Difference, str]:
    """The checked-in list: each difference, and why it is none of s3d's faults."""
    return {
        Difference(peer, operation, how): row["why"]
        for row in tomllib.loads(LIST.read_text())["difference"]
        for peer in row["peers"]
        for operation in row["operations"]
        for how in row["how"]
    }


def differences(peer: str, step: Step, here: Outcome, there: Outcome) -> Iterator[Difference]:
    """What differs. Two failures with one status and code are the same, whatever they say."""
    if here == there:
        return
    if here[0] != 200 or there[0] != 200:
        how = [f"{_status(here)} here, {_status(there)} there"]
    elif isinstance(here[1], dict) and isinstance(there[1], dict):
        how = list(_members(here[1], there[1]))
    else:
        how = ["answer"]
    yield from (Difference(peer, step.name, each) for each in how)


def _status(found: Outcome) -> str:
    return "200" if found[0] == 200 else f"{found[0]} {found[1]}"


def _members(here: dict[str, Any], there: dict[str, Any]) -> Iterator[str]:
    for name in sorted((here.keys() | there.keys()) - OPAQUE):
        if name not in there:
            yield f"{name} here"
        elif name not in here:
            yield f"{name} there"
        elif here[name] != there[name]:
            yield from _rows(name, here[name], there[name])


def _rows(name: str, here: Any, there: Any) -> Iterator[str]:
    """By member when both are lists of the same keys, otherwise as a whole."""
    rows = name == "Contents" and [[row["Key"] for row in side] for side in (here, there)]
    if not rows or rows[0] != rows[1]:
        yield name
        return
    for pair in zip(here, there, strict=True):
        yield from (f"{name}.{how}" for how in _members(*pair))


@pytest.fixture(scope="module")
def moto() -> Iterator[Peer]:
    """moto's server, in the environment of the clients."""
    try:
        python = clients.python()
    except clients.NotInstallable as error:
        pytest.skip(str(error))
    (port,) = free_ports(1)
    peer = Peer("moto", f"http://127.0.0.1:{port}", "peerkey1234567", "peersecret1234567")
    command = [str(python), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(int(START_TIMEOUT / 0.1)):
                with suppress(OSError):
                    if peer.ask("GET", "/") == 200:
                        break
                with suppress(subprocess.TimeoutExpired):
                    server.wait(0.1)
                    raise RuntimeError(f"moto ended with {server.returncode}")
            yield peer
        finally:
            server.kill()


def client(endpoint: str, access_key: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        config=Config(
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            parameter_validation=False,
        ),
    )


class Round:
    """One stream of steps on new buckets, one for each server."""

    def __init__(self, name: str, s3d: Any, peers: dict[str, Any]) -> None:
        self._here = Side(s3d, name)
        self._peers = {peer: Side(client, name) for peer, client in peers.items()}
        self.asked: Counter[str] = Counter()
        self.agreed: Counter[str] = Counter()
        self.found: dict[Difference, str] = {}
        for side in (self._here, *self._peers.values()):
            side.client.create_bucket(Bucket=name)

    def run(self, seed: int) -> None:
        for step in islice(stream(seed), STEPS):
            here = outcome(step, self._here)
            apart = []
            for peer, side in list(self._peers.items()):
                there = outcome(step, side)
                found = list(differences(peer, step, here, there))
                self.asked[peer] += 1
                self.agreed[peer] += not found
                for each in found:
                    self.found.setdefault(each, f"{step.detail}: {here} != {there}"[:600])
                if (here[0] == 200) != (there[0] == 200) and not step.name.startswith(READS):
                    apart.append(peer)
            if apart:
                self._align(apart, step)

    def _align(self, apart: list[str], step: Step) -> None:
        """Make what all hold the same again. Without an upload, a peer leaves the round."""
        if step.name == "create_multipart_upload":
            for peer in apart:
                del self._peers[peer]
        elif step.key:
            for side in (self._here, *self._peers.values()):
                with suppress(ClientError):  # A key that is too long is nowhere.
                    side.call("delete_object", Key=step.key)


def test_each_difference_is_explained_once() -> None:
    rows = tomllib.loads(LIST.read_text())["difference"]
    listed = Counter(
        (peer, operation, how)
        for row in rows
        for peer in row["peers"]
        for operation in row["operations"]
        for how in row["how"]
    )
    assert [each for each, count in listed.items() if count > 1] == []
    assert all(row["why"].endswith(".") for row in rows)


def test_a_difference_says_what_differs() -> None:
    step = Step("list_objects_v2", "", lambda side: None)
    here = (200, {"Contents": [{"Key": "k", "Size": 1}], "KeyCount": 1, "Prefix": ""})
    there = (200, {"Contents": [{"Key": "k", "Size": 2, "Owner": "o"}], "Prefix": "p"})
    assert [each.how for each in differences("peer", step, here, there)] == [
        "Contents.Owner there",
        "Contents.Size",
        "KeyCount here",
        "Prefix",
    ]
    failed = (404, "NoSuchKey")
    assert not list(differences("peer", step, failed, failed))
    assert list(differences("peer", step, here, failed)) == [
        Difference("peer", "list_objects_v2", "200 here, 404 NoSuchKey there")
    ]


@pytest.mark.torture
def test_what_other_servers_answer_differently_is_explained(
    request: pytest.FixtureRequest,
    campaign: Callable[[str, int], Campaign],
    agent: AgentProcess,
    seaweedfs: Peer,
    moto: Peer,
) -> None:
    known = explained()
    s3d = client(agent.endpoint, *agent.key)
    peers = {
        peer.name: client(peer.endpoint, peer.access_key, peer.secret_key)
        for peer in (seaweedfs, moto)
    }
    torture = campaign("differential_s3", 20)
    asked: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for number, chance in torture.rounds():
        one = Round(f"differential-{torture.seed}-{number}", s3d, peers)
        one.run(chance.randrange(1 << 60))
        asked += one.asked
        agreed += one.agreed
        new = {each: why for each, why in one.found.items() if each not in known}
        if new:
            torture.failed(number, "".join(map(_line, new, new.values())))
        else:
            torture.passed(number)
    request.config.stash.setdefault(LINES, []).extend(
        f"{peer}: {agreed[peer]} of {asked[peer]} answers as s3d's" for peer in peers
    )


def _line(found: Difference, example: str) -> str:
    return f"\n  {found.peer} {found.operation}: {found.how}\n    {example}"
