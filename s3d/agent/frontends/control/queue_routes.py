"""Routes of the write queue as a whole: status, limits, pause, drain, retry of all and bandwidth.

The routes of one write are in transfer_routes.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from s3d.agent.frontends.control.control_call import MAX_WAIT, Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import PendingState
from s3d.agent.stores.write_queue.queue_status import REJECT, WAIT, QueueParts, queue_status
from s3d.shared import control
from s3d.shared.config.values import parse_timetable
from s3d.shared.transfers import Bandwidth, BandwidthStatus, Count, DrainRequest, QueueChanges

if TYPE_CHECKING:
    from s3d.agent.stores.write_queue.admission import Limits

PROBE_EVERY = 1.0
"""Seconds between two attempts, during a drain, to reach a remote that is unreachable."""
FULL_WAIT = 60.0
"""Seconds for which a write waits for space (when_full: wait)."""


def require_queue(queue: QueueParts | None) -> QueueParts:
    """The queue. Raises ControlError without a queue."""
    if queue is None:
        hint = "set S3D_REMOTE, and S3D_WRITE_QUEUE must not be off"
        raise ControlError(409, control.NO_REMOTE, "there is no write queue", hint)
    return queue


class QueueRoutes:
    """Without a queue each call is refused."""

    def __init__(self, queue: QueueParts | None) -> None:
        self._maybe = queue

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/queue", self.show),
            Route("PATCH", "/v1/queue", self.change),
            Route("POST", "/v1/queue:pause", self.pause),
            Route("POST", "/v1/queue:resume", self.resume),
            Route("POST", "/v1/queue:drain", self.drain),
            Route("POST", "/v1/queue:retry", self.retry, frozenset({"bucket"})),
            Route("GET", "/v1/bandwidth", self.bandwidth),
            Route("PUT", "/v1/bandwidth", self.set_bandwidth),
        ]

    @property
    def _queue(self) -> QueueParts:
        return require_queue(self._maybe)

    async def show(self, call: Call) -> web.Response:
        return answer(queue_status(self._queue))

    async def change(self, call: Call) -> web.Response:
        """Change limits until the next start."""
        admission = self._queue.admission
        admission.limits = _changed(admission.limits, await call.body(QueueChanges))
        admission.admit_waiting()
        return answer(queue_status(self._queue))

    async def pause(self, call: Call) -> web.Response:
        """Stop pushing, also after a restart, until resume."""
        await self._queue.journal.control.pause()
        return answer(queue_status(self._queue))

    async def resume(self, call: Call) -> web.Response:
        await self._queue.journal.control.resume()
        return answer(queue_status(self._queue))

    async def retry(self, call: Call) -> web.Response:
        """Retry failed and delayed writes at once: all of them, or those of a bucket. A remote that
        is unreachable is probed at once, too."""
        queue = self._queue
        retried = await queue.journal.control.retry(bucket=call.query.get("bucket"))
        if queue.pusher.status().next_check is not None:
            with suppress(S3Error):  # still unreachable: the status says so
                await queue.pusher.probe_now()
        return answer(Count(retried))

    async def drain(self, call: Call) -> web.Response:
        """Respond when no push is running or due, or after the timeout.

        The waiting writes of a paused queue are not due.
        """
        drain, queue = await call.body(DrainRequest), self._queue
        if not 0 <= drain.timeout <= MAX_WAIT:
            raise S3Error("InvalidArgument", f"timeout must be from 0 to {MAX_WAIT:.0f}.")
        with suppress(TimeoutError):
            async with asyncio.timeout(drain.timeout):
                with _changes(queue) as changed:
                    if drain.hurry:
                        await _hurry(queue)
                    while _is_moving(queue):
                        changed.clear()
                        await _wait(queue, changed)
        return answer(queue_status(queue))

    async def bandwidth(self, call: Call) -> web.Response:
        throttle = self._queue.throttle
        rate = self._queue.pusher.status().rate
        return answer(BandwidthStatus(str(throttle.timetable), throttle.rate, rate))

    async def set_bandwidth(self, call: Call) -> web.Response:
        """Set the timetable until the next start."""
        bandwidth = await call.body(Bandwidth)
        try:
            self._queue.throttle.timetable = parse_timetable(bandwidth.timetable)
        except ValueError as error:
            raise S3Error("InvalidArgument", f"timetable: {error}") from error
        return await self.bandwidth(call)


def _is_moving(queue: QueueParts) -> bool:
    """Whether a write is being pushed, or is due."""
    if queue.journal.paused:
        return queue.journal.pending.usage(PendingState.PUSHING).files > 0
    return queue.journal.is_moving


async def _wait(queue: QueueParts, changed: asyncio.Event) -> None:
    """Return after a change of the queue; probe a remote that is unreachable meanwhile."""
    try:
        async with asyncio.timeout(PROBE_EVERY):
            await changed.wait()
    except TimeoutError:
        if queue.pusher.status().trouble:
            with suppress(S3Error):
                await queue.pusher.probe_now()


async def _hurry(queue: QueueParts) -> None:
    """Make delayed writes due, and probe the remote."""
    queue.journal.control.retry_delayed()
    with suppress(S3Error):  # still unreachable: the response shows what is left
        await queue.pusher.probe_now()


@contextmanager
def _changes(queue: QueueParts) -> Iterator[asyncio.Event]:
    """An event that is set at each change of the pending writes."""
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    try:
        yield changed
    finally:
        queue.journal.on_change.remove(changed.set)


def _changed(limits: Limits, changes: QueueChanges) -> Limits:
    """The limits with the changes applied. Raises InvalidArgument."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(changes).items()
        if value is not msgspec.UNSET
    }
    when_full = given.pop("when_full", WAIT if limits.wait else REJECT)
    if when_full not in (WAIT, REJECT):
        raise S3Error("InvalidArgument", f"when_full must be {WAIT} or {REJECT}.")
    for name, value in given.items():
        if value is not None and value <= 0:
            raise S3Error("InvalidArgument", f"{name} must be more than 0.")
    return replace(limits, **given, wait=FULL_WAIT if when_full == WAIT else 0.0)
