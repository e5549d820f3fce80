"""change_sources: which of the sources counts, and what happens when one falls silent."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from s3d.agent.core.path_names import MARKER
from s3d.agent.remote_changes.change_sources import ChangeSources
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.agent.remote_changes.message_forms import Hint, UnknownForm
from s3d.agent.remote_changes.sqs_client import SqsClient
from tests.agent.remote_changes.conftest import BUCKET
from tests.agent.remote_changes.queue_server import serving_queue
from tests.agent.remote_changes.test_sqs_client import key, region

PLACE = WatchedPrefix(BUCKET, "p/")


class Listener:
    """Notes what it gets."""

    def __init__(self):
        self.hints: list[Hint] = []
        self.listed: list[WatchedPrefix] = []
        self._changed = asyncio.Condition()

    async def look_at(self, hints):
        async with self._changed:
            self.hints += hints
            self._changed.notify_all()
        return True

    def list_again(self, place):
        self.listed.append(place)

    async def until(self, key):
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: key in [hint.key for hint in self.hints])


class Device:
    def __init__(self, remote, clock, **options):
        self.listener = Listener()
        self._clock = clock
        self.sources = ChangeSources(remote.client, self.listener, clock=clock.value, **options)
        self.sources.set_prefixes({PLACE: lambda: 0})

    def write(self, key, bucket=BUCKET):
        """It has arrived at the remote."""
        self.sources.announcer.begin([(bucket, key)])
        self.sources.announcer.end([(bucket, key)], may_have_changed=True)

    @property
    def state(self):
        return self.sources.state_of(PLACE)

    async def until(self, source):
        """Let seconds pass until changes come from this source."""
        async with asyncio.timeout(30):
            while self.state.source != source:
                self._clock.forward(1)
                await asyncio.sleep(0.001)


@asynccontextmanager
async def running(*devices):
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(device.sources.run()) for device in devices]
        yield
        for task in tasks:
            task.cancel()


def event(path):
    part = {"bucket": {"name": BUCKET}, "object": {"key": path}}
    return json.dumps({"Records": [{"s3": part}]}).encode()


async def test_a_marker_counts_once_it_is_there(remote, clock):
    device = Device(remote, clock)
    assert (device.state.source, device.state.interval) == ("", 0.0)
    async with running(device):
        await device.until("marker")
        assert device.state.interval == 3600.0
        assert device.listener.listed == [PLACE]


async def test_a_write_below_the_place_reaches_the_other_device(remote, clock):
    a, b = Device(remote, clock), Device(remote, clock)
    async with running(a, b):
        await a.until("marker")
        await b.until("marker")
        for bucket, name in ((BUCKET, "q/other"), ("other", "p/x"), (BUCKET, "p/" + MARKER)):
            a.write(name, bucket)
        a.write("p/x")
        async with asyncio.timeout(30):
            while not b.listener.hints:
                clock.forward(1)
                await asyncio.sleep(0.001)
        assert b.listener.hints == [Hint(BUCKET, "p/x")]
        assert a.listener.hints == []


async def test_an_event_of_the_webhook_counts_until_a_marker_knows_better(remote, clock):
    a, b = Device(remote, clock), Device(remote, clock)
    async with running(a, b):
        await a.until("marker")
        await b.until("marker")
        b.sources.deliver(event("p/by-event"))
        assert b.state.source == "webhook"
        await b.listener.until("p/by-event")
        a.write("p/by-event")
        a.write("p/without-event")
        await b.until("marker")  # no event has come of one of them
        await b.listener.until("p/without-event")
        b.sources.deliver(event("p/late"))
        assert b.state.source == "webhook"


async def test_what_the_webhook_does_not_understand_is_refused(remote, clock):
    device = Device(remote, clock)
    with pytest.raises(UnknownForm):
        device.sources.deliver(b"{}")
    assert device.state.source == ""


async def test_the_marker_and_probes_are_not_looked_at(remote, clock):
    device = Device(remote, clock)
    async with running(device):
        for name in ("p/" + MARKER, MARKER, ".s3d/probe", "p/x"):
            device.sources.deliver(event(name))
        await device.listener.until("p/x")
    assert device.listener.hints == [Hint(BUCKET, "p/x")]


async def test_without_access_to_the_queue_the_marker_counts(remote, clock):
    async with serving_queue() as server:
        server.refusal = 403, {"__type": "AccessDenied", "message": "no"}
        device = Device(remote, clock, queue=SqsClient(server.url, key=key, region=region))
        async with running(device):
            await server.until_polls(1)
            await device.until("marker")
            async with asyncio.timeout(30):
                while not device.state.trouble:
                    clock.forward(1)
                    await asyncio.sleep(0.001)
            assert device.state.trouble == "AccessDenied: no"


async def test_a_place_that_is_removed_is_not_asked_any_more(remote, clock):
    device = Device(remote, clock)
    async with running(device):
        await device.until("marker")
        device.sources.set_prefixes({})
        await asyncio.sleep(0)
        remote.requests.clear()
        clock.forward(100)
        await asyncio.sleep(0.01)
        assert remote.requests == {}
    assert device.state.source == ""


async def test_the_last_writes_are_told_at_the_end(remote, clock):
    a, b = Device(remote, clock), Device(remote, clock)
    async with running(a, b):
        await a.until("marker")
        await b.until("marker")
        a.write("p/x")
        await a.sources.finish()
        clock.forward(5)
        await b.listener.until("p/x")
