"""What the filter holds comes up for decision again."""

import asyncio
from contextlib import suppress

from s3d.agent.core.events import Events
from s3d.agent.selection.decision import Decision
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.pending import PendingState
from s3d.agent.stores.write_queue.reevaluate_filters import reevaluate_periodically
from s3d.shared.filters.expression import EVERYTHING
from tests.contract.client import Client

REASON = "the policy says no: some reason"


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
    s3 = Client(LocalStore(index, blobs, on_change=journal.record))
    await s3("CreateBucket", Bucket="bucket")
    for key in ("filtered", "paused"):
        await s3("PutObject", Bucket="bucket", Key=key, Body=b"x")
    write = await journal.take()
    assert write.key == "filtered"
    await journal.exclude(write.seq, REASON)
    other = journal.pending("bucket", "paused")
    await journal.hold(other.seq)
    assert (write.is_filtered, other.is_filtered) == (True, False)

    events = Events()
    again = await Journal.open(index, events)  # as after a restart
    kept = again.pending("bucket", "filtered")
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
    assert again.pending("bucket", "paused").state is PendingState.HELD
    index.close()


async def test_what_is_held_for_another_reason_says_so(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True, tables=journal_rows.TABLES)
    journal = await Journal.open(index, Events())
    s3 = Client(
        LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), on_change=journal.record)
    )
    await s3("CreateBucket", Bucket="bucket")
    await s3("PutObject", Bucket="bucket", Key="key", Body=b"x")
    await journal.exclude((await journal.take()).seq, "another reason")
    rules = UsePolicy("push", EVERYTHING, no_tags, policy=Policy())
    running = asyncio.get_running_loop().create_task(
        reevaluate_periodically(journal, Clock(), 0.0, rules)
    )
    assert (await journal.take()).key == "key"  # the pusher asks for the reason
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    index.close()
