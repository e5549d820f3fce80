import asyncio

import pytest

from s3d.tui.agent_client import AgentUnreachable
from s3d.tui.app_state import Link, State
from s3d.tui.demo import DemoAgent
from s3d.tui.feed import Feed


@pytest.mark.parametrize(
    ("tab", "field"),
    [("cache", "entries"), ("sync", "history"), ("logs", "log")],
)
async def test_only_what_is_shown_is_polled(tab, field):
    state = State()
    feed = Feed(DemoAgent(), state, changed=lambda: None)
    await feed.poll()
    assert state.transfers
    assert state.folders
    assert not getattr(state, field)
    feed.tab = tab
    await feed.poll()
    assert getattr(state, field)


class Mortal(DemoAgent):
    """Answers only while it lives."""

    is_dead = False

    async def call(self, method, path, kind, body=None):
        if self.is_dead:
            raise AgentUnreachable("gone")
        return await super().call(method, path, kind, body)

    async def events(self):
        async for event in super().events():
            yield event
        raise AgentUnreachable("gone")


async def test_an_agent_that_dies_is_noticed_and_found_again():
    agent, state, news = Mortal(), State(), asyncio.Event()
    feed = Feed(agent, state, changed=news.set)

    async def until(link):
        async with asyncio.timeout(10):
            while state.connection.link is not link:
                news.clear()
                await news.wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(feed.run())
        await until(Link.CONNECTED)
        agent.is_dead = True
        agent.is_gone.set()
        await until(Link.LOST)
        assert state.transfers, "what was known stays"
        agent.is_dead = False
        agent.is_gone.clear()
        feed.poll_now()
        await until(Link.CONNECTED)
        task.cancel()


async def test_a_new_socket_is_tried_at_once(monkeypatch):
    """Long before the pause is over."""
    monkeypatch.setattr("s3d.tui.feed.RETRY_DELAYS", (600.0,))
    agent, state, news = Mortal(), State(), asyncio.Event()
    stamp = [1]
    agent.instance_id = lambda: stamp[0]
    agent.is_dead = True
    feed = Feed(agent, state, changed=news.set)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(feed.run())
        while state.connection.link is not Link.LOST:
            await news.wait()
            news.clear()
        agent.is_dead, stamp[0] = False, 2
        while state.connection.link is not Link.CONNECTED:
            await news.wait()
            news.clear()
        task.cancel()


async def test_buckets_are_listed_now_and_then():
    """Each time is a request to the remote."""
    now = [100.0]

    class Counting(DemoAgent):
        times = 0

        def _get(self, place, words):
            self.times += place == "/v1/buckets"
            return super()._get(place, words)

    agent = Counting()
    feed = Feed(agent, State(), changed=lambda: None, clock=lambda: now[0])
    feed.tab = "buckets"
    for _ in range(5):
        await feed.poll()
        now[0] += 1
    assert agent.times == 1
    feed.poll_now()
    await feed.poll()
    now[0] += 20
    await feed.poll()
    assert agent.times == 3
