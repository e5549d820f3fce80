import asyncio

import msgspec
import pytest

from s3d.agent.core.events import SUBSCRIBERS
from s3d.shared.control import Event


async def read(stream, count: int, *, heartbeats: bool = False) -> list[Event]:
    """The next lines; without heartbeats unless they are asked for."""
    events: list[Event] = []
    async with asyncio.timeout(10):
        while len(events) < count:
            event = msgspec.json.decode(await stream.content.readline(), type=Event)
            if heartbeats or event.kind != "heartbeat":
                events.append(event)
    return events


async def test_hello_is_first_with_the_current_number(control, http):
    control.events.emit("earlier")
    async with http.get("/v1/events") as stream:
        (hello,) = await read(stream, 1)
        assert stream.headers["Content-Type"] == "application/x-ndjson"
    assert (hello.kind, hello.seq, hello.boot) == ("hello", 1, control.events.boot)


async def test_events_come_as_they_are_emitted(control, http):
    async with http.get("/v1/events") as stream:
        await read(stream, 1)
        control.events.emit("store.changed", "b/k", operation="PutObject")
        (event,) = await read(stream, 1)
    assert (event.kind, event.subject, event.data) == (
        "store.changed",
        "b/k",
        {"operation": "PutObject"},
    )


async def test_a_change_of_the_store_is_an_event(control, http):
    async with http.get("/v1/events?topics=store") as stream:
        await read(stream, 1)
        await control.objects.create_bucket("bucket")
        (event,) = await read(stream, 1)
    assert (event.kind, event.subject) == ("store.changed", "bucket")


async def test_a_silent_stream_has_a_heartbeat(control, http):
    control.events.emit("n")
    async with http.get("/v1/events") as stream:
        _, heartbeat = await read(stream, 2, heartbeats=True)
    assert (heartbeat.kind, heartbeat.seq) == ("heartbeat", 1)


async def test_a_reader_resumes_where_it_was(control, http):
    for number in range(3):
        control.events.emit("n", str(number))
    query = {"since": "2", "boot": control.events.boot}
    async with http.get("/v1/events", params=query) as stream:
        _, missed = await read(stream, 2)
    assert missed.subject == "2"


async def test_a_reader_of_another_run_must_ask_again(control, http):
    async with http.get("/v1/events?since=2&boot=another") as stream:
        assert [event.kind for event in await read(stream, 2)] == ["hello", "resync"]


async def test_a_burst_comes_as_few_lines(control, http):
    async with http.get("/v1/events") as stream:
        await read(stream, 1)
        for number in range(500):
            control.events.emit("progress", "one", done=number)
        (event,) = await read(stream, 1)
    assert event.data == {"done": 499}


async def test_the_stream_ends_when_the_agent_stops(control, http):
    async with http.get("/v1/events") as stream:
        await read(stream, 1)
        control.events.close()
        async with asyncio.timeout(10):
            rest = await stream.content.read()
    assert rest.count(b"\n") == rest.count(b'"heartbeat"')


async def test_one_reader_too_many_is_refused_until_another_leaves(control, http):
    streams = [await http.get("/v1/events") for _ in range(SUBSCRIBERS)]
    async with http.get("/v1/events") as refused:
        assert refused.status == 503
        assert (await refused.json(content_type=None))["code"] == "TooManySubscribers"
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("since", ["", "-1", "x", "9" * 19, "²"])
async def test_a_bad_since_is_refused(http, since):
    async with http.get("/v1/events", params={"since": since}) as response:
        assert response.status == 400
