"""What the filter holds comes up for decision again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.selection.decision import Decision
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PushError
from s3d.agent.stores.write_queue.push.maintenance import QueueMaintenance, reevaluate_periodically
from s3d.shared.filters.expression import EVERYTHING
from tests.agent.stores.write_queue.rig import BAD_KEY, Rig, open_rig, unreachable
from tests.contract.client import Client

GONE = PushError("NoSuchBucket")


async def nothing() -> None:
    return None


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


@pytest.fixture
async def maintenance(rig: Rig) -> QueueMaintenance:
    """With a write that is parked since its bucket is missing."""
    maintenance = QueueMaintenance(
        rig.journal, S3Client(rig.remote), rig.time.clock, on_wakeup=nothing
    )
    await rig.staged("CreateBucket", Bucket="new")
    await rig.staged.put("new", "k", b"1")
    write = await rig.journal.take()
    maintenance.note_parked(write, GONE)
    await rig.journal.outcomes.park(write.seq, GONE)
    return maintenance


def error_of(maintenance: QueueMaintenance) -> PushError | None:
    """For a write that comes only now."""
    return maintenance.missing_buckets.get("new")


def waiting(rig: Rig) -> int:
    return rig.journal.totals().by_state[PendingState.WAITING].files


async def test_a_missing_bucket_is_asked_for_until_it_is_there(
    rig: Rig, maintenance: QueueMaintenance
) -> None:
    assert await maintenance.round()
    assert error_of(maintenance) == GONE
    await rig.there("CreateBucket", Bucket="new")
    await maintenance.round()
    assert (error_of(maintenance), waiting(rig)) == (None, 1)


@pytest.mark.parametrize("trouble", [unreachable(), BAD_KEY])
async def test_no_answer_does_not_mean_that_it_is_there(
    rig: Rig, maintenance: QueueMaintenance, trouble: object
) -> None:
    rig.remote.fail("GetObject", trouble)  # type: ignore[arg-type]
    await maintenance.round()
    assert (error_of(maintenance), waiting(rig)) == (GONE, 0)


async def test_a_bucket_that_nobody_waits_for_is_forgotten(
    rig: Rig, maintenance: QueueMaintenance
) -> None:
    for write in list(rig.journal.pending):
        await rig.journal.control.discard(write.seq)
    await maintenance.round()
    assert (error_of(maintenance), rig.remote.names()) == (None, [])


async def test_it_rests_when_there_is_nothing_to_look_after(rig: Rig) -> None:
    maintenance = QueueMaintenance(
        rig.journal, S3Client(rig.remote), rig.time.clock, on_wakeup=nothing
    )
    assert not await maintenance.round()


REASON = "the policy excludes it: some reason"


class Policy:
    """Says no until it is told otherwise."""

    def __init__(self):
        self.includes = False
        self.asked = asyncio.Event()

    async def refresh(self):
        pass

    async def decide(self, document):
        self.asked.set()
        return Decision(self.includes, "some reason")


async def no_tags(bucket):
    return {}


async def test_what_the_filter_holds_waits_again_and_what_a_person_holds_does_not(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True, tables=journal_rows.TABLES)
    journal = await Journal.open(index, Events())
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    s3 = Client(LocalStore(index, blobs, on_change=journal.recorder.record))
    await s3("CreateBucket", Bucket="bucket")
    for key in ("filtered", "paused"):
        await s3("PutObject", Bucket="bucket", Key=key, Body=b"x")
    write = await journal.take()
    assert write.key == "filtered"
    await journal.outcomes.exclude(write.seq, REASON)
    other = journal.pending.newest("bucket", "paused")
    await journal.control.hold(other.seq)
    assert (write.is_filtered, other.is_filtered) == (True, False)

    events = Events()
    again = await Journal.open(index, events)  # as after a restart
    kept = again.pending.newest("bucket", "filtered")
    assert (kept.is_filtered, kept.error.message) == (True, REASON)

    policy = Policy()
    rules = UsePolicy("push", EVERYTHING, no_tags, policy=policy)
    running = asyncio.get_running_loop().create_task(
        reevaluate_periodically(again, Clock(), 0.0, rules)
    )
    told = events.seq
    for _ in range(3):
        policy.asked.clear()
        await policy.asked.wait()
    assert kept.is_filtered
    assert events.seq == told  # as before: nobody hears of it again
    policy.includes = True
    taken = await again.take()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert taken.key == "filtered"
    assert again.pending.newest("bucket", "paused").state is PendingState.HELD
    index.close()


async def test_what_is_held_for_another_reason_says_so(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True, tables=journal_rows.TABLES)
    journal = await Journal.open(index, Events())
    s3 = Client(
        LocalStore(
            index, Blobs(tmp_path / "blobs", ephemeral=True), on_change=journal.recorder.record
        )
    )
    await s3("CreateBucket", Bucket="bucket")
    await s3("PutObject", Bucket="bucket", Key="key", Body=b"x")
    await journal.outcomes.exclude((await journal.take()).seq, "another reason")
    rules = UsePolicy("push", EVERYTHING, no_tags, policy=Policy())
    running = asyncio.get_running_loop().create_task(
        reevaluate_periodically(journal, Clock(), 0.0, rules)
    )
    assert (await journal.take()).key == "key"  # the pusher asks for the reason
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    index.close()
