"""Everything that reports changes of the remote: the markers of all places, the queue, the webhook.

What this agent writes is announced by the announcer. What others have changed goes to the listener
(Listener), which lists a place after a gap. A place whose changes are reported is listed once an
hour, so state_of() has to be honest: it says that a source works only while there is evidence.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.context import new_request_id
from s3d.agent.core.path_names import is_reserved
from s3d.agent.remote_changes.marker_exchange import MarkerExchange
from s3d.agent.remote_changes.marker_format import News
from s3d.agent.remote_changes.marker_object import MarkerObject, WatchedPrefix
from s3d.agent.remote_changes.message_forms import Hint, parse_message
from s3d.agent.remote_changes.poll_costs import LISTING_INTERVAL
from s3d.agent.remote_changes.queue_watch import Queue, QueueWatch
from s3d.agent.remote_changes.write_announcer import WriteAnnouncer

READY_CHECK = 1.0
"""Seconds between two looks at whether the remote may be used."""
WEBHOOK_LASTS = 24 * 3600.0
"""Seconds for which an event shows that the webhook of a bucket works."""


REPORTED_LASTS = 300.0
"""Seconds by which an event may be earlier than the marker that shows the same change."""
MAX_REPORTED = 10_000


class Listener(Protocol):
    """Gets what has changed at the remote."""

    async def look_at(self, hints: Sequence[Hint]) -> bool:
        """Look at objects; whether all were looked at."""

    def list_again(self, place: WatchedPrefix) -> None:
        """Anything of a place may have changed."""


class PrefixState(NamedTuple):
    """How the changes of a place are noticed. source: queue, webhook, marker, or "" for listings
    only. trouble: what does not work, for people. interval: seconds between two listings; 0.0: as
    without a source. cost: dollars a month."""

    source: str
    trouble: str
    interval: float
    cost: float


class ChangeSources:
    """The sources. Call run() as long as the agent lives, on the loop."""

    def __init__(
        self,
        objects: S3Client,
        listener: Listener,
        *,
        is_ready: Callable[[], bool] = lambda: True,
        queue: Queue | None = None,
        clock: Clock | None = None,
        cost_limit: float = 0.0,
        announcer: WriteAnnouncer | None = None,
    ) -> None:
        """objects: at the remote itself. is_ready: whether the remote may be used yet. cost_limit:
        dollars a month for each place; 0: none. announcer: gets the writes of this agent."""
        self._objects, self._listener = objects, listener
        self.announcer = announcer or WriteAnnouncer()
        self._is_ready = is_ready
        self._clock = clock or Clock()
        self._new_exchange = partial(
            MarkerExchange,
            agent=new_request_id().lower(),
            clock=self._clock,
            cost_limit=cost_limit,
        )
        self.queue = None if queue is None else QueueWatch(queue, self._take_events, self._clock)
        self._webhooks: dict[str, float] = {}
        """Bucket -> when an event of it came."""
        self._reported: OrderedDict[tuple[str, str], float] = OrderedDict()
        """Objects of the newest events, and when these came."""
        self._early: list[Hint] = []
        """Of events that came before run()."""
        self._tasks: dict[WatchedPrefix, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    def set_prefixes(self, places: Mapping[WatchedPrefix, Callable[[], int]]) -> None:
        """Have the changes of these places reported. Their values: how many objects they have."""
        for gone in self.announcer.exchanges.keys() - places.keys():
            del self.announcer.exchanges[gone]
            task = self._tasks.pop(gone, None)
            if task is not None:
                task.cancel()
        for place, objects in places.items():
            if place not in self.announcer.exchanges:
                exchange = self._new_exchange(
                    marker=MarkerObject(self._objects, place),
                    on_news=partial(self._note, place),
                    objects=objects,
                )
                exchange.times.is_needed = partial(self._needs_marker, place.bucket)
                exchange.on_announced = self.announcer.settle
                self.announcer.exchanges[place] = exchange
                self._start(place, exchange)
        self.announcer.resume()
        self._secure()

    async def run(self) -> None:
        """Until cancelled."""
        while not self._is_ready():
            await self._clock.sleep(READY_CHECK)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                if self.queue is not None:
                    group.create_task(self.queue.run(), name="remote events")
                early, self._early = self._early, []
                self._look_later(self._take_events(early), "remote events")
                self._secure()
                for place, exchange in self.announcer.exchanges.items():
                    self._start(place, exchange)
                await asyncio.Event().wait()
        finally:
            self._group = None
            self._tasks.clear()

    def _start(self, place: WatchedPrefix, exchange: MarkerExchange) -> None:
        if self._group is not None:
            name = f"marker {place.bucket}/{place.prefix}"
            self._tasks[place] = self._group.create_task(exchange.run(), name=name)

    def _secure(self) -> None:
        if self._group is not None:
            self._group.create_task(self.announcer.secure(), name="unannounced writes")

    async def finish(self) -> None:
        """Tell others of the last writes, before the agent ends."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        async with asyncio.TaskGroup() as group:
            for exchange in self.announcer.exchanges.values():
                group.create_task(exchange.finish())
        self.announcer.settle()

    def deliver(self, body: bytes) -> None:
        """Take a message of the webhook, which is answered before its objects are looked at.
        Raises UnknownForm."""
        message = parse_message(body)
        now = self._clock.steady()
        self._webhooks |= dict.fromkeys(message.buckets, now)
        if self._group is None:
            self._early = [*self._early, *message.hints][-MAX_REPORTED:]
        elif message.hints:
            self._look_later(self._take_events(message.hints), "remote events")

    def _look_later(self, looking: Coroutine[Any, Any, bool], name: str) -> None:
        assert self._group is not None

        async def look() -> None:
            await looking

        self._group.create_task(look(), name=name)

    async def _look_at(self, hints: Sequence[Hint]) -> bool:
        wanted = [hint for hint in hints if not is_reserved(hint.key)]
        return not wanted or await self._listener.look_at(wanted)

    async def _take_events(self, hints: Sequence[Hint]) -> bool:
        """Look at what events name."""
        now = self._clock.steady()
        for bucket, key, _ in hints:
            self._reported[bucket, key] = now
            self._reported.move_to_end((bucket, key))
        while len(self._reported) > MAX_REPORTED:
            self._reported.popitem(last=False)
        return await self._look_at(hints)

    def _note(self, place: WatchedPrefix, news: News) -> None:
        """Handle what the marker of a place says."""
        if news.is_gap:
            self._listener.list_again(place)
        if news.paths and not all(self._was_reported(place, path) for path in news.paths):
            self._distrust_events(place.bucket)
        hints = [Hint(place.bucket, place.prefix + path) for path in news.paths]
        if hints and self._group is not None:
            self._look_later(self._look_at(hints), "remote changes")

    def _was_reported(self, place: WatchedPrefix, path: str) -> bool:
        at = self._reported.get((place.bucket, place.prefix + path))
        return at is not None and self._clock.steady() - at < REPORTED_LASTS

    def _distrust_events(self, bucket: str) -> None:
        """A marker has shown a change of which no event has come: the events of the bucket may go
        elsewhere by now. The next one shows that they come after all."""
        self._webhooks.pop(bucket, None)
        if self.queue is not None:
            self.queue.distrust(bucket)

    def _reporter(self, bucket: str) -> str:
        """Which source reports events of a bucket; "" for none."""
        if self.queue is not None and self.queue.is_working(bucket):
            return "queue"
        seen = self._webhooks.get(bucket)
        if seen is not None and self._clock.steady() - seen < WEBHOOK_LASTS:
            return "webhook"
        return ""

    def _needs_marker(self, bucket: str) -> bool:
        return not self._reporter(bucket)

    def state_of(self, place: WatchedPrefix) -> PrefixState:
        """How the changes of a place are noticed now."""
        exchange = self.announcer.exchanges.get(place)
        source = self._reporter(place.bucket)
        troubles = [self.queue.trouble] if self.queue is not None else []
        cost = self.queue.cost if self.queue is not None and source == "queue" else 0.0
        stretch = 1.0
        if exchange is not None:
            troubles += [exchange.read_trouble, exchange.write_trouble]
            source = source or ("marker" if exchange.is_working else "")
            cost, stretch = cost + exchange.times.cost, exchange.times.stretch
        interval = LISTING_INTERVAL * stretch if source else 0.0
        return PrefixState(source, "; ".join(filter(None, troubles)), interval, cost)
