from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.remote_folders import claim, read_identity
from s3d.agent.app.waiting_writes import (
    WaitingWrites,
    count_waiting,
    has_pending,
    open_queue,
    take_over,
)
from s3d.agent.stores.remote.identity import RemoteIdentity, TakeOver
from s3d.agent.stores.write_queue.move_writes import Target
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.transfers import Totals
from tests.contract.client import Client

FIRST = RemoteIdentity("first", "http://first", "http://first/", ("K1",), "owner-1")
SECOND = RemoteIdentity("second", "http://second", "http://second", ("K2",))


async def stage(folder, *keys):
    """Accept writes into a queue that is not in use."""
    async with open_queue(folder) as queue:
        staging = Client(queue.store)
        await staging("CreateBucket", Bucket="bbb")
        for key in keys:
            await staging("PutObject", Bucket="bbb", Key=key, Body=b"12345")


@pytest.fixture
async def base(tmp_path):
    base = tmp_path / "write_queue"
    claim(base, FIRST)
    claim(base, SECOND)
    await stage(base, "a", "b")
    return base


@pytest.mark.finding("D1")
async def test_what_waits_for_others_is_counted_and_named(base):
    waiting = WaitingWrites(base, base / "remotes" / "second", None)
    (first,) = waiting.status()
    assert (first.id, first.url, first.account) == ("first", "http://first/", "owner-1")
    assert (first.writes, first.oldest is not None) == (Totals(2, 10), True)
    assert WaitingWrites(base, base, None).status() == []


@pytest.mark.parametrize("name", ["first", "http://first/", "http://first", "HTTP://First:80/"])
async def test_a_remote_is_named_by_id_and_url(base, name):
    waiting = WaitingWrites(base, base / "remotes" / "second", None)
    async with waiting.opened(name) as queue:
        (first, _) = queue.journal.pending
        await queue.journal.control.discard(first.seq)
    assert waiting.status()[0].writes == Totals(1, 5)


async def test_the_remote_in_use_and_unknown_ones_are_not_among_them(base):
    waiting = WaitingWrites(base, base, None)
    for name in ("first", "nobody"):
        with pytest.raises(NotFoundError):
            waiting.find(name)


@pytest.mark.finding("D1")
async def test_they_are_moved_to_the_remote_in_use(base, tmp_path):
    store = open_embedded(tmp_path / "store")
    target = Client(store.local)
    await target("CreateBucket", Bucket="bbb")
    waiting = WaitingWrites(base, base / "remotes" / "second", Target(store.local))
    assert await waiting.move("first", after=1) == (1, [])
    assert (await target("ListObjectsV2", Bucket="bbb")).names("Contents", "Key") == ["b"]
    assert await waiting.move("first", [1]) == (1, [])
    assert waiting.status() == []
    store.close()


async def park(folder):
    """Let the remote have overtaken the oldest write."""
    async with open_queue(folder) as queue:
        await queue.journal.conflicts.park(next(iter(queue.journal.pending)), '"theirs"')


@pytest.mark.finding("A4")
async def test_parked_conflicts_wait_as_well_and_are_not_moved(base, tmp_path):
    await park(base)
    store = open_embedded(tmp_path / "store")
    await Client(store.local)("CreateBucket", Bucket="bbb")
    waiting = WaitingWrites(base, base / "remotes" / "second", Target(store.local))
    assert waiting.status()[0].writes == Totals(2, 10)
    moved, (left,) = await waiting.move("first")
    assert (moved, left.write.key, "conflict" in left.error.message) == (1, "a", True)
    (first,) = waiting.status()
    assert (first.writes, first.oldest is not None) == (Totals(1, 5), True)
    store.close()


async def test_without_a_remote_there_is_nowhere_to_move(base):
    with pytest.raises(S3dError):
        await WaitingWrites(base, None, None).move("first")


async def test_a_folder_without_a_queue_has_nothing(tmp_path, base):
    assert count_waiting(tmp_path) == (Totals(), None)
    assert not has_pending(base / "remotes" / "second")
    assert has_pending(base)


async def test_only_the_later_writes_go_and_only_once(tmp_path):
    base, state = tmp_path / "write_queue", tmp_path / "state"
    claim(base, FIRST)
    await stage(base, "before", "after")
    identity = msgspec.structs.replace(SECOND, take_over=TakeOver("first", 1))
    claim(state, identity)
    store = open_embedded(tmp_path / "store")
    target = Client(store.local)
    await target("CreateBucket", Bucket="bbb")
    waiting = WaitingWrites(base, None, Target(store.local))
    here = SimpleNamespace(identity=identity, places=SimpleNamespace(remote_state_dir=state))
    await take_over(here, waiting)
    assert (await target("ListObjectsV2", Bucket="bbb")).names("Contents", "Key") == ["after"]
    assert waiting.status()[0].writes.files == 1
    assert read_identity(state) == SECOND
    store.close()


async def test_a_queue_that_is_gone_is_no_trouble(tmp_path):
    identity = msgspec.structs.replace(SECOND, take_over=TakeOver("gone", 1))
    claim(tmp_path, identity)
    store = open_embedded(tmp_path / "store")
    waiting = WaitingWrites(tmp_path / "write_queue", None, Target(store.local))
    here = SimpleNamespace(identity=identity, places=SimpleNamespace(remote_state_dir=tmp_path))
    await take_over(here, waiting)
    assert read_identity(tmp_path).take_over is None
    store.close()
