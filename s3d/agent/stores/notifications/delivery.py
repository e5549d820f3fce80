"""Delivers the events of one target: in order for each key, and again until it confirms them.

1. loop: an action of the index has entered events; EventRecorder.on_recorded calls wake().
2. -> thread: Index.read_in_thread reads a page of the target's events, in their order. -> loop.
3. loop: the events of a page are grouped by key. Up to CONCURRENCY keys are sent at a time, the
   events of one key one after the other.
4. -> thread "index-write": a confirmed event is removed in a commit of its own. -> loop.
5. A key whose event was refused waits, and the other keys go on. When the target does not answer,
   or refuses many in a row, the target waits.

A crash between 3 and 4 sends an event twice: deliveries happen at least once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from s3d.agent.core.clock import Clock
from s3d.agent.storage.event_rows import EventRow, event_page, remove_events, trim_events
from s3d.agent.storage.index import Index
from s3d.agent.stores.notifications.retry_schedule import Name, RetrySchedule

logger = logging.getLogger(__name__)

CONCURRENCY = 8
"""Keys whose events are sent at a time."""
RETENTION = 86_400.0
"""Seconds after which an event that is refused again is dropped."""
MAX_WAITING = 100_000
"""Events that wait for a target; beyond it, the oldest are dropped."""
_PAGE = 200
_TRIM_EVERY = 10.0
"""Seconds between two looks at how many events wait."""


class NotDelivered(Exception):
    """The target has not confirmed an event; the text says why."""

    def __init__(self, reason: str, *, is_unreachable: bool = False) -> None:
        """is_unreachable: there was no response, so that other events would fail as well."""
        super().__init__(reason)
        self.is_unreachable = is_unreachable


class Target(Protocol):
    """Where events go."""

    @property
    def name(self) -> str: ...

    async def send(self, row: EventRow) -> None:
        """Send one event. Raises NotDelivered."""


class Delivery:
    """run() delivers until it is cancelled. Belongs to the loop."""

    def __init__(self, index: Index, target: Target, clock: Clock) -> None:
        self._index = index
        self._target = target
        self._clock = clock
        self._wake = asyncio.Event()
        self._retries = RetrySchedule()
        self._held: set[Name] = set()
        """Keys that have an event left on an earlier page of this round."""
        self._trimmed = -_TRIM_EVERY
        self.delivered = 0
        """Since the start, as dropped."""
        self.dropped = 0

    @property
    def name(self) -> str:
        return self._target.name

    @property
    def last_error(self) -> str:
        """Why an attempt failed; "" while none has to be repeated."""
        return self._retries.last_error

    def wake(self) -> None:
        """There may be new events."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver what waits, then what comes."""
        while True:
            self._wake.clear()
            await self._trim()
            await self.deliver()
            await self._rest()

    async def deliver(self) -> None:
        """One attempt for each event that is due."""
        after = 0
        seen: set[Name] = set()
        self._held.clear()
        while not self._is_paused():
            query = partial(event_page, target=self.name, after=after, limit=_PAGE)
            page: Sequence[EventRow] = await self._index.read_in_thread(query)
            seen.update((row.event.bucket, row.event.key) for row in page)
            await self._send_page(page)
            if len(page) < _PAGE:
                self._retries.keep_only(seen)
                return
            after = page[-1].id

    async def _send_page(self, page: Iterable[EventRow]) -> None:
        by_key: dict[Name, list[EventRow]] = {}
        now = self._clock.steady()
        for row in page:
            by_key.setdefault((row.event.bucket, row.event.key), []).append(row)
        limit = asyncio.Semaphore(CONCURRENCY)
        async with asyncio.TaskGroup() as group:
            for name, rows in by_key.items():
                if not self._retries.is_due(name, now):
                    self._held.add(name)
                elif name not in self._held:
                    group.create_task(self._send_key(name, rows, limit))

    async def _send_key(
        self, name: Name, rows: Sequence[EventRow], limit: asyncio.Semaphore
    ) -> None:
        """Send the events of one key until one fails."""
        async with limit:
            for row in rows:
                if self._is_paused() or not await self._send(name, row):
                    self._held.add(name)
                    return

    async def _send(self, name: Name, row: EventRow) -> bool:
        """Whether the event is done with: delivered, or dropped because of its age."""
        try:
            await self._target.send(row)
        except NotDelivered as error:
            self._note_failure(name, error)
            if self._clock.now() - row.created < RETENTION:
                return False
            self.dropped += 1
            logger.warning(
                "dropped an event that its target has refused for a day target=%s event=%s "
                "bucket=%s key=%s reason=%s",
                self.name,
                row.event.name,
                *name,
                error,
            )
            self._retries.forget(name)
        else:
            self.delivered += 1
            self._retries.confirmed(name)
        await self._index.write(partial(remove_events, ids=[row.id]), frees=True)
        return True

    def _note_failure(self, name: Name, error: NotDelivered) -> None:
        if not self.last_error:
            logger.warning("cannot deliver events target=%s reason=%s", self.name, error)
        now = self._clock.steady()
        if error.is_unreachable:
            self._retries.unreachable(str(error), now)
        else:
            self._retries.refused(name, str(error), now)

    def _is_paused(self) -> bool:
        return self._retries.is_paused(self._clock.steady())

    async def _rest(self) -> None:
        """Wait for new events, for the next attempt, or for the end of a pause."""
        now = self._clock.steady()
        delay = self._retries.next_attempt(now)
        if delay is not None and self._retries.is_paused(now):
            await self._clock.sleep(delay)
            return
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _trim(self) -> None:
        """Keep the number of waiting events below its limit."""
        now = self._clock.steady()
        if now - self._trimmed < _TRIM_EVERY:
            return
        self._trimmed = now
        trim = partial(trim_events, target=self.name, limit=MAX_WAITING)
        dropped = await self._index.write(trim, frees=True)
        if dropped:
            self.dropped += dropped
            logger.warning(
                "dropped the oldest events because too many wait target=%s count=%d",
                self.name,
                dropped,
            )
