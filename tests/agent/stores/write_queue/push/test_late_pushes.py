"""A push that the remote carries out late: after a crash, and after what was written later.

The push of the first write never gets past the proxy. When the later ones have landed, the very
bytes of its request are handed to the server: that is a commit that came late.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from s3d.agent.core.clock import Clock
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, Timeouts
from s3d.agent.stores.remote.remote_store import RemoteStore
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_queue.journal.journal_history import REQUEST_LIFE
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from tests.agent.stores.write_queue.rig import (
    ALL_CONDITIONS,
    NO_CONDITIONS,
    Conditions,
    Rig,
    open_rig,
)
from tests.peers.proxy import Drop, Exchange, Fault, FaultyProxy, Head

pytestmark = [pytest.mark.slow, pytest.mark.finding("S3"), pytest.mark.rule("ORD-3")]

FIRST, SECOND = b"the first write", b"the second write"


def is_put(head: Head) -> bool:
    return head.method == "PUT" and "/k" in head.target


@dataclass
class Scene:
    """A proxy before SeaweedFS, and the queue that an agent leaves behind when it is killed."""

    folder: Path
    proxy: FaultyProxy
    bucket: str
    judged: Conditions
    later: float = 0.0
    """Seconds by which the clock of the agent was moved."""

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Rig]:
        peer = self.proxy.peer
        key = RemoteKey(peer.access_key, peer.secret_key)
        settings = Settings(peer.endpoint, timeouts=Timeouts(connect=5, silence=10, work=10))
        remote = RemoteStore(settings, CredentialProvider(region=peer.region, key=key))
        clock = Clock(now=lambda: time.time() + self.later, random=lambda: 0.0)
        try:
            async with open_rig(self.folder, over=remote, clock=clock, judged=self.judged) as rig:
                with suppress(Exception):
                    await rig.staged("CreateBucket", Bucket=self.bucket)
                yield rig
        finally:
            await remote.close()

    @asynccontextmanager
    async def killed_agent(self) -> AsyncIterator[Rig]:
        """An agent with the push of the first write in flight, which does not arrive yet. It is
        killed at the end; from then on the remote can be reached."""
        self.proxy.inject(Fault(drop=Drop.BEFORE), times=math.inf, when=is_put)
        async with self.agent() as rig:
            rig.start()
            await rig.staged.put(self.bucket, "k", FIRST)
            await rig.until(lambda: any(is_put(each.head) for each in self.proxy.seen))
            yield rig
            await rig.stop()
        self.heal()

    def of_first(self) -> Exchange:
        return next(each for each in self.proxy.seen if is_put(each.head))

    def heal(self) -> None:
        self.proxy.heal()
        if not self.judged.put_if_absent:
            self.proxy.inject(Fault(strip_conditions=True), times=math.inf)

    async def commit_late(self) -> int:
        """The server gets the first request now; its answer's status."""
        head = self.of_first().head
        assert head["if-none-match"] or not self.judged.put_if_absent
        address = urlsplit(self.proxy.upstream.endpoint)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head.to_bytes() + FIRST)
        answer = await reader.readuntil(b"\r\n")
        writer.close()
        return int(answer.split()[1])

    async def read(self, rig: Rig) -> bytes | None:
        if "k" not in await rig.there.keys(self.bucket):
            return None
        return await rig.there.read(self.bucket, "k")


@pytest.fixture
def scene(
    tmp_path: Path,
    faulty_seaweedfs: FaultyProxy,
    new_bucket: str,
    request: pytest.FixtureRequest,
) -> Scene:
    return Scene(tmp_path, faulty_seaweedfs, new_bucket, getattr(request, "param", ALL_CONDITIONS))


async def test_the_remote_refuses_a_late_commit_after_a_newer_write(scene: Scene) -> None:
    async with scene.killed_agent() as killed:
        await killed.staged.put(scene.bucket, "k", SECOND)
    async with scene.agent() as rig:
        rig.start()
        await rig.pushed()
        assert await scene.commit_late() == 412
        assert await scene.read(rig) == SECOND


async def verifying(rig: Rig) -> None:
    await rig.until(lambda: any(rig.journal.pending.in_state(PendingState.VERIFYING)))
    assert not rig.journal.is_moving


