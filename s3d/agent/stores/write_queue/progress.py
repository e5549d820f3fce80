"""What pushes tell of themselves while they are under way: events, and rates for the status."""

from __future__ import annotations

from s3d.agent.core.events import Events
from s3d.agent.core.rate_meter import RateMeter
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.pending import PendingWrite
from s3d.agent.stores.write_queue.staged_body import SMALL

PAUSE = 0.5
"""Seconds between two events of one push."""


class Traffic:
    """All pushes together."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self.events = events
        self.clock = clock
        self.size = RateMeter()
        self.writes = RateMeter()
        self.sent = 0
        """Bytes, since the start."""
        self.large: dict[int, Progress] = {}
        """By seq, those under way that take long enough to be looked at."""

    def begin(self, write: PendingWrite) -> Progress:
        progress = Progress(self, write)
        if write.size > SMALL:
            self.large[write.seq] = progress
        return progress

    def over(self, write: PendingWrite) -> None:
        """It is not under way any more."""
        self.large.pop(write.seq, None)

    def of(self, seq: int) -> tuple[int, float]:
        """Bytes of a push that are on their way or there, and bytes a second; 0 of a small one."""
        progress = self.large.get(seq)
        if progress is None:
            return 0, 0.0
        return progress.sent, progress.size.rate(self.clock.steady())

    def rates(self) -> tuple[float, float]:
        """Bytes and writes a second."""
        now = self.clock.steady()
        return self.size.rate(now), self.writes.rate(now)


class Progress:
    """One push. Small ones are over before anybody could look: they emit nothing."""

    def __init__(self, traffic: Traffic, write: PendingWrite) -> None:
        self._traffic = traffic
        self._write = write
        self.sent = 0
        """Bytes; those that the remote had already before count, too."""
        self.size = RateMeter()
        self._told = float("-inf")

    def moved(self, size: int) -> None:
        """So many more bytes are on their way."""
        now = self._traffic.clock.steady()
        self._traffic.size.add(size, now)
        self._traffic.sent += size
        self.sent += size
        write = self._write
        if write.size <= SMALL:
            return
        self.size.add(size, now)
        if now - self._told >= PAUSE:
            self._told = now
            self._traffic.events.emit(
                "queue.pushing", write.subject, seq=write.seq, sent=self.sent, size=write.size
            )

    def ended(self) -> None:
        """The remote has it."""
        self._traffic.writes.add(1, self._traffic.clock.steady())
