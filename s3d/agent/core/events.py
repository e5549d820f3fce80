"""The agent's event bus: emit() never waits, and subscribers read at their own pace.

Events are for display, not for control: a slow subscriber gets only the newest event of each kind
and subject, or one "resync", after which it reads the whole state again. Everything here belongs to
the loop's thread; other threads use LogEvents or loop.call_soon_threadsafe.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from s3d.shared.control import Event, Scalar
from s3d.shared.logs import entry_of, message_text

RING = 10_000
"""Past events that a subscriber can read again."""
UNREAD = 1_000
"""Unread events of a subscriber; one more replaces all of them by a resync."""
SUBSCRIBERS = 16


class TooManySubscribers(Exception):
    """There are already SUBSCRIBERS subscribers."""


class Events:
    """The bus. boot names this run of the agent, seq counts its events."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.boot = secrets.token_hex(8)
        self.seq = 0
        self._clock = clock
        self._ring: deque[Event] = deque(maxlen=RING)
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self.taps: list[Callable[[Event], None]] = []
        """Called with every event; for listeners that must not miss any, and that are quick."""

    def emit(self, kind: str, subject: str = "", **data: Scalar) -> None:
        """Give an event to all subscribers. Never waits and never fails."""
        self.seq += 1
        event = self.unnumbered(kind, subject, **data)
        self._ring.append(event)
        for tap in self.taps:
            tap(event)
        for subscription in self._subscriptions:
            subscription.put(event)

    def unnumbered(self, kind: str, subject: str = "", **data: Scalar) -> Event:
        """An event for one subscriber (hello, heartbeat, resync): it repeats the last number."""
        return Event(self.seq, self.boot, self._clock(), kind, subject, data)

    @contextmanager
    def subscribe(
        self, topics: Collection[str] = (), *, since: int | None = None, boot: str = ""
    ) -> Iterator[Subscription]:
        """Subscribe to what is emitted from now on and, with since, to what was emitted after it.

        topics: kinds or their first words ("queue", "log.warning"); none: everything. since and
        boot: of the last event that was read. If some of the events in between are no longer in
        the ring, one resync takes their place. Raises TooManySubscribers.
        """
        if len(self._subscriptions) >= SUBSCRIBERS:
            raise TooManySubscribers
        subscription = Subscription(self, frozenset(topics))
        if since is not None:
            subscription.recall(self._after(since, boot))
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all subscriptions, and those that begin later, because the agent stops."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()

    def _after(self, since: int, boot: str) -> list[Event]:
        missed = self.seq - since
        if boot != self.boot or missed < 0 or missed > len(self._ring):
            return [self.unnumbered("resync")]
        return list(itertools.islice(self._ring, len(self._ring) - missed, None))


class Subscription:
    """The unread events of one subscriber: one of each kind and subject, at most UNREAD."""

    def __init__(self, events: Events, topics: frozenset[str]) -> None:
        self.closed = False
        self._events = events
        self._topics = topics
        self._recalled: list[Event] = []
        self._unread: dict[tuple[str, str], Event] = {}
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        """Keep an event until it is taken. It replaces an older one of its kind and subject."""
        if not self._wants(event.kind):
            return
        self._unread.pop((event.kind, event.subject), None)
        self._unread[event.kind, event.subject] = event
        if len(self._unread) > UNREAD:
            self._recalled.clear()
            self._unread = {("resync", ""): self._events.unnumbered("resync")}
        self._news.set()

    def recall(self, events: list[Event]) -> None:
        """Have these past events read before the new ones."""
        self._recalled = [event for event in events if self._wants(event.kind)]
        if self._recalled:
            self._news.set()

    async def take(self) -> list[Event]:
        """Wait for events and take all of them, oldest first. Empty only when the bus is closed."""
        await self._news.wait()
        taken = self._recalled + list(self._unread.values())
        self._recalled = []
        self._unread.clear()
        if not self.closed:
            self._news.clear()
        return taken

    def close(self) -> None:
        """Wake the subscriber for the last time."""
        self.closed = True
        self._news.set()

    def _wants(self, kind: str) -> bool:
        if not self._topics or kind == "resync":
            return True
        return any(kind == topic or kind.startswith(f"{topic}.") for topic in self._topics)


class LogEvents(logging.Handler):
    """Emits log.warning or log.error for each such line of the log, from any thread."""

    def __init__(self, events: Events, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._events = events
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        entry = entry_of(record)
        kind = f"log.{entry.level}"
        message = message_text(entry.message, entry)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._emit_event, kind, record.name, message)

    def _emit_event(self, kind: str, subject: str, message: str) -> None:
        self._events.emit(kind, subject, message=message)
