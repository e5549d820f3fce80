"""One remote, one queue, one cache: an agent that is started with another remote finds its own.

The remotes are agents with embedded stores: real S3 servers that start fast.
"""

from __future__ import annotations

import json
import math
import select
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.remote_client import FormerRemoteClient
from s3d.shared.errors import S3dError
from tests.agent_process import AgentProcess, StartFailed
from tests.drained import drained
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.gateway.test_conflicts import run
from tests.peers.proxy import Fault
from tests.peers.servers import OTHER, ROTATED

BUCKET = "photos"


class Home:
    """One s3d home, and the remotes that its agent is started with one after the other."""

    def __init__(self, start: Callable[..., AgentProcess], folder: Path) -> None:
        self._start = start
        self._folder = folder

    def remote(self, name: str, **env: str) -> AgentProcess:
        """A server with one bucket."""
        home = self._folder / name
        return self._start("--bucket", BUCKET, home=home, env=env)

    def serve(self, remote: AgentProcess, **env: str) -> AgentProcess:
        """The agent before this remote."""
        settings = {**remote.as_remote, "S3D_FLUSH_TIMEOUT": "0"}
        return self._start(home=self._folder / "gateway", env=settings | env)


@pytest.fixture
def home(start_agent: Callable[..., AgentProcess], tmp_path: Path) -> Home:
    return Home(start_agent, tmp_path)


def put(agent: AgentProcess, key: str, data: bytes) -> None:
    agent.objects.put(BUCKET, key, BytesIO(data), len(data))


def get(agent: AgentProcess, key: str) -> bytes:
    _, download = agent.objects.get(BUCKET, key)
    with closing(download):
        return bytes(download.read())


def keys(agent: AgentProcess) -> list[str]:
    return names(agent.s3(), BUCKET)


@pytest.mark.slow
@pytest.mark.finding("D1")
@pytest.mark.rule("IDENT-1")
def test_what_waits_for_one_remote_is_not_pushed_to_another(home: Home) -> None:
    first, second = home.remote("first"), home.remote("second")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    put(agent, "cat.jpg", b"for the first")
    agent.stop()

    agent = home.serve(second)
    queue = QueueClient(agent.client)
    queue.resume()
    assert drained(queue).left.files == 0
    assert keys(second) == []
    agent.stop()

    agent = home.serve(first)
    queue = QueueClient(agent.client)
    assert queue.status().left.files == 1
    queue.resume()
    assert drained(queue).left.files == 0
    assert get(first, "cat.jpg") == b"for the first"


@pytest.mark.slow
@pytest.mark.finding("D2")
@pytest.mark.rule("IDENT-2")
def test_cached_bytes_of_one_remote_are_not_served_for_another(home: Home) -> None:
    first, second = home.remote("first"), home.remote("second")
    put(first, "hello.txt", b"of the first")
    put(second, "hello.txt", b"of the second")
    for remote, data in ((first, b"of the first"), (second, b"of the second")) * 2:
        agent = home.serve(remote)
        assert get(agent, "hello.txt") == data
        agent.stop()


# ------------------------------------------------------------------ what waits for another remote


@pytest.mark.slow
@pytest.mark.finding("D1")
def test_what_waits_for_another_remote_is_shown_exported_discarded_and_moved(home: Home) -> None:
    first, second = home.remote("first"), home.remote("second")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    for key in ("a", "b", "c"):
        put(agent, key, f"bytes of {key}".encode())
    agent.s3().put_object_tagging(
        Bucket=BUCKET, Key="c", Tagging={"TagSet": [{"Key": "kind", "Value": "test"}]}
    )
    agent.stop()

    agent = home.serve(second)
    queue, former = QueueClient(agent.client), FormerRemoteClient(agent.client)
    (waiting,) = agent.client.status().waiting
    assert (waiting.url, waiting.writes.files) == (first.endpoint, 3)
    writes = {write.key: write for write in former.writes(waiting.id)}
    with former.export(waiting.id, writes["a"].id) as source:
        assert source.read() == b"bytes of a"
    former.discard(waiting.id, writes["a"].id)
    assert agent.client.status().waiting[0].writes.files == 2
    with pytest.raises(S3dError, match="not the remote in use"):
        former.move(waiting.id, first.endpoint, [])
    assert former.move(waiting.id, second.endpoint, [writes["b"].id]).moved == 1
    assert former.move(waiting.id, second.endpoint, []).moved == 1
    assert agent.client.status().waiting == []
    assert drained(queue).left.files == 0
    assert (get(second, "b"), get(second, "c")) == (b"bytes of b", b"bytes of c")
    assert second.objects.object_status(BUCKET, "c").tags == {"kind": "test"}


