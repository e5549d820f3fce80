"""The real agent's socket, as the app uses it."""

import asyncio
import io
import os

import pytest

from s3d.shared.control import BucketList, Hello, Listing
from s3d.tui.agent_client import AgentUnreachable, RequestRefused, SocketAgent


@pytest.fixture
async def client(agent):
    found = SocketAgent(agent.places.socket)
    yield found
    await found.close()


async def test_calls_and_data(agent, client):
    agent.objects.create_bucket("photos")
    agent.objects.put("photos", "a", io.BytesIO(b"0123456789"), 10)
    assert (await client.call("GET", "/v1/hello", Hello)).pid == agent.process.pid
    found = await client.call("GET", "/v1/buckets", BucketList)
    assert [bucket.name for bucket in found.buckets] == ["photos"]
    page = await client.call("GET", "/v1/buckets/photos/objects", Listing)
    assert [info.key for info in page.objects] == ["a"]
    path = "/v1/buckets/photos/object?key=a"
    assert await client.read_range(path, 2, 3) == b"234"
    assert await client.read_range(path, 20, 3) == b""
    await client.call("DELETE", path, object)


async def test_a_range_of_any_size_arrives_whole(agent, client):
    data = os.urandom(3 << 20)
    agent.objects.create_bucket("films")
    agent.objects.put("films", "a", io.BytesIO(data), len(data))
    path = "/v1/buckets/films/object?key=a"
    assert await client.read_range(path, 5, 2 << 20) == data[5 : 5 + (2 << 20)]


async def test_a_no_says_why(client):
    with pytest.raises(RequestRefused) as caught:
        await client.call("GET", "/v1/buckets/nothing/objects", Listing)
    assert caught.value.problem.code == "NoSuchBucket"
    with pytest.raises(RequestRefused):
        await client.read_range("/v1/buckets/nothing/object?key=a", 0, 1)


async def test_events_come_until_the_agent_dies(agent, client):
    kinds: list[str] = []

    async def follow() -> None:
        async for event in client.events():
            kinds.append(event.kind)
            if event.kind == "hello":
                agent.objects.create_bucket("new")
            if event.kind == "store.changed":
                agent.kill()

    async with asyncio.timeout(20):
        with pytest.raises(AgentUnreachable):
            await follow()
    assert kinds[0] == "hello"
    with pytest.raises(AgentUnreachable, match="no agent at"):
        await client.call("GET", "/v1/hello", Hello)
