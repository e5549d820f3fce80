"""Two devices before one remote: a marker, a webhook and a queue say what has changed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import watchfiles

from s3d.cli.client.sync_client import SyncClient
from s3d.shared.syncing import FolderStatus
from tests.agent.remote_changes.queue_server import QueueServer, serving_queue
from tests.agent_process import AgentProcess, launch
from tests.peers.servers import free_ports

PATIENCE = 60.0
BUCKET, PREFIX = "shared", "team/"
MARKER = f"{PREFIX}.s3d/changes"
TOKEN = "token-of-the-webhook"


class Device(NamedTuple):
    agent: AgentProcess
    root: Path

    @property
    def status(self) -> FolderStatus:
        return SyncClient(self.agent.client).folder("tree")

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a state of the local folder."""
        end = time.monotonic() + PATIENCE
        if holds():
            return
        for _ in watchfiles.watch(self.root, debounce=50, rust_timeout=500, yield_on_timeout=True):
            if holds():
                return
            assert time.monotonic() < end, self.agent.stderr[-4000:]


class World(NamedTuple):
    remote: AgentProcess
    devices: list[Device]

    def marker(self) -> dict[str, Any]:
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=MARKER)["Body"].read())

    @property
    def s3(self) -> Any:
        return self.remote.s3()


@pytest.fixture(scope="module")
def start_agents() -> Iterator[Callable[..., AgentProcess]]:
    """launch(), for a module; what runs at its end is killed."""
    with ExitStack() as closing:

        def start(**options: Any) -> AgentProcess:
            agent = launch(**options)
            closing.callback(agent.kill)
            return agent

        yield start


@pytest.fixture(scope="module")
def queue() -> Iterator[QueueServer]:
    """A queue, served by a thread."""
    started: Future[QueueServer] = Future()
    ended: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        end = asyncio.Event()
        async with serving_queue() as server:
            ended.set_result((asyncio.get_running_loop(), end))
            started.set_result(server)
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield started.result(PATIENCE)
    finally:
        loop, end = ended.result(PATIENCE)
        loop.call_soon_threadsafe(end.set)
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def world(
    start_agents: Callable[..., AgentProcess],
    tmp_path_factory: pytest.TempPathFactory,
    queue: QueueServer,
) -> World:
    """Device a has a webhook, device b a queue; neither gets events before the bucket sends any."""
    base = tmp_path_factory.mktemp("devices")
    admin = f"http://127.0.0.1:{free_ports(1)[0]}"
    (base / "remote/config").mkdir(parents=True, mode=0o700)
    (base / "remote").chmod(0o700)
    (base / "remote/config/config.toml").write_text(
        f'[[notification_target]]\nname = "hook"\nurl = "{admin}/remote-events"\n'
        f'token = "{TOKEN}"\n'
        f'[[notification_target]]\nname = "jobs"\ntype = "sqs"\nurl = "{queue.url}"\n'
    )
    (base / "remote/config/config.toml").chmod(0o600)
    remote = start_agents(home=base / "remote")
    remote.s3().create_bucket(Bucket=BUCKET)
    key, secret = remote.key
    further = {
        "a": {"S3D_ADMIN": admin, "S3D_REMOTE_EVENTS_TOKEN": TOKEN},
        "b": {"S3D_REMOTE_EVENTS": f"sqs:{queue.url}"},
    }
    devices = []
    for name, own in further.items():
        root = base / f"{name}-files" / "tree"
        root.mkdir(parents=True)  # the agent makes it, too, but until() watches it from now on
        env = {
            "S3D_REMOTE": remote.endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
            "S3D_SYNC_FOLDER": str(root),
            "S3D_SYNC_FOLDER_BUCKET": BUCKET,
            "S3D_SYNC_FOLDER_PREFIX": PREFIX,
            **own,
        }
        devices.append(Device(start_agents(home=base / name, env=env), root))
    for device in devices:
        device.until(lambda device=device: device.status.remote == "marker")
    return World(remote, devices)


def test_a_file_that_is_saved_is_on_the_other_device_before_a_listing(world):
    a, b = world.devices
    (a.root / "notes.txt").write_text("milk")
    b.until(lambda: (b.root / "notes.txt").exists())
    assert (b.root / "notes.txt").read_text() == "milk"
    (b.root / "notes.txt").write_text("milk and bread")
    a.until(lambda: (a.root / "notes.txt").read_text() == "milk and bread")
    (a.root / "notes.txt").unlink()
    b.until(lambda: not (b.root / "notes.txt").exists())
    paths = {path for _, _, path in world.marker()["changes"]}
    assert paths == {"notes.txt"}


def test_the_marker_is_no_file_and_the_status_shows_what_it_costs(world):
    for device in world.devices:
        names = {str(path.relative_to(device.root)) for path in device.root.rglob("*")}
        assert not {name for name in names if name.endswith("changes")}
        assert device.status.remote_trouble == ""
        assert 0 < device.status.monthly_cost < 1
        assert device.status.left_out == 0


@pytest.mark.parametrize(
    ("number", "source", "kind", "target"),
    [
        (0, "webhook", "Topic", "arn:s3d:webhook:::hook"),
        (1, "queue", "Queue", "arn:s3d:sqs:::jobs"),
    ],
)
def test_what_others_write_comes_by_the_events_of_the_bucket(
    world, queue, number, source, kind, target
):
    """They write past both agents, so that no marker says so."""
    device = world.devices[number]
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    one = {f"{kind}Arn": target, "Events": events}
    world.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={f"{kind}Configurations": [one]}
    )
    device.until(lambda: device.status.remote == source)  # by the test event
    key, file = f"{PREFIX}{source}/von außen.txt", device.root / source / "von außen.txt"
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    device.until(file.exists)
    assert file.read_bytes() == b"1"
    world.s3.delete_object(Bucket=BUCKET, Key=key)
    device.until(lambda: not file.exists())
    device.until(lambda: not queue.messages)


def test_an_event_that_lies_deletes_nothing(world, queue):
    """The message is deleted when its object has been looked at."""
    device = world.devices[1]
    (device.root / "stays.txt").write_text("here")
    device.until(lambda: "stays.txt" in {path for _, _, path in world.marker()["changes"]})
    part = {"bucket": {"name": BUCKET}, "object": {"key": f"{PREFIX}stays.txt"}}
    queue.put_soon(json.dumps({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": part}]}))
    device.until(lambda: not queue.messages)
    assert (device.root / "stays.txt").read_text() == "here"
    assert world.s3.head_object(Bucket=BUCKET, Key=f"{PREFIX}stays.txt")["ContentLength"] == 4


def test_the_webhook_needs_its_token_on_loopback_as_well(world):
    url = f"{world.devices[0].agent.env['S3D_ADMIN']}/remote-events"
    assert post(url, b"{}", "") == 401
    assert post(url, b"{}", TOKEN + "x") == 401
    assert post(url, b"", TOKEN) == 200
    assert post(url, b"{}", TOKEN) == 400
    assert post(url, b" " * (1 << 20) + b"{}", TOKEN) == 413
    with pytest.raises(HTTPError) as refused:
        urlopen(Request(url, headers={"Authorization": f"Bearer {TOKEN}"}), timeout=PATIENCE)
    with refused.value as error:
        assert error.code == 405


def post(url: str, body: bytes, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, body, headers), timeout=PATIENCE) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code
