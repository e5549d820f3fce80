"""marker_exchange: agents that tell one another over a real store, by a clock that is moved."""

from __future__ import annotations

import msgspec
import pytest

from s3d.agent.core.clock import Clock
from s3d.agent.core.path_names import MARKER
from s3d.agent.remote_changes.marker_exchange import OBJECT_LOCK, MarkerExchange
from s3d.agent.remote_changes.marker_format import MAX_CHANGES, News, decode_marker
from s3d.agent.remote_changes.marker_object import MarkerObject, WatchedPrefix
from s3d.agent.remote_changes.marker_times import RETRY_REFUSED
from s3d.agent.s3.messages import BytesBody
from tests.agent.remote_changes.conftest import BUCKET, Remote
from tests.agent.remote_changes.moved_clock import MovedClock

PLACE = WatchedPrefix(BUCKET, "p/")


class Agent:
    """An agent with its marker exchange; does what is due on demand."""

    def __init__(self, remote: Remote, clock: MovedClock, name: str, **options: object) -> None:
        self.news: list[News] = []
        value: Clock = clock.value
        marker = MarkerObject(remote.client, PLACE)
        self.exchange = MarkerExchange(marker, name, self.news.append, clock=value, **options)

    async def write(self, *paths: str) -> None:
        for path in paths:
            self.exchange.written(path)
        await self.exchange.step()

    def take(self) -> list[str]:
        """The paths that it has learned of; "*" for a gap."""
        found = [path for news in self.news for path in (*news.paths, *("*" * news.is_gap))]
        self.news.clear()
        return found


@pytest.fixture
async def pair(remote, clock):
    """Two agents that have read the marker once."""
    agents = Agent(remote, clock, "a"), Agent(remote, clock, "b")
    for each in agents:
        await each.exchange.step()
        each.take()
    clock.forward(5)
    remote.requests.clear()
    return agents


async def marker_of(remote):
    _info, body = await remote.client.get(BUCKET, PLACE.prefix + MARKER)
    return decode_marker(b"".join([block async for block in body]))


async def test_the_first_agent_makes_the_marker_and_each_lists_at_first(remote, clock):
    agent = Agent(remote, clock, "a")
    assert not agent.exchange.is_working
    await agent.exchange.step()
    assert agent.exchange.is_working
    assert agent.take() == ["*"]
    assert (await marker_of(remote)).changes == ()


async def test_another_agent_learns_of_a_write_by_one_conditional_request(remote, clock, pair):
    a, b = pair
    await a.write("x")
    assert remote.requests == {"PutObject": 1, "GetObject": 1}
    remote.requests.clear()
    await b.exchange.step()
    assert (b.take(), a.take()) == (["x"], [])
    assert remote.requests == {"GetObject": 1}
    clock.forward(5)
    await b.exchange.step()
    assert b.take() == []
    await b.write("y", "z")
    clock.forward(5)
    await a.exchange.step()
    assert (a.take(), b.take()) == (["y", "z"], [])


async def test_the_marker_is_written_once_a_second_at_most(remote, clock, pair):
    a, b = pair
    await a.write("x")
    for number in range(10):
        clock.forward(0.0625)
        await a.write(f"{number}")
    assert remote.requests["PutObject"] == 1
    clock.forward(0.5)
    await a.exchange.step()
    assert remote.requests["PutObject"] == 2
    await b.exchange.step()
    assert b.take() == ["x", *map(str, range(10))]


async def test_the_marker_is_read_every_5_seconds_then_every_60(remote, clock, pair):
    """By the second: an hour after the last change, and the hour after that."""
    a, _ = pair
    for _ in range(3590):
        clock.forward(1)
        await a.exchange.step()
    assert 715 <= remote.requests["GetObject"] <= 720
    clock.forward(20)
    await a.exchange.step()
    remote.requests.clear()
    for _ in range(3600):
        clock.forward(1)
        await a.exchange.step()
    assert 59 <= remote.requests["GetObject"] <= 61
    a.exchange.written("x")  # what happens here makes a change there likely
    remote.requests.clear()
    for _ in range(60):
        clock.forward(1)
        await a.exchange.step()
    assert 11 <= remote.requests["GetObject"] <= 13


async def test_a_cost_limit_makes_the_intervals_longer(remote, clock):
    free = Agent(remote, clock, "a", objects=lambda: 10_000)
    dear = Agent(
        remote, clock, "b", objects=lambda: 10_000, cost_limit=free.exchange.times.cost / 4
    )
    assert dear.exchange.times.stretch == pytest.approx(4.0)
    assert dear.exchange.times.cost == pytest.approx(free.exchange.times.cost / 4)
    await dear.exchange.step()
    remote.requests.clear()
    for _ in range(100):
        clock.forward(1)
        await dear.exchange.step()
    assert remote.requests["GetObject"] in (4, 5)


async def test_too_many_changes_are_a_gap(remote, clock, pair):
    a, b = pair
    await a.write(*map(str, range(MAX_CHANGES + 1)))
    await b.exchange.step()
    assert b.take() == ["*"]