async def until_nothing_can_arrive(scene: Scene, rig: Rig) -> None:
    scene.later = REQUEST_LIFE + 1
    await rig.journal.control.resume()
    await rig.pushed()


async def test_a_late_commit_does_not_undo_a_delete(scene: Scene) -> None:
    async with scene.killed_agent() as killed:
        await killed.journal.recorder.delete(scene.bucket, ["k"])
    async with scene.agent() as rig:
        rig.start()
        await verifying(rig)
        assert await scene.commit_late() == 200
        assert await scene.read(rig) == FIRST
        assert await rig.staged.code("HeadObject", Bucket=scene.bucket, Key="k") == "NoSuchKey"
        await until_nothing_can_arrive(scene, rig)
        assert await scene.read(rig) is None


@pytest.mark.parametrize("scene", [NO_CONDITIONS], indirect=True)
async def test_before_a_remote_without_conditions_it_is_put_right(scene: Scene) -> None:
    async with scene.killed_agent() as killed:
        await killed.staged.put(scene.bucket, "k", SECOND)
    async with scene.agent() as rig:
        rig.start()
        await verifying(rig)
        assert await scene.read(rig) == SECOND
        assert await scene.commit_late() == 200
        assert await scene.read(rig) == FIRST
        assert await rig.staged.read(scene.bucket, "k") == SECOND
        await until_nothing_can_arrive(scene, rig)
        assert await scene.read(rig) == SECOND


@pytest.mark.parametrize("scene", [NO_CONDITIONS], indirect=True)
@pytest.mark.parametrize("tags", ["", "colour=blue"])
async def test_the_same_bytes_with_older_metadata_are_put_right(scene: Scene, tags: str) -> None:
    """Seen in the campaign kills, seed 12: the ETag does not tell which of them is there."""
    newer: Any = {"Metadata": {"colour": "blue"}} | ({"Tagging": tags} if tags else {})
    async with scene.killed_agent() as killed:
        await killed.staged.put(scene.bucket, "k", FIRST, **newer)
    async with scene.agent() as rig:

        async def found() -> tuple[Any, bool]:
            head = await rig.there("HeadObject", Bucket=scene.bucket, Key="k")
            return head.output.get("Metadata", {}), "TagCount" in head.output

        rig.start()
        await verifying(rig)
        assert await found() == ({"colour": "blue"}, bool(tags))
        assert await scene.commit_late() == 200
        assert (await found())[0] == {}
        await until_nothing_can_arrive(scene, rig)
        assert await found() == ({"colour": "blue"}, bool(tags))


@pytest.mark.parametrize("scene", [NO_CONDITIONS], indirect=True)
async def test_it_is_put_right_after_a_second_crash_too(scene: Scene) -> None:
    async with scene.killed_agent() as killed:
        await killed.staged.put(scene.bucket, "k", SECOND)
    async with scene.agent() as killed:
        killed.start()
        await verifying(killed)
        await killed.stop()
    async with scene.agent() as rig:
        assert await scene.commit_late() == 200
        rig.start()
        await verifying(rig)
        await until_nothing_can_arrive(scene, rig)
        assert await scene.read(rig) == SECOND


@pytest.mark.parametrize("scene", [NO_CONDITIONS], indirect=True)
async def test_a_write_whose_only_late_request_brings_the_same_bytes_is_done(
    scene: Scene,
) -> None:
    async with scene.killed_agent():
        pass
    async with scene.agent() as rig:
        rig.start()
        await rig.pushed()
        assert await scene.commit_late() == 200
        assert await scene.read(rig) == FIRST


@pytest.mark.parametrize("scene", [NO_CONDITIONS], indirect=True)
async def test_a_later_write_takes_over_from_one_that_is_verified(scene: Scene) -> None:
    async with scene.killed_agent() as killed:
        await killed.staged.put(scene.bucket, "k", SECOND)
    async with scene.agent() as rig:
        rig.start()
        await verifying(rig)
        await rig.staged.put(scene.bucket, "k", b"third")
        await rig.until(lambda: rig.remote.names().count("PutObject") == 3)
        await verifying(rig)
        assert await scene.commit_late() == 200
        await until_nothing_can_arrive(scene, rig)
        assert await scene.read(rig) == b"third"