@pytest.mark.slow
@pytest.mark.rule("IDENT-4")
@pytest.mark.parametrize("point", ["move.begun", "move.sent"])
def test_a_move_that_was_killed_is_finished_and_overwrites_nothing_newer(
    home: Home, point: str
) -> None:
    first, second = home.remote("first"), home.remote("second")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    put(agent, "k", b"old")
    put(agent, "other", b"other")
    agent.stop()

    agent = home.serve(second, S3D_FAILPOINT=f"{point}:kill")
    (waiting,) = agent.client.status().waiting
    with pytest.raises(S3dError):
        FormerRemoteClient(agent.client).move(waiting.id, second.endpoint, [])
    agent.wait()

    agent = home.serve(second)
    queue, former = QueueClient(agent.client), FormerRemoteClient(agent.client)
    put(agent, "k", b"newer")
    result = former.move(waiting.id, second.endpoint, [])
    assert [failure.key for failure in result.failures] == ["k"]
    assert drained(queue).moving.files == 0
    assert (get(second, "k"), get(second, "other")) == (b"newer", b"other")


@pytest.mark.slow
@pytest.mark.finding("A3")
def test_a_move_replaces_and_deletes_nothing_that_others_wrote_later(home: Home) -> None:
    first, second = home.remote("first"), home.remote("second")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    for key in ("k", "seen", "new"):
        put(agent, key, b"ours")
    agent.s3().delete_object(Bucket=BUCKET, Key="doomed")
    agent.stop()
    for key in ("k", "seen", "doomed"):
        put(second, key, b"theirs")

    agent = home.serve(second)
    assert get(agent, "seen") == b"theirs"
    (waiting,) = agent.client.status().waiting
    queue, former = QueueClient(agent.client), FormerRemoteClient(agent.client)
    former.move(waiting.id, second.endpoint, [])
    assert drained(queue).conflict.files == 3
    assert {key: get(second, key) for key in keys(second)} == {
        "doomed": b"theirs", "k": b"theirs", "new": b"ours", "seen": b"theirs"}  # fmt: skip


# ------------------------------------------------------------------ state of before


def forget_identities(home: Path) -> None:
    """Make the state what a version that knew one remote only has left."""
    for file in home.rglob("remote.json"):
        file.unlink()


@pytest.mark.slow
@pytest.mark.finding("D1")
@pytest.mark.parametrize(
    ("point", "base"),
    [("written", "write_queue"), ("named", "write_queue"), ("named", "state"),
     ("written", "read_cache")],
)  # fmt: skip
def test_a_kill_while_state_of_before_is_adopted_loses_and_mixes_nothing(
    home: Home, tmp_path: Path, point: str, base: str
) -> None:
    first, second = home.remote("first"), home.remote("second")
    put(first, "hello", b"of the first")
    put(second, "hello", b"of the second")
    agent = home.serve(first)
    assert get(agent, "hello") == b"of the first"
    QueueClient(agent.client).pause()
    put(agent, "waits", b"for the first")
    agent.stop()
    forget_identities(tmp_path / "gateway")

    with pytest.raises(StartFailed):
        home.serve(first, S3D_FAILPOINT=f"remote.{point}.{base}:kill")
    if (tmp_path / "gateway" / "data" / "write_queue" / "remote.json").exists():
        agent = home.serve(second)
        assert QueueClient(agent.client).status().left.files == 0
        assert get(agent, "hello") == b"of the second"
        agent.stop()
    agent = home.serve(first)
    assert QueueClient(agent.client).status().left.files == 1
    assert get(agent, "waits") == b"for the first"
    assert agent.client.status().cache.files >= 1


