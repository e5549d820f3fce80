"""GET /v1/events: the agent's events as one JSON object a line, until the reader closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from s3d.agent.core.events import Events, Subscription, TooManySubscribers
from s3d.agent.frontends.control.control_call import Call, Route
from s3d.agent.frontends.control.problems import ControlError
from s3d.shared import control
from s3d.shared.control import Event

PAUSE = 0.1
"""Seconds between two batches; within one, events of the same kind and subject are merged."""
WRITE_TIMEOUT = 10.0
"""Seconds for a reader to receive a batch; a slower one is disconnected."""
QUERY = frozenset({"since", "boot", "topics"})


class EventStream:
    """The event stream."""

    def __init__(self, events: Events, *, heartbeat: float = control.HEARTBEAT) -> None:
        self._events = events
        self._heartbeat = heartbeat

    def routes(self) -> list[Route]:
        return [Route("GET", "/v1/events", self.stream, QUERY)]

    async def stream(self, call: Call) -> web.StreamResponse:
        """Send hello, then the events since the given one, then new ones, until the agent stops."""
        topics = [topic for topic in call.query.get("topics", "").split(",") if topic]
        since = _since(call)
        response = web.StreamResponse(headers={"Content-Type": control.NDJSON})
        try:
            with self._events.subscribe(
                topics, since=since, boot=call.query.get("boot", "")
            ) as subscription:
                await response.prepare(call.request)
                async for batch in self._batches(subscription):
                    async with asyncio.timeout(WRITE_TIMEOUT):
                        await response.write(b"".join(map(_line, batch)))
                await response.write_eof()
        except TooManySubscribers as error:
            raise ControlError(
                503, control.TOO_MANY_SUBSCRIBERS, "too many readers of the event stream"
            ) from error
        except (ConnectionError, TimeoutError):
            _hang_up(call.request)
        return response

    async def _batches(self, subscription: Subscription) -> AsyncIterator[list[Event]]:
        yield [self._events.unnumbered("hello")]
        while not subscription.closed:
            try:
                async with asyncio.timeout(self._heartbeat):
                    batch = await subscription.take()
            except TimeoutError:
                batch = [self._events.unnumbered("heartbeat")]
            yield batch
            await asyncio.sleep(PAUSE)


def _since(call: Call) -> int | None:
    if "since" not in call.query:
        return None
    return call.sequence("since", "the seq of an event")


def _line(event: Event) -> bytes:
    return control.encode(event) + b"\n"


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
