"""Receives the events of the remote from a queue of SQS.

1. run() asks for messages by one long poll after the other.
2. Each batch is read (message_forms.py) and handed to look_at in a task of its own, while the next
   poll goes on: a batch may wait for a pass over a folder.
3. What was looked at is deleted from the queue. Everything else comes again, and so does what was
   in hand when the agent ended: to look at an object twice does no harm.

A message that nobody understands is deleted, since it would come again for days; it is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.clock import Clock
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.remote_changes.message_forms import Hint, UnknownForm, parse_message
from s3d.agent.remote_changes.poll_costs import Activity, queue_cost
from s3d.agent.remote_changes.sqs_client import (
    WAIT,
    QueueFailed,
    QueueRefused,
    ReceivedMessage,
)

logger = logging.getLogger(__name__)
_limited = LimitedLogger(logger)

FIRST_DELAY, MAX_DELAY = 1.0, 60.0
"""Seconds until the queue is asked again after a failure."""
REFUSED_DELAY = 300.0
"""Seconds until it is asked again after it has refused a request."""
LOST_AFTER = 120.0
"""Seconds without an answer after which the queue does not count as working."""
BATCHES = 32
"""Batches whose objects are looked at, at most; then the queue waits."""

LookAt = Callable[[Sequence[Hint]], Awaitable[bool]]
"""Looks at objects; whether all of them were looked at."""


class Queue(Protocol):
    """A queue: sqs_client.py."""

    async def receive(self) -> list[ReceivedMessage]: ...
    async def delete(self, receipts: Sequence[str]) -> None: ...
    async def close(self) -> None: ...


class QueueWatch:
    """run() receives until it is cancelled. Belongs to the loop."""

    def __init__(self, queue: Queue, look_at: LookAt, clock: Clock | None = None) -> None:
        self._queue, self._look_at = queue, look_at
        self._clock = clock or Clock()
        self.trouble = ""
        """Why the queue cannot be read; "" when it can."""
        self.not_understood = 0
        """Messages in none of the forms."""
        self._buckets: set[str] = set()
        self._messages = 0
        self._started = self._clock.steady()
        self._answered = self._started - LOST_AFTER
        self._backoff = Backoff(FIRST_DELAY, MAX_DELAY)

    def is_working(self, bucket: str) -> bool:
        """Whether events of a bucket arrive. Only a message shows that: a queue to which no bucket
        sends anything is as silent as one without changes."""
        is_lost = self._clock.steady() - self._answered > LOST_AFTER
        return bucket in self._buckets and not self.trouble and not is_lost

    def distrust(self, bucket: str) -> None:
        """Events of a bucket seem not to arrive: wait for the next one."""
        self._buckets.discard(bucket)

    @property
    def cost(self) -> float:
        """Dollars a month."""
        hours = (self._clock.steady() - self._started) / 3600.0
        return queue_cost(Activity(hours, messages=self._messages), WAIT)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._run()
        finally:
            await self._queue.close()

    async def _run(self) -> None:
        places = asyncio.Semaphore(BATCHES)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()
                batch = await self._receive()
                if not batch:
                    places.release()
                    continue
                task = group.create_task(self._handle(batch), name="remote events")
                task.add_done_callback(lambda task: places.release())

    async def _receive(self) -> list[ReceivedMessage]:
        """The next batch; empty after a failure, which it waits for."""
        try:
            batch = await self._queue.receive()
        except QueueFailed as error:
            is_refused = isinstance(error, QueueRefused)
            if str(error) != self.trouble:
                logger.warning("cannot receive the events of the remote: %s", error)
            self.trouble = str(error)
            await self._clock.sleep(REFUSED_DELAY if is_refused else self._backoff.advance())
            return []
        self.trouble, self._answered = "", self._clock.steady()
        self._backoff.reset()
        self._messages += len(batch)
        return batch

    async def _handle(self, batch: Sequence[ReceivedMessage]) -> None:
        """Look at what a batch names, and delete what was looked at."""
        hints: dict[Hint, None] = {}
        for message in batch:
            try:
                parsed = parse_message(message.body)
            except UnknownForm as error:
                self.not_understood += 1
                _limited.warning("an event of the remote is not understood: %s", error)
                continue
            self._buckets |= parsed.buckets
            hints |= dict.fromkeys(parsed.hints)
        if hints and not await self._look_at(list(hints)):
            return
        try:
            await self._queue.delete([message.receipt for message in batch])
        except QueueFailed as error:
            logger.info("messages stay in the queue, and come again: %s", error)
