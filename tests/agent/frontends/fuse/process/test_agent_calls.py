"""The questions of the mounts, and what answers them, over a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.process.agent_calls import AgentCalls, handlers
from s3d.agent.frontends.fuse.xattrs import AgentState
from s3d.agent.s3.errors import S3Error
from tests.agent.frontends.fuse.process.pairs import connected


class Services:
    """A MountServices that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.refuses = False

    def is_local(self, bucket: str, key: str, size: int) -> bool:
        self.asked.append((bucket, key, size))
        return size < 5

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        self.asked.append((place, dict(tags)))
        return "no" not in tags

    def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState("pending", "partial", is_pinned=key == "pinned")

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        if self.refuses:
            raise S3Error("InvalidRequest", "There is no cache.")
        self.asked.append((bucket, key, pinned))

    async def pending_below(self, bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        return {f"{prefix}a": True, f"{prefix}b": False, f"{prefix}{limit}": True}

    async def sync_store(self) -> None:
        if self.refuses:
            raise S3Error("SlowDown")
        self.asked.append("sync")


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def agent(services: Services) -> AsyncIterator[AgentCalls]:
    async with connected(handlers(services)) as pair:
        yield AgentCalls(pair.near)


async def test_whether_an_object_is_local(agent, services):
    assert [await agent.is_local("b", "k", size) for size in (4, 5)] == [True, False]
    assert services.asked == [("b", "k", 4), ("b", "k", 5)]


async def test_whether_an_object_may_be_patched(agent, services):
    place = ObjectName("b", "k ä")
    assert await agent.may_patch(place, {"tag": "1"}) is True
    assert await agent.may_patch(place, {"no": ""}) is False
    assert services.asked == [(place, {"tag": "1"}), (place, {"no": ""})]
    assert isinstance(services.asked[0][0], ObjectName)


async def test_the_state_of_an_object(agent):
    for key in ("pinned", "other"):
        state = await agent.state_of("b", key)
        assert state == AgentState("pending", "partial", is_pinned=key == "pinned")
        assert isinstance(state, AgentState)


async def test_pins(agent, services):
    await agent.set_pinned("b", "k", pinned=True)
    await agent.set_pinned("b", "k", pinned=False)
    assert services.asked == [("b", "k", True), ("b", "k", False)]
    services.refuses = True
    with pytest.raises(S3Error, match="There is no cache"):
        await agent.set_pinned("b", "k", pinned=True)


async def test_what_is_pending(agent):
    expected = {"p/a": True, "p/b": False, "p/3": True}
    assert await agent.pending_below("b", "p/", 3) == expected


async def test_the_sync_of_the_store(agent, services):
    assert agent.is_behind
    await agent.sync()
    assert services.asked == ["sync"]
    services.refuses = True
    with pytest.raises(S3Error, match="SlowDown"):
        await agent.sync()