@pytest.mark.slow
@pytest.mark.finding("B4")
@pytest.mark.parametrize("base", ["state", "data/write_queue"])
def test_a_damaged_identity_stops_no_start(
    home: Home, tmp_path: Path, start_agent: Callable[..., AgentProcess], base: str
) -> None:
    first = home.remote("first")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    put(agent, "k", b"for the first")
    agent.stop()
    file = tmp_path / "gateway" / base / "remote.json"
    file.write_bytes(b"")
    agent = start_agent(home=tmp_path / "gateway")
    (waiting,) = agent.client.status().waiting
    assert (waiting.url, waiting.writes.files) == (first.endpoint, 1)
    agent.stop()
    file.write_bytes(b"")
    agent = home.serve(first)
    assert QueueClient(agent.client).status().left.files == 1
    assert f"{file} was damaged" in agent.stderr


@pytest.mark.slow
@pytest.mark.finding("D1")
def test_without_a_remote_what_waits_is_shown_and_older_versions_refuse_it(
    home: Home, tmp_path: Path, start_agent: Callable[..., AgentProcess]
) -> None:
    first = home.remote("first")
    agent = home.serve(first)
    QueueClient(agent.client).pause()
    put(agent, "k", b"for the first")
    agent.stop()
    agent = start_agent(home=tmp_path / "gateway")
    (waiting,) = agent.client.status().waiting
    assert (waiting.url, waiting.writes.files) == (first.endpoint, 1)
    with FormerRemoteClient(agent.client).export(waiting.id, "1") as source:
        assert source.read() == b"for the first"
    agent.stop()
    index = tmp_path / "gateway" / "data" / "write_queue" / "index.sqlite"
    with closing(sqlite3.connect(index)) as database:
        (layout,) = database.execute("PRAGMA user_version").fetchone()
    assert layout > 1001, "which is the layout up to which the version of one remote opens a queue"


# ------------------------------------------------------------------ accounts of one remote


class Accounts:
    """One gateway before SeaweedFS, with keys of two accounts."""

    def __init__(self, gateway: Gateway, network: Network, bucket: str) -> None:
        self.network, self.bucket = network, bucket
        self._gateway = gateway

    def start(self, key: tuple[str, str] | None = None, **more: str) -> AgentProcess:
        """more: further settings."""
        env = {"S3D_FLUSH_TIMEOUT": "0", **more}
        if key is not None:
            env |= {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]}
        return self._gateway.start(**env)

    def learnt(self, agent: AgentProcess) -> None:
        """Return when the owner of the key is noted."""
        file = agent.home / "state" / "remote.json"
        wait_until(lambda: json.loads(file.read_text())["owner"])


@pytest.fixture
def accounts(gateway: Gateway, network: Network, new_bucket: str) -> Accounts:
    return Accounts(gateway, network, new_bucket)


