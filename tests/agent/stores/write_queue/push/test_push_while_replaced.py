"""A write is taken for its push while the commit of its successor removes its row."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.storage.index import Index
from tests.agent.stores.write_queue.rig import PATIENCE, Rig, open_rig

pytestmark = [pytest.mark.finding("S3"), pytest.mark.rule("ORD-3")]

FIRST, SECOND = b"the first write", b"the second write"


@dataclass
class Unanswered:
    """A remote that carries out every PutObject and never answers it."""

    inner: ObjectStore
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        if request.op.name == "PutObject":
            self.done.set()
            await asyncio.Event().wait()
        return response


class SlowCommits:
    """Holds back commits of an index: the actions were run, and nothing is durable yet."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._begin, self._end = threading.Event(), threading.Event()
        self._reached = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._reach = lambda: loop.call_soon_threadsafe(self._reached.set)

    def gather(self) -> None:
        """What is written from now on is one group."""
        self._index.post(lambda tx: self._begin.wait(PATIENCE))

    async def reach_commit(self) -> None:
        """Run the actions of the group, up to its commit."""

        def wait(tx: object) -> None:
            self._reach()
            self._end.wait(PATIENCE)

        self._index.post(wait)
        self._begin.set()
        await self._reached.wait()

    def commit(self) -> None:
        self._end.set()


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[Rig]:
    async with open_rig(folder) as rig:
        rig.journal.unversioned.add("bbb")
        yield rig


async def push_while_replaced(rig: Rig) -> None:
    """Begin the push of the pending write while a newer write of its key is being committed."""
    commits = SlowCommits(rig.index)
    commits.gather()
    second = rig.aside(rig.staged.put("bbb", "k", SECOND))
    await rig.asleep()
    await commits.reach_commit()
    rig.start()
    await rig.asleep()
    commits.commit()
    await second


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """The folder of an agent that was killed before the remote has answered its push."""
    async with agent(tmp_path) as rig:
        remote = rig.remote.inner = Unanswered(rig.remote.inner)
        await rig.staged.put("bbb", "k", FIRST)
        await push_while_replaced(rig)
        await remote.done.wait()
    return tmp_path


async def test_a_newer_write_is_not_taken_for_a_conflict_after_a_crash(crashed: Path) -> None:
    async with agent(crashed) as rig:
        rig.start()
        await rig.pushed()
        assert rig.journal.totals().conflicts.files == 0
        assert await rig.there.read("bbb", "k") == SECOND


async def test_an_upload_in_parts_is_not_begun_for_a_write_that_is_gone(tmp_path: Path) -> None:
    async with agent(tmp_path) as rig:
        await rig.put_parts("k", 10)
        rig.remote.gate.clear()  # HeadObject, which comes first, is answered after the commit
        await push_while_replaced(rig)
        rig.remote.gate.set()
        await rig.pushed()
        assert (await rig.there("ListMultipartUploads", Bucket="bbb")).names(
            "Uploads", "UploadId"
        ) == []
        assert await rig.there.read("bbb", "k") == SECOND
