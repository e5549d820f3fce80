"""Ask the filter again, now and then, about what it holds: the tags of a bucket may be others."""

from __future__ import annotations

from s3d.agent.store.queue.clock import Clock
from s3d.agent.store.queue.journal import Journal


async def decide_now_and_then(journal: Journal, clock: Clock, every: float) -> None:
    """every: seconds. Until cancelled."""
    while True:
        await clock.sleep(every)
        await journal.decide_anew()
