"""Heartbeats in a real store: written, listed by name, and those that cannot be read."""

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.fleet.heartbeats import Heartbeats
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.shared.fleet import Heartbeat
from tests.agent.fleet.conftest import URL
from tests.agent.receipts.test_verification import Fails


def heartbeat(name: str) -> Heartbeat:
    return Heartbeat(device=name, version="1", started=1.0, at=2.0, pending=3, problems=["full"])


async def test_the_devices_are_listed_with_their_age(remote):
    for name in ("b", "a"):
        await Heartbeats(URL, remote, lambda name=name: heartbeat(name)).beat()
    await remote.put("fleet", "conf/.s3d/fleet/damaged.json", BytesBody(b"?"))
    modified = (await remote.head("fleet", "conf/.s3d/fleet/a.json")).last_modified
    clock = Clock(now=lambda: modified + 90.0)
    found = await Heartbeats(URL, remote, lambda: heartbeat("a"), clock=clock).devices(remote)
    assert [each.name for each in found] == ["a", "b", "damaged"]
    assert found[0].heartbeat == heartbeat("a")
    assert 85.0 < found[0].age <= 95.0
    assert found[2].heartbeat is None


async def test_nothing_is_written_for_an_account_that_is_not_confirmed(remote):
    await Heartbeats(URL, remote, lambda: heartbeat("a"), lambda: False).beat()
    assert (await remote.page("fleet", limit=9)).objects == []


async def test_a_remote_that_refuses_is_named(remote):
    front = S3Client(Fails(remote.target, PutObject=S3Error("AccessDenied")))
    beats = Heartbeats(URL, front, lambda: heartbeat("a"))
    await beats.beat()
    assert "AccessDenied" in beats.problem
