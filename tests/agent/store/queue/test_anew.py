"""What the filter holds comes up for decision again."""

import asyncio
from contextlib import suppress

from s3d.agent.events import Events
from s3d.agent.store.blobs import Blobs
from s3d.agent.store.index import Index
from s3d.agent.store.local.store import LocalStore
from s3d.agent.store.queue import rows
from s3d.agent.store.queue.anew import decide_now_and_then
from s3d.agent.store.queue.clock import Clock
from s3d.agent.store.queue.journal import Journal
from s3d.agent.store.queue.pending import PendingState
from tests.contract.client import Client


async def test_what_the_filter_holds_waits_again_and_what_a_person_holds_does_not(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True, tables=rows.TABLES)
    journal = await Journal.open(index, Events())
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    s3 = Client(LocalStore(index, blobs, on_change=journal.record))
    await s3("CreateBucket", Bucket="bucket")
    for key in ("filtered", "paused"):
        await s3("PutObject", Bucket="bucket", Key=key, Body=b"x")
    write = await journal.take()
    assert write.key == "filtered"
    await journal.exclude(write.seq, "the reason")
    other = journal.pending("bucket", "paused")
    await journal.hold(other.seq)
    assert (write.is_filtered, other.is_filtered) == (True, False)

    again = await Journal.open(index, Events())  # as after a restart
    kept = again.pending("bucket", "filtered")
    assert (kept.is_filtered, kept.error.message) == (True, "the reason")

    running = asyncio.get_running_loop().create_task(decide_now_and_then(again, Clock(), 0.0))
    taken = await again.take()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert taken.key == "filtered"
    assert again.pending("bucket", "paused").state is PendingState.HELD
    index.close()
