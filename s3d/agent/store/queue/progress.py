"""What pushes tell of themselves while they are under way: events, and rates for the status."""

from __future__ import annotations

from s3d.agent.events import Events
from s3d.agent.store.queue.clock import Clock
from s3d.agent.store.queue.meter import Meter
from s3d.agent.store.queue.pending import PendingWrite
from s3d.agent.store.queue.staged import SMALL

PAUSE = 0.5
"""Seconds between two events of one push."""


class Traffic:
    """All pushes together."""

    def __init__(self, events: Events, clock: Clock) -> None:
        self.events = events
        self.clock = clock
        self.size = Meter()
        self.writes = Meter()

    def begin(self, write: PendingWrite) -> Progress:
        return Progress(self, write)

    def rates(self) -> tuple[float, float]:
        """Bytes and writes a second."""
        now = self.clock.steady()
        return self.size.rate(now), self.writes.rate(now)


class Progress:
    """One push. Small ones are over before anybody could look: they emit nothing."""

    def __init__(self, traffic: Traffic, write: PendingWrite) -> None:
        self._traffic = traffic
        self._write = write
        self._sent = 0
        self._told = float("-inf")

    def moved(self, size: int) -> None:
        """So many more bytes are on their way."""
        now = self._traffic.clock.steady()
        self._traffic.size.add(size, now)
        self._sent += size
        write = self._write
        if write.size > SMALL and now - self._told >= PAUSE:
            self._told = now
            self._traffic.events.emit(
                "queue.pushing", write.subject, seq=write.seq, sent=self._sent, size=write.size
            )

    def ended(self) -> None:
        """The remote has it."""
        self._traffic.writes.add(1, self._traffic.clock.steady())
