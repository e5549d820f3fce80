"""Moves to another store, in one process; what a crash does to them is in tests/gateway."""

import pytest

from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PushError
from s3d.agent.stores.write_queue.move_writes import MOVING, Mover, OpenQueue, Target
from tests.agent.stores.write_queue.rig import DENIED, MIB, lost, open_rig


@pytest.fixture
async def rig(tmp_path):
    async with open_rig(tmp_path) as rig:
        yield rig


async def move(rig, writes=None):
    mover = Mover(OpenQueue(rig.journal, rig.body_of), Target(rig.remote))
    return await mover.move(list(rig.journal.pending) if writes is None else writes)


@pytest.mark.finding("D1")
async def test_all_kinds_of_writes_arrive_as_they_were_accepted(rig):
    await rig.there("PutObject", Bucket="bbb", Key="gone", Body=b"x")
    await rig.there("PutObject", Bucket="bbb", Key="kept", Body=b"kept")
    rig.time.advance(10.0)
    await rig.staged("PutObject", Bucket="bbb", Key="k", Body=b"data", Metadata={"m": "1"})
    etag = await rig.put_parts("large", 5 * MIB, 7)
    await rig.journal.recorder.delete("bbb", ["gone"])
    assert await move(rig) == (3, [])
    assert rig.journal.totals().files == 0
    got = await rig.there("GetObject", Bucket="bbb", Key="k")
    assert (got.body, got["Metadata"]) == (b"data", {"m": "1"})
    assert (await rig.there("HeadObject", Bucket="bbb", Key="large"))["ETag"] == etag
    assert (await rig.there("ListObjectsV2", Bucket="bbb")).names("Contents", "Key") == [
        "k", "kept", "large"]  # fmt: skip


async def test_what_is_refused_stays_as_it_was_and_so_do_later_writes_of_its_key(rig):
    for data in (b"1", b"2"):
        await rig.staged("PutObject", Bucket="bbb", Key="k", Body=data)
    await rig.staged("PutObject", Bucket="bbb", Key="other", Body=b"3")
    await rig.journal.control.hold(next(iter(rig.journal.pending)).seq)
    rig.remote.fail("PutObject", DENIED)
    moved, (left,) = await move(rig)
    assert (moved, left.write.key, left.error.code) == (1, "k", "AccessDenied")
    assert [write.state for write in rig.journal.pending] == [
        PendingState.HELD, PendingState.WAITING]  # fmt: skip
    assert await rig.there.code("HeadObject", Bucket="bbb", Key="k") == "NoSuchKey"


async def test_an_upload_that_breaks_off_is_aborted(rig):
    await rig.put_parts("large", 5 * MIB, 7)
    rig.remote.fail("CompleteMultipartUpload", DENIED)
    assert (await move(rig))[0] == 0
    assert not (await rig.there("ListMultipartUploads", Bucket="bbb")).get("Uploads")


async def test_a_parked_write_that_is_refused_again_keeps_its_reason(rig):
    await rig.staged("PutObject", Bucket="bbb", Key="k", Body=b"data")
    (write,) = rig.journal.pending
    await rig.journal.outcomes.park(write.seq, PushError("TheFirst"))
    rig.remote.fail("PutObject", DENIED)
    await move(rig)
    assert next(iter(rig.journal.pending)).error.code == "TheFirst"


@pytest.mark.parametrize("there", [b"data", b"newer", None])
async def test_a_write_that_may_have_arrived_is_never_put_over_something_else(rig, there):
    await rig.staged("PutObject", Bucket="bbb", Key="k", Body=b"data")
    rig.remote.fail("PutObject", lost)
    assert (await move(rig))[0] == 0
    assert next(iter(rig.journal.pending)).error.code == MOVING
    if there is not None:
        await rig.there("PutObject", Bucket="bbb", Key="k", Body=there)
    moved, left = await move(rig)
    assert (moved, [unmoved.error.code for unmoved in left]) == (
        (0, ["OperationAborted"]) if there == b"newer" else (1, []))  # fmt: skip
    got = await rig.there("GetObject", Bucket="bbb", Key="k")
    assert got.body == (there or b"data")


@pytest.mark.finding("A3")
async def test_what_is_not_older_at_the_target_is_neither_replaced_nor_deleted(rig):
    await rig.there("PutObject", Bucket="bbb", Key="older", Body=b"before")
    rig.time.advance(10.0)
    for key in ("k", "older"):
        await rig.staged("PutObject", Bucket="bbb", Key=key, Body=b"ours")
    await rig.journal.recorder.delete("bbb", ["doomed"])
    for key in ("k", "doomed"):
        await rig.there("PutObject", Bucket="bbb", Key=key, Body=b"theirs")
    rig.time.advance(10.0)
    moved, left = await move(rig)
    assert (moved, [unmoved.write.key for unmoved in left]) == (1, ["k", "doomed"])
    bodies = [(await rig.there("GetObject", Bucket="bbb", Key=key)).body
              for key in ("k", "doomed", "older")]  # fmt: skip
    assert bodies == [b"theirs", b"theirs", b"ours"]
    assert {write.state for write in rig.journal.pending} == {PendingState.WAITING}


@pytest.mark.finding("A3")
async def test_later_writes_of_a_key_follow_the_ones_that_were_moved_before(rig):
    for data in (b"1", b"2"):
        await rig.staged("PutObject", Bucket="bbb", Key="k", Body=data)
    rig.time.advance(10.0)
    assert await move(rig) == (2, [])
    assert (await rig.there("GetObject", Bucket="bbb", Key="k")).body == b"2"


@pytest.mark.finding("A3")
async def test_a_moved_write_keeps_its_time_and_goes_before_nothing_newer(rig, tmp_path):
    (tmp_path / "second").mkdir()
    async with open_rig(tmp_path / "second", clock=rig.time.clock) as other:
        for key in ("k", "newer"):
            await rig.staged("PutObject", Bucket="bbb", Key=key, Body=b"ours")
        accepted = next(iter(rig.journal.pending)).first_accepted
        rig.time.advance(10.0)
        other.journal.remote_states.note("bbb", "k", '"theirs"')
        await other.staged("PutObject", Bucket="bbb", Key="newer", Body=b"newer")
        target = Target(other.staged.store, other.journal)
        mover = Mover(OpenQueue(rig.journal, rig.body_of), target)
        moved, (left,) = await mover.move(list(rig.journal.pending))
        assert (moved, left.write.key) == (1, "newer")
        (write,) = other.journal.pending.writes("bbb", "k")
        row = await other.journal.load(write)
        assert (row.base.accepted, row.base.etag) == (accepted, None)
