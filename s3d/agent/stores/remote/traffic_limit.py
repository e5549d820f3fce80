"""Limits the traffic with the remote in both directions, by the timetable of the week.

Downloads are slowed down by reading the socket later, uploads by sending slices. Requests without a
body are not counted.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping

from s3d.agent.core.bandwidth import TokenBucket
from s3d.agent.core.clock import Clock
from s3d.agent.s3.messages import Body
from s3d.shared.config.bandwidth_timetable import DAY, BandwidthTimetable

_LEAST_SLICE = 4 << 10
"""Bytes of the smallest slice that a slow rate makes of a chunk."""


def minute_of_the_week() -> int:
    """Local time; 0: Monday 00:00."""
    now = time.localtime()
    return now.tm_wday * DAY + now.tm_hour * 60 + now.tm_min


class TrafficLimit:
    """Shared by all requests to one remote. The timetable may be replaced at any time."""

    def __init__(
        self,
        timetable: BandwidthTimetable | None = None,
        clock: Clock | None = None,
        minute: Callable[[], int] = minute_of_the_week,
    ) -> None:
        """minute: of the week, now."""
        self._clock, self._minute = clock or Clock(), minute
        self._up, self._down = TokenBucket(), TokenBucket()
        self.set_timetable(timetable or BandwidthTimetable())

    def set_timetable(self, timetable: BandwidthTimetable) -> None:
        """Limit all further traffic by this one."""
        self._timetable = timetable
        self.is_active = not timetable.is_unlimited
        """Whether there may be a limit; so that traffic without any costs nothing."""

    async def receive(self, size: int) -> None:
        """Return when further bytes may be read, after this many."""
        rate = self._timetable.at(self._minute()).down
        await self._wait(self._down.take(size, rate, self._clock.steady()))

    async def send(self, size: int) -> None:
        """Return when this many bytes may be sent."""
        rate = self._timetable.at(self._minute()).up
        await self._wait(self._up.take(size, rate, self._clock.steady()))

    def slice_size(self) -> int | None:
        """Bytes to send at a time, for a smooth rate; None: no limit now."""
        rate = self._timetable.at(self._minute()).up
        return None if rate is None else max(_LEAST_SLICE, rate // 4)

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)


class LimitedBody:
    """A body that is sent at the rate of a limit."""

    def __init__(self, body: Body, limit: TrafficLimit) -> None:
        self.size = body.size
        self._body, self._limit = body, limit

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            size = self._limit.slice_size() or len(chunk)
            for start in range(0, len(chunk), max(1, size)):
                piece = chunk if size >= len(chunk) else chunk[start : start + size]
                await self._limit.send(len(piece))
                yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
