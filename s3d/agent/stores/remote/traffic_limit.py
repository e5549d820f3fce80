"""Limits the traffic with the remote in both directions, by the timetables of the week: one for all
traffic, and one for each class of it, such as that of sync folders.

Downloads are slowed down by reading slices of what the socket has, uploads by sending slices: short
bodies keep to a slow rate, too. Requests without a body are not counted.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from s3d.agent.core.bandwidth import TokenBucket, TrafficClass, traffic_class
from s3d.agent.core.clock import Clock
from s3d.agent.s3.messages import Body
from s3d.shared.config.bandwidth_timetable import DAY, BandwidthTimetable
from s3d.shared.config.gateway_settings import BandwidthConfig

_LEAST_SLICE = 4 << 10
"""Bytes of the smallest slice that a slow rate makes of a chunk."""


def minute_of_the_week() -> int:
    """Local time; 0: Monday 00:00."""
    now = time.localtime()
    return now.tm_wday * DAY + now.tm_hour * 60 + now.tm_min


class _Limit:
    """One timetable, and what of its rates is in use."""

    __slots__ = ("down", "timetable", "up")

    def __init__(self, timetable: BandwidthTimetable) -> None:
        self.timetable = timetable
        self.up, self.down = TokenBucket(), TokenBucket()


class TrafficLimit:
    """Shared by all requests to one remote. Its timetables may be replaced at any time.

    Traffic has to keep to the timetable of all traffic, and to that of its class.
    """

    def __init__(
        self,
        timetable: BandwidthTimetable | None = None,
        clock: Clock | None = None,
        minute: Callable[[], int] = minute_of_the_week,
    ) -> None:
        """minute: of the week, now."""
        self._clock, self._minute = clock or Clock(), minute
        self._of_all = _Limit(timetable or BandwidthTimetable())
        self._of_class: dict[TrafficClass, _Limit] = {}
        self._notice_limits()

    def set_timetable(self, timetable: BandwidthTimetable) -> None:
        """Limit all further traffic by this one."""
        self._of_all.timetable = timetable
        self._notice_limits()

    def set_classes(self, bandwidth: BandwidthConfig) -> None:
        """Limit the further traffic of each class by its own timetable."""
        timetables = {
            TrafficClass.CLIENTS: bandwidth.clients,
            TrafficClass.SYNC: bandwidth.sync,
            TrafficClass.PREFETCH: bandwidth.prefetch,
            TrafficClass.TRANSFERS: bandwidth.transfers,
        }
        self._of_class = {
            name: _Limit(timetable)
            for name, timetable in timetables.items()
            if not timetable.is_unlimited
        }
        self._notice_limits()

    def _notice_limits(self) -> None:
        self.is_active = bool(self._of_class) or not self._of_all.timetable.is_unlimited
        """Whether there may be a limit; so that traffic without any costs nothing."""

    async def receive(self, size: int) -> None:
        """Return when further bytes may be read, after this many."""
        now, minute = self._clock.steady(), self._minute()
        rates = [(each.down, each.timetable.at(minute).down) for each in self._limits()]
        await self._wait(max(bucket.take(size, rate, now) for bucket, rate in rates))

    async def send(self, size: int) -> None:
        """Return when this many bytes may be sent."""
        now, minute = self._clock.steady(), self._minute()
        rates = [(each.up, each.timetable.at(minute).up) for each in self._limits()]
        await self._wait(max(bucket.take(size, rate, now) for bucket, rate in rates))

    def sent_slice(self) -> int | None:
        """Bytes to send at a time, for a smooth rate; None: no limit now."""
        minute = self._minute()
        return _slice_size(each.timetable.at(minute).up for each in self._limits())

    def received_slice(self) -> int | None:
        """Bytes to read at a time; None: no limit now."""
        minute = self._minute()
        return _slice_size(each.timetable.at(minute).down for each in self._limits())

    def _limits(self) -> list[_Limit]:
        """Those that the current task has to keep to."""
        of_class = self._of_class.get(traffic_class.get())
        return [self._of_all] if of_class is None else [self._of_all, of_class]

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)


def _slice_size(rates: Iterable[int | None]) -> int | None:
    limits = [rate for rate in rates if rate is not None]
    return max(_LEAST_SLICE, min(limits) // 4) if limits else None


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
            size = self._limit.sent_slice() or len(chunk)
            for start in range(0, len(chunk), max(1, size)):
                piece = chunk if size >= len(chunk) else chunk[start : start + size]
                await self._limit.send(len(piece))
                yield piece

    async def aclose(self) -> None:
        await self._body.aclose()
