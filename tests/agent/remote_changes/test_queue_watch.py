"""queue_watch: messages of a real HTTP queue reach look_at, and are deleted only afterwards."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from s3d.agent.remote_changes.message_forms import Hint
from s3d.agent.remote_changes.queue_watch import LOST_AFTER, REFUSED_DELAY, QueueWatch
from s3d.agent.remote_changes.sqs_client import SqsClient
from tests.agent.remote_changes.queue_server import serving_queue
from tests.agent.remote_changes.test_sqs_client import key, region


def event(name: str, bucket: str = "photos") -> str:
    part = {"bucket": {"name": bucket}, "object": {"key": name}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": part}]})


class Looker:
    """Looks at objects when the test lets it."""

    def __init__(self) -> None:
        self.seen: list[Hint] = []
        self.result = True
        self.may_look = asyncio.Event()
        self.may_look.set()
        self._changed = asyncio.Condition()

    async def __call__(self, hints):
        async with self._changed:
            self.seen += hints
            self._changed.notify_all()
        await self.may_look.wait()
        return self.result

    async def until(self, number: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.seen) >= number)


@pytest.fixture
async def queue():
    async with serving_queue() as server:
        yield server


@pytest.fixture
def looker():
    return Looker()


@pytest.fixture
def watching(queue, looker, clock):
    @asynccontextmanager
    async def watching():
        watch = QueueWatch(SqsClient(queue.url, key=key, region=region), looker, clock.value)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            task = group.create_task(watch.run())
            yield watch
            task.cancel()

    return watching


async def test_a_message_is_deleted_after_its_object_was_looked_at(queue, looker, watching):
    looker.may_look.clear()
    async with watching():
        await queue.put(event("a"))
        await looker.until(1)
        await queue.put(event("b"))
        await looker.until(2)  # the next poll does not wait for the first object
        assert len(queue.messages) == 2
        looker.may_look.set()
        await queue.until_empty()
    assert looker.seen == [Hint("photos", "a"), Hint("photos", "b")]


async def test_what_was_not_looked_at_comes_again(queue, looker, watching):
    looker.result = False
    async with watching():
        await queue.put(event("a"))
        await looker.until(1)
        await queue.until_polls(2)
        assert len(queue.messages) == 1
        looker.result = True
        await queue.show_again()
        await queue.until_empty()
    assert looker.seen == [Hint("photos", "a")] * 2


async def test_repeated_late_and_unknown_messages_do_no_harm(queue, looker, watching):
    async with watching() as watch:
        await queue.put(event("a"), event("a"), "rubbish", '{"Event": "s3:TestEvent"}', event("b"))
        await queue.until_empty()
        await queue.put(event("a"))
        await queue.until_empty()
        assert watch.not_understood == 1
    assert set(looker.seen) == {Hint("photos", "a"), Hint("photos", "b")}


async def test_only_a_message_shows_that_the_events_of_a_bucket_arrive(queue, watching, clock):
    async with watching() as watch:
        await queue.until_polls(1)
        assert not watch.is_working("photos")
        await queue.put('{"Event": "s3:TestEvent", "Bucket": "photos"}')
        await queue.until_empty()
        await queue.until_polls(2)
        assert watch.is_working("photos")
        assert not watch.is_working("other")
        clock.forward(LOST_AFTER + 1)
        assert not watch.is_working("photos")
        assert 0 < watch.cost < 1


async def test_a_refusal_is_named_and_asked_again_later(queue, looker, watching, clock):
    queue.refusal = 403, {"__type": "AccessDenied", "message": "not yours"}
    async with watching() as watch:
        await queue.until_polls(1)
        await clock.until_sleeping()
        assert watch.trouble == "AccessDenied: not yours"
        assert not watch.is_working("photos")
        queue.refusal = None
        await queue.put(event("a"))
        clock.forward(REFUSED_DELAY)
        await queue.until_empty()
        assert (watch.trouble, watch.is_working("photos")) == ("", True)