@pytest.mark.parametrize("conditions", [True, False])
async def test_what_a_concurrent_writer_replaces_is_written_again(remote, clock, pair, conditions):
    """Both have read the same version; the second write of the two loses or replaces the first."""
    a, b = pair
    remote.without_conditions = not conditions
    await a.write("of a")
    await b.write("of b")
    for _ in range(4):
        clock.forward(5)
        await a.exchange.step()
        await b.exchange.step()
    assert set(a.take()) >= {"of b"}
    assert set(b.take()) >= {"of a"}
    assert {change.path for change in (await marker_of(remote)).changes} == {"of a", "of b"}


async def test_noncurrent_versions_are_removed(remote, clock):
    client = remote.client
    status = {"VersioningConfiguration": {"Status": "Enabled"}}
    await client.output("PutBucketVersioning", {"Bucket": BUCKET, **status})
    key = PLACE.prefix + MARKER
    for _ in range(3):  # of earlier runs
        await client.store(BUCKET, key, BytesBody(b"{}"))
    agent = Agent(remote, clock, "a")
    for path in "xyz":
        await agent.write(path)
        clock.forward(1)
    page = await client.versions(BUCKET, key, limit=100)
    assert [row.is_latest for row in page.objects] == [True]
    assert [change.path for change in (await marker_of(remote)).changes] == ["x", "y", "z"]


async def test_with_object_lock_there_is_no_marker(remote, clock):
    await remote.client.output(
        "CreateBucket", {"Bucket": "locked", "ObjectLockEnabledForBucket": True}
    )
    marker = MarkerObject(remote.client, WatchedPrefix("locked", ""))
    exchange = MarkerExchange(marker, "a", lambda news: None, clock=clock.value)
    await exchange.step()
    exchange.written("x")
    clock.forward(5)
    await exchange.step()
    assert exchange.write_trouble == OBJECT_LOCK
    assert not exchange.is_working
    assert remote.requests["PutObject"] == 0


async def test_without_the_right_to_write_there_is_no_marker_until_there_is(remote, clock):
    remote.refused["PutObject"] = "AccessDenied"
    agent = Agent(remote, clock, "a")
    await agent.exchange.step()
    assert agent.exchange.write_trouble == "cannot write the marker .s3d/changes: AccessDenied"
    assert not agent.exchange.is_working
    for _ in range(100):
        clock.forward(5)
        await agent.write("x")
    assert remote.requests["PutObject"] == 1
    del remote.refused["PutObject"]
    clock.forward(RETRY_REFUSED)
    await agent.exchange.step()
    assert (agent.exchange.write_trouble, agent.exchange.is_working) == ("", True)
    assert [change.path for change in (await marker_of(remote)).changes] == ["x"]


async def test_a_marker_that_may_not_be_read_is_named_and_tried_again(remote, clock, pair):
    a, _ = pair
    remote.refused["GetObject"] = "AccessDenied"
    await a.exchange.step()
    assert "read the marker" in a.exchange.read_trouble
    assert not a.exchange.is_working
    remote.requests.clear()
    for _ in range(100):
        clock.forward(5)
        await a.exchange.step()
    assert remote.requests["GetObject"] == 0
    del remote.refused["GetObject"]
    clock.forward(RETRY_REFUSED)
    await a.exchange.step()
    assert a.exchange.is_working


async def test_an_outage_is_no_refusal(remote, clock, pair):
    a, b = pair
    remote.refused = {"GetObject": "ServiceUnavailable", "PutObject": "ServiceUnavailable"}
    await a.write("x")
    clock.forward(5)
    await a.exchange.step()
    assert a.exchange.is_working  # for a while
    for _ in range(100):
        clock.forward(5)
        await a.exchange.step()
    assert not a.exchange.is_working
    remote.refused = {}
    clock.forward(60)
    await a.exchange.step()
    assert a.exchange.is_working
    await b.exchange.step()
    assert b.take() == ["x"]


@pytest.mark.parametrize("data", [b"", b"no marker", b"x" * (5 << 20)], ids=len)
async def test_a_marker_that_somebody_has_overwritten_is_made_again(remote, clock, pair, data):
    a, b = pair
    await a.write("x")
    await b.exchange.step()
    b.take()
    await remote.client.store(BUCKET, PLACE.prefix + MARKER, BytesBody(data))
    clock.forward(5)
    await a.write("y")
    await b.exchange.step()
    assert set(b.take()) >= {"y"}
    assert {change.path for change in (await marker_of(remote)).changes} == {"x", "y"}


async def test_a_marker_that_somebody_has_deleted_is_made_again(remote, clock, pair):
    a, b = pair
    await remote.client.delete(BUCKET, PLACE.prefix + MARKER)
    await a.write("y")
    await b.exchange.step()
    assert set(b.take()) >= {"y"}


async def test_a_marker_of_a_newer_s3d_is_left_alone(remote, clock, pair):
    a, _ = pair
    newer = msgspec.json.encode({"format": 2})
    await remote.client.store(BUCKET, PLACE.prefix + MARKER, BytesBody(newer))
    await a.write("x")
    clock.forward(5)
    await a.write("y")
    assert "newer" in a.exchange.read_trouble
    assert not a.exchange.is_working
    with pytest.raises(ValueError, match="newer"):
        await marker_of(remote)


async def test_the_last_writes_are_told_at_the_end(remote, clock, pair):
    a, b = pair
    await a.write("x")
    a.exchange.written("y")
    await a.exchange.finish()
    await b.exchange.step()
    assert b.take() == ["x", "y"]
