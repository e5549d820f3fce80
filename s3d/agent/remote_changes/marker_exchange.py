"""One place's marker: tells other agents of the writes of this one, and learns of theirs.

1. written() notes a path whose write has arrived at the remote.
2. run() writes the marker, at most once a second: the paths get their numbers and are merged into
   the marker that was read last (own_changes.py). It is written with a condition. When another
   agent was faster, the marker is read and merged again.
3. run() reads the marker when it is due (marker_times.py). What others have added goes to on_news.
   When changes of this run are missing from it, a writer without conditions has replaced them, and
   they are written again.

The paths of a marker are hints. After a gap, the receiver of the news lists the prefix.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from s3d.agent.core.clock import Clock
from s3d.agent.remote_changes.marker_format import (
    Marker,
    MarkerUnusable,
    News,
    news_of,
    seen_after,
)
from s3d.agent.remote_changes.marker_object import MarkerObject, MarkerRefused, Raced
from s3d.agent.remote_changes.marker_times import MarkerTimes
from s3d.agent.remote_changes.own_changes import OwnChanges
from s3d.agent.s3.errors import S3Error

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Writes that another agent may win, until this one waits for its next turn."""
OBJECT_LOCK = "the bucket has object lock, so versions of a marker would stay"


class MarkerExchange:
    """The exchange of one place. Belongs to the loop."""

    def __init__(
        self,
        marker: MarkerObject,
        agent: str,
        on_news: Callable[[News], None],
        *,
        clock: Clock | None = None,
        objects: Callable[[], int] = lambda: 0,
        cost_limit: float = 0.0,
    ) -> None:
        """agent: an id of this run. on_news: gets what others have changed. objects, cost_limit:
        see MarkerTimes."""
        self._object, self._on_news = marker, on_news
        self._clock = clock or Clock()
        self.times = MarkerTimes(self._clock.steady, objects, cost_limit)
        self.read_trouble = ""
        """Why the marker cannot be read; "" when it can."""
        self.write_trouble = ""
        self._own = OwnChanges(agent)
        self._known = Marker()
        """As it was read or written last."""
        self._seen: dict[str, int] | None = None
        """None: no marker was read yet."""
        self._wake = asyncio.Event()
        self.on_announced: Callable[[], None] = lambda: None
        """Called when the marker has all changes of this run."""

    @property
    def is_working(self) -> bool:
        """Whether changes of other agents are noticed by the marker."""
        return self._object.exists and not self.read_trouble and not self.times.is_lost

    @property
    def unannounced(self) -> list[str]:
        """Paths of this run that no marker has yet."""
        return self._own.unannounced

    def written(self, path: str) -> None:
        """Note a path whose write has arrived at the remote."""
        self._own.add(path)
        self.times.changed()
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._wake.clear()
            await self.step()
            await self._rest(self.times.due_in(has_changes=self._own.is_pending))

    async def finish(self) -> None:
        """Write the marker a last time, if there is something to write."""
        if self._own.has_paths and not self.times.is_resting:
            self.times.write_now()
            await self.step()

    async def step(self) -> None:
        """Do what is due now."""
        try:
            is_first = self._is_write_due() and self._seen is None
            if self._clock.steady() >= self.times.next_poll or is_first:
                await self._poll()
            if self._is_write_due():
                await self._write_changes()
        except (S3Error, OSError, TimeoutError) as error:
            if not self.times.is_resting:
                logger.info("the marker cannot be reached now: %s", error)
            self.times.failed()

    def _is_write_due(self) -> bool:
        return self._own.is_pending and self.times.is_write_due()

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until a path was written."""

        async def sleep() -> None:
            await self._clock.sleep(seconds)

        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(sleep()), group.create_task(self._wake.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _poll(self) -> None:
        """Read the marker, and report what is new in it."""
        self.times.polling()
        try:
            marker = await self._object.read()
        except (MarkerRefused, MarkerUnusable) as error:
            self._refuse_read(str(error))
            return
        self.read_trouble = ""
        self.times.answered()
        if marker is not None:
            self._learn(marker)
        if not self._object.exists:
            self._own.missing()  # the first write shows whether the marker may be written

    def _learn(self, marker: Marker) -> None:
        news = news_of(self._seen, marker, self._own.agent)
        is_first, self._seen = self._seen is None, seen_after(self._seen, marker)
        self._known = marker
        self._own.compare(marker)
        if news.paths or news.is_gap:
            if not is_first:
                self.times.changed()
            self._on_news(news)

    async def _write_changes(self) -> None:
        """Write the marker with the changes of this run."""
        if self._seen is None or self.read_trouble or not await self._may_write():
            self.times.write_with_poll()
            return
        self.times.writing()
        self._own.number()
        self._own.missing()  # until the marker is written
        try:
            await self._write()
        except MarkerRefused as error:
            self._refuse_write(str(error))
        except MarkerUnusable as error:
            self._refuse_read(str(error))

    async def _write(self) -> None:
        """Raises MarkerRefused, MarkerUnusable, S3Error."""
        for _ in range(ATTEMPTS):
            marker = self._own.merged(self._known)
            try:
                await self._object.write(marker)
            except Raced:
                read = await self._object.read()
                if read is not None:
                    self._learn(read)
                continue
            self._known, self._seen = marker, seen_after(self._seen, marker)
            self._own.written()
            self.times.written()
            self.write_trouble = ""
            self.on_announced()
            return

    async def _may_write(self) -> bool:
        if not self.times.is_check_due():
            return not self.write_trouble
        self.times.checked()
        if await self._object.locked():
            self._refuse_write(OBJECT_LOCK)
            return False
        return True

    def _refuse_read(self, why: str) -> None:
        if why != self.read_trouble:
            logger.warning("cannot read what other devices have changed: %s", why)
        self.read_trouble = why
        self.times.refused()

    def _refuse_write(self, why: str) -> None:
        if why != self.write_trouble:
            logger.warning("cannot announce changes to other devices: %s", why)
        self.write_trouble = why
        self.times.checked()
