import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from s3d.agent.core.bounded_client import CHECK_TIMEOUT, BoundedClient
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.store import Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response, StreamBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore

pytestmark = pytest.mark.finding("D4")


class Gate(Layer):
    """A store that answers while the gate is open."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[str] = []
        self._arrivals: asyncio.Queue[str] = asyncio.Queue()

    async def arrived(self, count: int = 1) -> None:
        """Return after so many further calls have arrived."""
        for _ in range(count):
            await self._arrivals.get()

    async def call(self, request: S3Request[Any]) -> S3Response[Members]:
        self.calls.append(request.op.name)
        self._arrivals.put_nowait(request.op.name)
        await self.open.wait()
        return await self.inner.call(request)


@dataclass
class Remote:
    """What the check of the remote finds out, when it may end."""

    error: S3Error | None = None
    end: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    checks: list[float] = field(default_factory=list)

    async def check(self, seconds: float, since: float) -> None:
        self.checks.append(seconds)
        self.begun.set()
        await self.end.wait()
        self.ended.set()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def gate(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    gate = Gate(LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True)))
    await BoundedClient(gate, Remote().check).create_bucket("bucket")
    await gate.arrived()
    gate.calls.clear()
    yield gate
    index.close()


def silence() -> S3Error:
    error = S3Error("ServiceUnavailable", "The remote is silent.")
    error.failure = Unreachable(Reason.TIMEOUT, "", sent=True)
    return error


async def test_a_quick_answer_needs_no_check(gate):
    remote = Remote()
    assert [each.name for each in await BoundedClient(gate, remote.check).buckets()] == ["bucket"]
    assert remote.checks == []


async def test_a_slow_remote_that_answers_has_all_the_time(gate):
    remote = Remote()
    gate.open.clear()
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(BoundedClient(gate, remote.check, patience=0).buckets())
        await remote.begun.wait()
        remote.end.set()
        await remote.ended.wait()
        assert not asked.done()
        gate.open.set()
    assert [each.name for each in asked.result()] == ["bucket"]
    assert (remote.checks, gate.calls) == ([CHECK_TIMEOUT], ["ListBuckets"])


async def test_a_read_is_answered_from_here_once_the_remote_is_known_to_be_away(gate):
    remote = Remote(error=silence())
    gate.open.clear()
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(BoundedClient(gate, remote.check, patience=0).buckets())
        await remote.begun.wait()
        remote.end.set()
        await gate.arrived(2)  # the second call is answered by the cache in a real gateway
        gate.open.set()
    assert [each.name for each in asked.result()] == ["bucket"]


async def test_a_read_that_nobody_can_answer_fails(gate, monkeypatch):
    monkeypatch.setattr("s3d.agent.core.bounded_client.LOCAL_TIMEOUT", 0.01)
    remote = Remote(error=silence())
    remote.end.set()
    gate.open.clear()
    with pytest.raises(S3Error) as caught:
        await BoundedClient(gate, remote.check, patience=0).buckets()
    assert caught.value.message == "The remote is silent."
    assert isinstance(caught.value.failure, Unreachable)


async def test_a_change_is_sent_once_and_said_to_be_unconfirmed(gate):
    remote = Remote(error=silence())
    remote.end.set()
    gate.open.clear()
    with pytest.raises(S3Error) as caught:
        await BoundedClient(gate, remote.check, patience=0).create_bucket("another")
    assert caught.value.message == (
        "The remote is silent; the request was sent, and may still take effect."
    )
    assert isinstance(caught.value.failure, Unreachable)
    assert gate.calls == ["CreateBucket"]


async def test_calls_that_wait_share_a_check(gate):
    remote = Remote(error=silence())
    client = BoundedClient(gate, remote.check, patience=0)
    gate.open.clear()
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(client.buckets()) for _ in range(5)]
        await remote.begun.wait()
        remote.end.set()
        await gate.arrived(10)
        gate.open.set()
    assert len(remote.checks) == 1
    assert all(task.result() for task in asked)


async def test_an_upload_takes_as_long_as_its_body(gate):
    remote = Remote(error=silence())
    remote.end.set()
    client = BoundedClient(gate, remote.check, patience=0)
    gate.open.clear()
    async with asyncio.TaskGroup() as tasks:
        stored = tasks.create_task(client.store("bucket", "k", BytesBody(b"data")))
        await gate.arrived()
        gate.open.set()
    assert stored.result()[0]
    assert remote.checks == []


async def test_an_upload_is_bounded_once_its_body_was_sent(gate):
    """Without a queue, a put to a silent remote took a minute."""
    remote = Remote(error=silence())
    remote.end.set()

    class Silent(Layer):
        """Takes the body, and does not answer."""

        async def call(self, request):
            body = request.body
            assert [block async for block in body] == [b"da", b"ta"]
            await asyncio.Event().wait()

    wait = asyncio.Event()

    async def blocks():
        yield b"da"
        await wait.wait()
        yield b"ta"

    client = BoundedClient(Silent(gate), remote.check, patience=0, bounds_uploads=True)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        stored = tasks.create_task(_refused(client.store("bucket", "k", StreamBody(blocks(), 4))))
        for _ in range(20):
            await asyncio.sleep(0)
        assert remote.checks == [], "the caller still sends"
        wait.set()
    assert "may still take effect" in stored.result().message
    assert remote.checks == [CHECK_TIMEOUT]


async def _refused(call):
    with pytest.raises(S3Error, match="silent") as refused:
        await call
    return refused.value


async def test_an_upload_that_is_bounded_ends_with_its_answer(gate):
    client = BoundedClient(gate, Remote().check, bounds_uploads=True)
    etag, _ = await client.store("bucket", "k", BytesBody(b"data"))
    assert etag


async def test_a_caller_that_leaves_ends_the_call(gate):
    gate.open.clear()
    client = BoundedClient(gate, Remote().check, patience=60)
    asked = asyncio.get_running_loop().create_task(client.buckets())
    await gate.arrived()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert [task.get_name() for task in asyncio.all_tasks() if "call" in task.get_name()] == []
