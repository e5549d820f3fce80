"""Requests without a condition that the remote carries out late: after a crash of their agent.

In test_late_pushes.py they are PutObject requests before a real server. Here they are deletions and
completions of a remote that supports conditions for PutObject only, and beginnings of uploads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.write_queue.journal.journal_history import REQUEST_LIFE
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from tests.agent.stores.write_queue.rig import PATIENCE, Conditions, Rig, open_rig, unreachable

pytestmark = [pytest.mark.finding("S3"), pytest.mark.rule("ORD-3")]

PUT_ONLY = Conditions(complete_if_absent=False, complete_if_match=False, delete_if_match=False)
FIRST, SECOND = b"the first write", b"the second write"


@dataclass
class Slow:
    """A remote that carries out the first request of one operation late, without an answer."""

    inner: ObjectStore
    operation: str
    requests: list[S3Request[Any]] = field(default_factory=list)

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        if request.op.name != self.operation or self.requests:
            return await self.inner.call(request)
        self.requests.append(request)
        await asyncio.Event().wait()
        raise AssertionError


@asynccontextmanager
async def agent(folder: Path) -> AsyncIterator[Rig]:
    async with open_rig(folder, judged=PUT_ONLY) as rig:
        rig.journal.unversioned.add("bbb")
        yield rig


@dataclass
class Scene:
    """The folder of an agent that is killed while a request is under way."""

    folder: Path
    requests: list[S3Request[Any]] = field(default_factory=list)

    @asynccontextmanager
    async def killed_agent(self, operation: str) -> AsyncIterator[Rig]:
        """At the end the request of the operation is under way, and the agent is killed."""
        async with agent(self.folder) as rig:
            slow = rig.remote.inner = Slow(rig.remote.inner, operation, self.requests)
            rig.start()
            yield rig
            await rig.until(lambda: operation in rig.remote.names())
            await rig.asleep()
            assert len(slow.requests) == 1

    async def carry_out(self, rig: Rig) -> None:
        """The remote carries out the request now. No body is needed."""
        await rig.remote.inner.call(self.requests[0])


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def is_right_in_the_end(scene: Scene, rig: Rig) -> None:
    """The second write is at the remote once nothing can arrive any more."""
    await rig.until(lambda: any(rig.journal.pending.in_state(PendingState.VERIFYING)))
    await scene.carry_out(rig)
    await rig.advance(REQUEST_LIFE + 1)
    await rig.pushed()
    assert await rig.there.read("bbb", "k") == SECOND


async def test_a_late_delete_does_not_undo_a_later_put(scene: Scene) -> None:
    async with scene.killed_agent("DeleteObject") as killed:
        await killed.staged.put("bbb", "k", FIRST)
        await killed.pushed()
        await killed.journal.recorder.delete("bbb", ["k"])
    async with agent(scene.folder) as rig:
        rig.start()
        await rig.pushed()
        await rig.staged.put("bbb", "k", SECOND)
        await is_right_in_the_end(scene, rig)


async def test_a_late_delete_does_not_undo_a_put_that_has_replaced_it(scene: Scene) -> None:
    async with scene.killed_agent("DeleteObject") as killed:
        await killed.staged.put("bbb", "k", FIRST)
        await killed.pushed()
        await killed.journal.recorder.delete("bbb", ["k"])
    async with agent(scene.folder) as rig:
        await rig.staged.put("bbb", "k", SECOND)
        rig.start()
        await is_right_in_the_end(scene, rig)


async def test_a_late_completion_does_not_undo_a_put_that_has_replaced_it(scene: Scene) -> None:
    async with scene.killed_agent("CompleteMultipartUpload") as killed:
        await killed.put_parts("k", 10)
    async with agent(scene.folder) as rig:
        await rig.staged.put("bbb", "k", SECOND)
        rig.remote.fail("ListMultipartUploads", unreachable(), 1)
        rig.remote.fail("AbortMultipartUpload", unreachable(), 1)
        rig.start()
        await is_right_in_the_end(scene, rig)


async def test_an_upload_that_begins_late_is_aborted(scene: Scene) -> None:
    async with scene.killed_agent("CreateMultipartUpload") as killed:
        await killed.put_parts("k", 10)
    async with agent(scene.folder) as rig:
        await rig.advance(1)
        rig.start()
        await rig.pushed()
        await scene.carry_out(rig)
        assert len(await uploads(rig)) == 1
        await rig.advance(15)  # to the next round of the maintenance
        async with asyncio.timeout(PATIENCE):
            while await uploads(rig):
                await rig.asleep()


async def uploads(rig: Rig) -> list[str]:
    return (await rig.there("ListMultipartUploads", Bucket="bbb")).names("Uploads", "UploadId")
