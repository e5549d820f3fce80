"""A journal on its staging store, without a pusher."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from s3d.agent.core.events import Events
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import (
    PushError,
)
from tests.contract.client import Client

ONE, MANY = "one-version", "many-versions"


ERROR = PushError("AccessDenied", "no")


@dataclass
class Desk:
    """A journal and its staging store."""

    index: Index
    journal: Journal
    s3: Client
    events: Events

    def staged(self, bucket, key):
        """(data, tags) as reads see it; None: nothing."""
        stored = self.index.read_inline(lambda reader: reader.current(bucket, key.encode()))
        return None if stored is None else self.content(stored)

    def content(self, stored):
        data = b""
        if stored.layout.extents:
            data = self.index.read_inline(lambda reader: reader.data(stored.layout.extents[0]))
        return data, dict(stored.record.description.tags)

    async def take(self):
        """The next write, or None when there is none due."""
        try:
            async with asyncio.timeout(0):
                return await self.journal.take()
        except TimeoutError:
            return None

    async def pushed(self):
        """Push everything that can go; what went, in order."""
        gone = []
        while (write := await self.take()) is not None:
            gone.append((write.kind, write.key, await self.journal.load(write)))
            await self.journal.outcomes.acknowledge(write.seq, "")
        return gone


async def open_desk(folder, clock=lambda: 1000.0):
    index = Index.open(folder / "index", ephemeral=True, tables=journal_rows.TABLES)
    events = Events()
    journal = await Journal.open(index, events, clock)
    journal.unversioned.add(ONE)
    store = LocalStore(
        index,
        Blobs(folder / "blobs", ephemeral=True),
        clock=clock,
        on_change=journal.recorder.record,
    )
    s3 = Client(store)
    for bucket in (ONE, MANY):
        await s3("CreateBucket", Bucket=bucket)
    return Desk(index, journal, s3, events)


@asynccontextmanager
async def reopened(desk, folder):
    desk.index.close()
    again = await open_desk(folder)
    try:
        yield again
    finally:
        again.index.close()
