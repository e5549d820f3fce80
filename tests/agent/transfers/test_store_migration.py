import asyncio
import math
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.transfers.store_migration import RETRY_PAUSES, Migration
from s3d.shared.errors import S3dError
from s3d.shared.transfers import MigrationStatus, Totals
from tests.agent.stores.write_queue.rig import Remote, refusal
from tests.contract.client import Client


class Move:
    """A migration between two stores in this process."""

    def __init__(self, source, remote: Remote, maps: Path) -> None:
        self.source = source
        self.remote = remote
        self.here = Client(source)
        self.there = Client(remote.inner)
        self.pauses: list[float] = []
        self.migration = Migration(self.opened, remote, self.pause, maps=maps)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    @contextmanager
    def opened(self):
        yield self.source

    async def fill(self, bucket: str, **objects: bytes) -> None:
        await self.here("CreateBucket", Bucket=bucket)
        for key, body in objects.items():
            await self.here("PutObject", Bucket=bucket, Key=key, Body=body)

    async def run(self, *buckets: str, delete: bool = False) -> MigrationStatus:
        async with self.running():
            assert self.migration.start([*buckets], delete_source=delete)
            async with asyncio.timeout(10):
                await self.migration.ended()
        return self.migration.status

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.migration.run())
            yield
            task.cancel()

    async def keys(self, client: Client, bucket: str) -> list[str]:
        return (await client("ListObjectsV2", Bucket=bucket)).names("Contents", "Key")


@pytest.fixture
def move(tmp_path):
    near, far = (open_embedded(tmp_path / name, ephemeral=True) for name in ("near", "far"))
    remote = Remote(far.local)
    remote.gate.set()
    yield Move(near.local, remote, tmp_path / "maps")
    near.close()
    far.close()


async def test_all_buckets_are_carried_over_and_stay(move):
    await move.fill("one", a=b"1", b=b"22")
    await move.fill("two", c=b"333")
    status = await move.run()
    assert (status.state, status.buckets) == ("done", ["one", "two"])
    assert (status.total, status.copied) == (Totals(3, 6), Totals(3, 6))
    assert await move.keys(move.there, "one") == ["a", "b"]
    assert await move.keys(move.here, "two") == ["c"]


async def test_only_those_that_are_named(move):
    await move.fill("one", a=b"1")
    await move.fill("two", c=b"333")
    assert (await move.run("two")).buckets == ["two"]
    await move.there.refused("NoSuchBucket", "HeadBucket", Bucket="one")


async def test_a_bucket_that_is_not_there_is_said(move):
    status = await move.run("none")
    assert (status.state, status.failures[0].code) == ("failed", "NoSuchBucket")


async def test_it_goes_on_where_it_stopped(move):
    await move.fill("one", a=b"1", b=b"22")
    move.remote.fail("PutObject", refusal(400, "InvalidArgument"))
    first = await move.run()
    assert (first.state, first.failed, first.copied.files) == ("failed", 1, 1)
    second = await move.run()
    assert (second.state, second.copied.files, second.there.files) == ("done", 1, 1)


async def test_settings_of_a_new_bucket_go_along(move):
    await move.fill("one")
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    await move.here("PutBucketTagging", Bucket="one", Tagging=tags)
    enabled = {"Status": "Enabled"}
    await move.here("PutBucketVersioning", Bucket="one", VersioningConfiguration=enabled)
    status = await move.run()
    assert (await move.there("GetBucketTagging", Bucket="one"))["TagSet"] == tags["TagSet"]
    assert (await move.there("GetBucketVersioning", Bucket="one"))["Status"] == "Enabled"
    assert "older versions" in status.notes[0]


async def test_settings_of_a_bucket_that_is_there_are_left_alone(move):
    await move.fill("one")
    await move.here("PutBucketTagging", Bucket="one", Tagging={"TagSet": []})
    await move.there("CreateBucket", Bucket="one")
    await move.run()
    assert "PutBucketTagging" not in move.remote.names()


async def test_only_what_the_remote_has_is_deleted(move):
    await move.fill("one", a=b"1", b=b"22")
    await move.run()
    await move.fill("two", new=b"x")
    await move.here("PutObject", Bucket="one", Key="later", Body=b"333")
    status = await move.run("one", delete=True)
    assert (status.state, status.deleted, status.failed) == ("failed", Totals(2, 3), 1)
    assert await move.keys(move.here, "one") == ["later"]
    assert await move.keys(move.here, "two") == ["new"]


async def test_a_bucket_that_is_empty_then_goes_too(move):
    await move.fill("one", a=b"1")
    await move.run()
    assert (await move.run(delete=True)).state == "done"
    await move.here.refused("NoSuchBucket", "HeadBucket", Bucket="one")


async def test_one_at_a_time_and_it_can_be_cancelled(move):
    await move.fill("one", a=b"1")
    move.remote.gate.clear()
    asked = asyncio.Event()
    move.remote.on_call.append(asked.set)
    async with move.running():
        assert move.migration.start([], delete_source=False)
        assert not move.migration.start([], delete_source=False)
        await asked.wait()
        await move.migration.cancel()
        await move.migration.ended()
        assert move.migration.status.state == "cancelled"
        move.remote.gate.set()
        assert move.migration.start([], delete_source=False)
        await move.migration.ended()
    assert move.migration.status.state == "done"


async def test_a_store_that_cannot_be_opened_is_said(move):
    @contextmanager
    def broken():
        raise S3dError("cannot open the index", "it is of a newer s3d")
        yield

    move.migration._open = broken
    status = await move.run()
    assert (status.state, "newer" in status.failures[0].message) == ("failed", True)


@pytest.mark.parametrize("operation", ["CreateBucket", "PutObject", "HeadObject", "ListObjectsV2"])
async def test_what_the_remote_cannot_take_just_now_is_tried_again(move, operation):
    """A busy server fails the first writes of a new bucket: seen in tests/cli/test_migrate.py."""
    await move.fill("bbb", a=b"1", b=b"22")
    move.remote.fail(operation, refusal(500, "InternalError"), 2)
    status = await move.run("bbb")
    assert (status.state, status.copied, status.failures) == ("done", Totals(2, 3), [])
    assert move.pauses
    assert await move.keys(move.there, "bbb") == ["a", "b"]


async def test_what_the_remote_never_takes_is_given_up(move):
    await move.fill("bbb", a=b"1")
    move.remote.fail("PutObject", refusal(503, "SlowDown"), math.inf)
    status = await move.run("bbb")
    assert (status.state, status.failed) == ("failed", 1)
    assert move.pauses == list(RETRY_PAUSES)