def wait_until(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + 30.0
    while not is_so():
        assert time.monotonic() < end
        select.select([], [], [], 0.05)


def waits(accounts: Accounts, key: str) -> AgentProcess:
    """A write waits for the first account, whose owner is known; the agent has ended."""
    agent = accounts.start()
    agent.objects.list(accounts.bucket)
    accounts.learnt(agent)
    QueueClient(agent.client).pause()
    agent.objects.put(accounts.bucket, key, BytesIO(b"first"), 5)
    agent.stop()
    return agent


@pytest.mark.slow
@pytest.mark.finding("D1")
def test_a_rotated_key_of_the_same_owner_goes_on(accounts: Accounts, remote: Any) -> None:
    waits(accounts, "k")
    agent = accounts.start(ROTATED)
    queue = QueueClient(agent.client)
    assert agent.client.status().remote.unconfirmed == ""
    queue.resume()
    assert drained(queue).left.files == 0
    assert remote.get_object(Bucket=accounts.bucket, Key="k")["Body"].read() == b"first"


@pytest.mark.slow
@pytest.mark.finding("D1")
@pytest.mark.rule("IDENT-3")
def test_with_a_new_key_pending_writes_are_held_until_the_account_is_known(
    accounts: Accounts, remote: Any
) -> None:
    waits(accounts, "k")
    accounts.network.go_away()
    agent = accounts.start(ROTATED)
    assert agent.client.status().remote.unconfirmed
    assert agent.s3().get_object(Bucket=accounts.bucket, Key="k")["Body"].read() == b"first"
    queue = QueueClient(agent.client)
    queue.resume()
    assert queue.drain(0.5, hurry=True).left.files == 1
    accounts.network.come_back()
    assert drained(queue).left.files == 0
    assert agent.client.status().remote.unconfirmed == ""
    assert remote.get_object(Bucket=accounts.bucket, Key="k")["Body"].read() == b"first"


@pytest.mark.slow
@pytest.mark.finding("D1")
@pytest.mark.rule("IDENT-1")
def test_writes_of_another_account_never_go_with_its_key(accounts: Accounts, remote: Any) -> None:
    waits(accounts, "k")
    accounts.network.go_away()
    agent = accounts.start(OTHER)
    agent.objects.put(accounts.bucket, "later", BytesIO(b"of the other"), 12)
    QueueClient(agent.client).resume()
    accounts.network.come_back()
    QueueClient(agent.client).drain(5.0, hurry=True)
    wait_until(lambda: owner_in_use(agent) == "others")
    former = FormerRemoteClient(agent.client)
    wait_until(lambda: "later" in names(remote, accounts.bucket))
    assert names(remote, accounts.bucket) == ["later"]
    (waiting,) = agent.client.status().waiting
    assert (waiting.writes.files, [write.key for write in former.writes(waiting.id)]) == (
        1, ["k"])  # fmt: skip


@pytest.mark.slow
@pytest.mark.finding("D1")
@pytest.mark.finding("B2")
def test_a_remote_that_does_not_tell_waits_for_a_person(accounts: Accounts, remote: Any) -> None:
    waits(accounts, "k")
    denied = Fault(status=403, code="AccessDenied")
    accounts.network.do(
        lambda proxy: proxy.inject(
            denied, times=math.inf, when=lambda head: head.target.startswith("/?")
        )
    )
    agent = accounts.start(ROTATED)
    queue = QueueClient(agent.client)
    queue.resume()
    assert queue.drain(0.5, hurry=True).left.files == 1
    assert agent.client.status().remote.unconfirmed
    code, text = run(agent, "drain", "--timeout", "60s")
    assert (code, "s3d queue adopt" in text, "does not say whether" in text) == (6, True, True)
    assert "needs credentials" not in run(agent, "status")[1]
    queue.adopt(separate=False)
    assert drained(queue).left.files == 0
    assert names(remote, accounts.bucket) == ["k"]


def owner_in_use(agent: AgentProcess) -> str:
    try:
        used = agent.client.status().remote.id
    except S3dError:  # it opens the other account's state just now
        return ""
    files = (agent.home / "state").rglob("remote.json")
    found = {each["id"]: each["owner"] for file in files if (each := json.loads(file.read_text()))}
    return str(found.get(used, ""))


def names(remote: Any, bucket: str) -> list[str]:
    """Without the objects by which the remote is probed, which come and go."""
    rows = remote.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [row["Key"] for row in rows if not row["Key"].startswith(".s3d/")]
