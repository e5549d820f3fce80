"""The write queue as a whole: its numbers and limits, pause, drain, and how fast it may push."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from aiohttp import web

from s3d.agent.frontends.control.pending import REJECT, WAIT, Queue, queue_status
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.admission import Limits
from s3d.shared import control
from s3d.shared.config.values import parse_timetable
from s3d.shared.transfers import Bandwidth, BandwidthStatus, Count, DrainRequest, QueueChanges

LONGEST_WAIT = 30.0
"""Seconds that one call of drain may wait: less than clients wait for an answer."""
PROBE_EVERY = 1.0
"""Seconds between two tries, while somebody drains, to reach a remote that is away."""
FULL_WAIT = 60.0
"""Seconds that a write waits for room (when_full: wait)."""


def require_queue(queue: Queue | None) -> Queue:
    """Raises ControlError when there is no write queue."""
    if queue is None:
        hint = "set S3D_REMOTE, and S3D_WRITE_QUEUE is not to be off"
        raise ControlError(409, control.NO_REMOTE, "there is no write queue", hint)
    return queue


class QueueRoutes:
    """Routes of the queue; without one each call is refused."""

    def __init__(self, queue: Queue | None) -> None:
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
    def _queue(self) -> Queue:
        return require_queue(self._maybe)

    async def show(self, call: Call) -> web.Response:
        return answer(queue_status(self._queue))

    async def change(self, call: Call) -> web.Response:
        """Limits, until the next start."""
        admission = self._queue.admission
        admission.limits = _changed(admission.limits, await call.body(QueueChanges))
        admission.admit_waiting()
        return answer(queue_status(self._queue))

    async def pause(self, call: Call) -> web.Response:
        """Push nothing more; also after a restart, until resume."""
        await self._queue.journal.control.pause()
        return answer(queue_status(self._queue))

    async def resume(self, call: Call) -> web.Response:
        await self._queue.journal.control.resume()
        return answer(queue_status(self._queue))

    async def retry(self, call: Call) -> web.Response:
        """What failed or is delayed, at once: all of it, or of a bucket."""
        return answer(
            Count(await self._queue.journal.control.retry(bucket=call.query.get("bucket")))
        )

    async def drain(self, call: Call) -> web.Response:
        """Answer when nothing moves any more, or after the timeout."""
        wanted, queue = await call.body(DrainRequest), self._queue
        if not 0 <= wanted.timeout <= LONGEST_WAIT:
            raise S3Error("InvalidArgument", f"timeout must be from 0 to {LONGEST_WAIT:.0f}.")
        with suppress(TimeoutError):
            async with asyncio.timeout(wanted.timeout):
                with _changes(queue) as changed:
                    if wanted.hurry:
                        await _hurry(queue)
                    while queue.journal.is_moving:
                        changed.clear()
                        await _wait(queue, changed)
        return answer(queue_status(queue))

    async def bandwidth(self, call: Call) -> web.Response:
        throttle = self._queue.throttle
        rate = self._queue.pusher.status().rate
        return answer(BandwidthStatus(str(throttle.timetable), throttle.rate, rate))

    async def set_bandwidth(self, call: Call) -> web.Response:
        """Until the next start."""
        wanted = await call.body(Bandwidth)
        try:
            self._queue.throttle.timetable = parse_timetable(wanted.timetable)
        except ValueError as error:
            raise S3Error("InvalidArgument", f"timetable: {error}") from error
        return await self.bandwidth(call)


async def _wait(queue: Queue, changed: asyncio.Event) -> None:
    """Until something has changed; a remote that is away is asked again and again meanwhile."""
    try:
        async with asyncio.timeout(PROBE_EVERY):
            await changed.wait()
    except TimeoutError:
        if queue.pusher.status().trouble:
            with suppress(S3Error):
                await queue.pusher.probe_now()


async def _hurry(queue: Queue) -> None:
    """What is delayed goes at once, and the remote is asked whether it is back."""
    queue.journal.control.retry_delayed()
    with suppress(S3Error):  # it is still away: what is left says so
        await queue.pusher.probe_now()


@contextmanager
def _changes(queue: Queue) -> Iterator[asyncio.Event]:
    """An event that is set whenever what is pending has changed."""
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    try:
        yield changed
    finally:
        queue.journal.on_change.remove(changed.set)


def _changed(limits: Limits, changes: QueueChanges) -> Limits:
    """Raises InvalidArgument."""
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
    old = {"max_size": limits.max_size, "max_files": limits.max_files, "max_age": limits.max_age}
    return Limits(**(old | given), wait=FULL_WAIT if when_full == WAIT else 0.0)


def wait_of(call: Call) -> float:
    """The query word wait, in seconds. Raises InvalidArgument."""
    try:
        wait = float(call.query.get("wait", "0"))
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= LONGEST_WAIT:
        raise S3Error("InvalidArgument", f"wait must be from 0 to {LONGEST_WAIT:.0f} seconds.")
    return wait
