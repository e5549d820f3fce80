"""Clients of one gateway that write the same key in every way: never a conflict with ourselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import Kind
from s3d.agent.stores.write_queue.journal.remote_states import ObservedRemote, RemoteStates
from tests.contract.client import Client
from tests.contract.conftest import local
from tests.contract.queued import Queue, queue_before

AT = {"Bucket": "bbb", "Key": "k"}
PATIENCE = 10.0
"""Real seconds that a test waits for what must happen at once."""


class Held:
    """A remote whose next call of an operation waits until a test lets it go."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        """Operation and key."""
        self.held = ""
        self.called = asyncio.Event()
        """Set with each call."""
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    def hold(self, operation: str) -> None:
        self.held = operation
        self.reached.clear()
        self.go.clear()

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        name = request.op.name
        self.calls.append((name, request.key))
        self.called.set()
        if name == self.held:
            self.held = ""
            self.reached.set()
            await self.go.wait()
        return await self.inner.call(request)

    async def until(self, call: tuple[str, str]) -> None:
        """Wait until this call has come."""
        async with asyncio.timeout(PATIENCE):
            while call not in self.calls:
                self.called.clear()
                await self.called.wait()

    def of(self, key: str) -> list[str]:
        """The writes of a key."""
        reads = ("GetObject", "HeadObject")
        return [name for name, called in self.calls if called == key and name not in reads]


@pytest.fixture
async def remote(tmp_path: Path) -> AsyncIterator[Held]:
    async with local(tmp_path) as store:
        await Client(store)("CreateBucket", Bucket="bbb")
        yield Held(store)


@pytest.fixture
async def queue(remote: Held, tmp_path: Path) -> AsyncIterator[Queue]:
    states = RemoteStates()
    async with queue_before(
        ObservedRemote(remote, states), tmp_path / "queue", states=states
    ) as made:
        yield made


@pytest.fixture
def s3(queue: Queue) -> Client:
    return Client(queue.store)


@pytest.fixture
def there(remote: Held) -> Client:
    return Client(remote.inner)


async def pushed(queue: Queue) -> None:
    """Wait until nothing is pending, and check that nothing is parked."""
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    async with asyncio.timeout(PATIENCE):
        while queue.journal.totals().files:
            changed.clear()
            await changed.wait()
    assert queue.journal.conflicts.usage.files == 0


async def body(client: Client, key: str = "k") -> bytes | None:
    """None when there is no object."""
    members = {"Bucket": "bbb", "Key": key}
    if await client.code("HeadObject", **members) == "NoSuchKey":
        return None
    return (await client("GetObject", **members)).body


@pytest.mark.rule("ORD-6")
async def test_a_write_is_pushed_after_the_forwarded_one_that_came_before(remote, queue, s3, there):
    await there.put("bbb", "k", b"old")
    remote.hold("DeleteObject")
    async with asyncio.TaskGroup() as tasks:
        deletion = tasks.create_task(s3("DeleteObject", **AT, VersionId="null"))
        await remote.reached.wait()
        await s3.put("bbb", "k", b"new")
        await s3.put("bbb", "other", b"")
        await remote.until(("PutObject", "other"))  # it was accepted later
        assert remote.of("k") == ["DeleteObject"]
        assert await body(s3) == b"new"
        remote.go.set()
        await deletion
    await pushed(queue)
    assert await body(s3) == await body(there) == b"new"
    assert remote.of("k") == ["DeleteObject", "PutObject"]


@pytest.mark.rule("ORD-6")
async def test_a_forwarded_write_keeps_its_turn_although_its_client_goes_away(
    remote, queue, s3, there
):
    await there.put("bbb", "k", b"old")
    remote.hold("DeleteObject")
    deletion = asyncio.get_running_loop().create_task(s3("DeleteObject", **AT, VersionId="null"))
    await remote.reached.wait()
    deletion.cancel()
    await s3.put("bbb", "k", b"new")
    await s3.put("bbb", "other", b"")
    await remote.until(("PutObject", "other"))  # it was accepted later
    assert remote.of("k") == ["DeleteObject"]
    remote.go.set()
    with pytest.raises(asyncio.CancelledError):
        await deletion
    await pushed(queue)
    assert await body(s3) == await body(there) == b"new"


async def test_a_write_that_was_accepted_while_another_was_settled_follows_the_forwarded_one(
    remote, queue, s3, there
):
    remote.hold("PutObject")
    first = await s3.put("bbb", "k", b"first")
    await remote.reached.wait()
    async with asyncio.TaskGroup() as tasks:
        deletion = tasks.create_task(s3("DeleteObject", **AT, IfMatch=first["ETag"]))
        await asyncio.sleep(0)  # it waits for the push
        await s3.put("bbb", "k", b"second")
        remote.hold("DeleteObject")
        released, remote.go = remote.go, asyncio.Event()
        released.set()
        await remote.reached.wait()
        remote.go.set()
        await deletion
    assert await body(s3) == b"second"
    await pushed(queue)
    assert await body(there) == b"second"
    assert remote.of("k") == ["PutObject", "DeleteObject", "PutObject"]


async def test_a_rename_and_a_deletion_of_its_source_come_one_after_the_other(
    remote, queue, s3, there
):
    await there.put("bbb", "old", b"data")
    remote.hold("HeadObject")
    async with asyncio.TaskGroup() as tasks:
        rename = tasks.create_task(
            s3("RenameObject", Bucket="bbb", Key="k", RenameSource="/bbb/old")
        )
        await remote.reached.wait()
        deletion = tasks.create_task(s3("DeleteObject", Bucket="bbb", Key="old", VersionId="null"))
        await s3.put("bbb", "other", b"")
        await remote.until(("PutObject", "other"))
        assert remote.of("old") == []
        remote.go.set()
        await rename
        assert await body(s3) == b"data"
        await deletion
    await pushed(queue)
    assert await body(s3) == await body(there) == b"data"
    assert await body(there, "old") is None


async def test_a_rename_waits_for_the_forwarded_deletion_of_its_source(remote, queue, s3, there):
    await there.put("bbb", "old", b"data")
    remote.hold("DeleteObject")
    async with asyncio.TaskGroup() as tasks:
        deletion = tasks.create_task(s3("DeleteObject", Bucket="bbb", Key="old", VersionId="null"))
        await remote.reached.wait()
        rename = tasks.create_task(
            s3.code("RenameObject", Bucket="bbb", Key="k", RenameSource="/bbb/old")
        )
        await s3.put("bbb", "other", b"")
        await remote.until(("PutObject", "other"))
        remote.go.set()
        await deletion
    assert rename.result() == "NoSuchKey"
    await pushed(queue)
    assert await body(s3) is None


@pytest.mark.rule("ORD-6")
async def test_tags_of_an_object_that_is_pushed_come_before_its_forwarded_deletion(
    remote, queue, s3, there
):
    remote.hold("PutObject")
    await s3.put("bbb", "k", b"data")
    await remote.reached.wait()
    async with asyncio.TaskGroup() as tasks:
        deletion = tasks.create_task(s3("DeleteObject", **AT, VersionId="null"))
        await asyncio.sleep(0)  # it waits for the push
        tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
        await s3("PutObjectTagging", **AT, Tagging=tags)
        remote.go.set()
        await deletion
    assert await body(s3) is None
    await pushed(queue)
    assert remote.of("k") == ["PutObject", "PutObjectTagging", "DeleteObject"]


@pytest.mark.parametrize("condition", ["IfMatch", "IfNoneMatch"])
async def test_a_conditional_completion_does_not_replace_what_was_accepted_meanwhile(
    remote, queue, s3, there, condition
):
    value = "*"
    if condition == "IfMatch":
        value = (await there.put("bbb", "k", b"old"))["ETag"]
    upload = {**AT, "UploadId": (await s3("CreateMultipartUpload", **AT))["UploadId"]}
    etag = (await s3("UploadPart", **upload, PartNumber=1, Body=b"parts"))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    remote.hold("HeadObject")
    async with asyncio.TaskGroup() as tasks:
        completion = tasks.create_task(
            s3.code(
                "CompleteMultipartUpload", **upload, MultipartUpload=parts, **{condition: value}
            )
        )
        await remote.reached.wait()
        await s3.put("bbb", "k", b"new")
        await s3.put("bbb", "other", b"")
        await remote.until(("PutObject", "other"))
        remote.go.set()
    assert completion.result() == "PreconditionFailed"
    await pushed(queue)
    assert await body(s3) == await body(there) == b"new"


async def test_the_base_of_a_write_behind_a_forwarded_one_survives_a_crash(
    remote, queue, s3, there
):
    old = (await there.put("bbb", "k", b"old"))["ETag"]
    remote.hold("PutObject")
    async with asyncio.TaskGroup() as tasks:
        forwarded = tasks.create_task(s3("PutObject", **AT, Body=b"mine", IfMatch=old))
        await remote.reached.wait()
        await s3.put("bbb", "k", b"next")
        queue.gate.open.clear()  # no push comes through
        remote.go.set()
        answer = await forwarded
    (write,) = queue.journal.pending.of_key("bbb", "k")
    row = await queue.journal.load(write)
    assert row is not None
    assert row.base.etag == answer["ETag"]
    queue.gate.open.set()
    await pushed(queue)
    assert await body(there) == b"next"


async def test_what_a_push_has_left_is_ours(queue, s3):
    etag = (await s3.put("bbb", "k", b"data"))["ETag"]
    await pushed(queue)
    assert queue.journal.remote_states.left_by_us("bbb", "k") == [etag]


async def test_an_object_that_the_remote_is_to_copy_is_not_read_or_copied_here(
    remote, queue, s3, there
):
    await there.put("bbb", "old", b"data")
    await queue.journal.control.pause()
    await s3("RenameObject", Bucket="bbb", Key="k", RenameSource="/bbb/old")
    stage = Client(queue.staging)
    assert await stage.code("GetObject", **AT) == "SlowDown"
    copy = {"Bucket": "bbb", "Key": "copy", "CopySource": "bbb/k"}
    assert await stage.code("CopyObject", **copy) == "SlowDown"
    assert {write.kind for write in queue.journal.pending} == {Kind.COPY, Kind.DELETE}


async def test_a_forwarded_write_with_an_unknown_result_is_dated_in_the_row_of_the_next(
    queue, s3, there
):
    await there.put("bbb", "k", b"old")
    await s3("DeleteObject", **AT, VersionId="null")
    queue.gate.open.clear()  # no push comes through
    await s3.put("bbb", "k", b"new")
    (write,) = queue.journal.pending.of_key("bbb", "k")
    row = await queue.journal.load(write)
    assert row is not None
    assert row.base.etag is None
    assert 0 < row.base.direct_write_at <= row.base.accepted
    queue.gate.open.set()
    await pushed(queue)


async def test_after_a_crash_what_a_forwarded_write_has_left_is_ours(queue, s3, there):
    await there.put("bbb", "source", b"data")
    queue.gate.open.clear()  # no push comes through
    await s3("CopyObject", **AT, CopySource="bbb/source")
    queue.journal.remote_states.note("bbb", "k", None)  # as for an answer that is not read
    await s3.put("bbb", "k", b"new")
    queue.journal.remote_states.forget("bbb", "k")  # as in a crash
    queue.gate.open.set()
    await pushed(queue)
    assert await body(s3) == await body(there) == b"new"


async def test_after_a_start_what_a_push_has_left_is_ours_and_no_base(queue, s3, there):
    etag = (await s3.put("bbb", "k", b"old"))["ETag"]
    await pushed(queue)
    await s3("DeleteObject", **AT, VersionId="null")
    again = await Journal.open(queue.index, queue.events)
    assert again.remote_states.left_by_us("bbb", "k") == [etag]
    assert again.remote_states.shown("bbb", "k", again.remote_states.now()) is None
