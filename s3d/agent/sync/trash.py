"""Files that sync has replaced or deleted locally: stored for 30 days, and restored on request.

Evicted files are here for a minute only, during which a program may still write to them.

The 30 days are those of the trash's own clock. It runs while the agent runs, and counts at most one
day for a stop, so that a wrong system clock removes no file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from s3d.agent.core.path_names import original_of
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_tables import EVICTED, TrashEntry
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.local_tree import FolderTree

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
TRASH_AGE = 30 * DAY
"""Seconds of the trash's clock for which a file is kept."""
WRITE_GRACE = 60.0
"""Seconds for which a program that had a file open may still write to it in the trash."""
CHECK_INTERVAL = 20.0
"""Seconds between two checks."""
SAVE_INTERVAL = 3600.0
"""Seconds between two times that the clock is saved: a kill loses no more of it."""
MAX_DAILY_FILES, MAX_DAILY_SHARE = 100, 0.25
"""At most so many files, or this share of the trash if that is more, are removed per day."""


class TrashClock:
    """Seconds since the trash was created, with at most a day for each stop of the agent."""

    def __init__(
        self,
        baseline: Baseline,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """clock: Unix seconds, trusted only for the duration of a stop, up to a day."""
        self._baseline, self._clock, self._steady = baseline, clock, steady
        before, stopped = _numbers(baseline.get_meta("trash_clock"), 0.0, clock())
        self._begun = before + min(max(clock() - stopped, 0.0), DAY)
        self._started = steady()
        self._saved = before

    def now(self) -> float:
        return self._begun + max(self._steady() - self._started, 0.0)

    def save(self, *, every: float = SAVE_INTERVAL) -> None:
        now = self.now()
        if now - self._saved >= every:
            self._saved = now
            self._baseline.set_meta(trash_clock=f"{now:.0f} {self._clock():.0f}")


class Trash:
    """The trash of one folder."""

    def __init__(self, tree: FolderTree, executor: Executor, clock: TrashClock) -> None:
        self._tree, self._executor, self._baseline = tree, executor, executor.baseline
        self._clock = clock
        self._looked = float("-inf")

    async def prune(self) -> None:
        """Restore files that were written to after they came here, and remove old ones."""
        now = self._clock.now()
        if now - self._looked < CHECK_INTERVAL:
            return
        self._looked = now
        self._clock.save()
        for row in self._baseline.trash.rows(since=now - WRITE_GRACE - 2 * CHECK_INTERVAL):
            await self._check(row)
        await self._expire(now)
        await self._drop_evicted(now)

    async def _expire(self, now: float) -> None:
        old = self._baseline.trash.rows(before=now - TRASH_AGE, limit=1)
        if not old:
            return
        day, left = _numbers(self._baseline.get_meta("trash_day"), float("-inf"), 0.0)
        if now - day >= DAY:
            day, left = now, max(MAX_DAILY_FILES, MAX_DAILY_SHARE * self._baseline.trash.count())
        for row in self._baseline.trash.rows(before=now - TRASH_AGE, limit=int(left)):
            await self._tree.drop_trashed(row.id)
            self._baseline.trash.remove(row.id)
            left -= 1
        self._baseline.set_meta(trash_day=f"{day:.0f} {left:.0f}")

    async def _drop_evicted(self, now: float) -> None:
        """Remove evicted files once no program can be writing to them any more."""
        for row in self._baseline.trash.evicted(before=now - WRITE_GRACE):
            if not await self._check(row):
                await self._tree.drop_trashed(row.id)
                self._baseline.trash.remove(row.id)

    async def _check(self, row: TrashEntry) -> bool:
        """Restore a file that was written to after it came here; whether that was so."""
        found = await self._tree.trashed(row.id)
        if found is None or found.is_same_file(row.signature):
            return False
        logger.info("restored a file that was modified in the trash path=%s", row.path)
        if row.reason == EVICTED:
            await self._executor.put_back(row.path, row.id)
        else:
            await self._executor.put_beside(row.path, row.id)
        self._baseline.trash.remove(row.id)
        return True

    async def undo(self, *, id: int = 0, path: str = "") -> str:
        """Restore a file to its state before a row of the history, or before the newest row of a
        path; return the path. The current file goes to the trash. Within the folder's turn. Raises
        PathBlocked.
        """
        row = self._baseline.history.last_trashed(id=id, path=path)
        if row is None or await self._tree.trashed(row.trash) is None:
            raise PathBlocked("the trash has no file for it")
        if await self._tree.look(row.path) is not None:
            await self.discard(row.path, "replaced by an undo")
        if not await self._tree.untrash(row.trash, row.path):
            raise PathBlocked("its path is in use")
        self._baseline.trash.remove(row.trash)
        self._baseline.history.add(self._executor.clock(), "undone", row.path, row.action)
        return row.path

    async def discard(self, path: str, reason: str) -> None:
        """Move a file to the trash. Raises PathBlocked when it does not exist."""
        local = await self._tree.look(path)
        if local is None or local.trouble:
            raise PathBlocked(local.trouble if local is not None else "it does not exist")
        name, now = self._executor.ids(), self._executor.clock()
        age = self._executor.trash_age()
        self._baseline.trash.add(TrashEntry(name, path, local.signature, reason, now, age))
        await self._baseline.flush()
        if await self._tree.discard(path, name) is None:
            raise PathBlocked("it no longer exists")
        self._baseline.history.add(now, reason, path, "", name)

    async def resolve(self, copy: str, keep: str) -> list[str]:
        """End a conflict: the paths that have changed. Within the folder's turn.

        Raises PathBlocked.
        """
        original = original_of(copy)
        if not original:
            raise PathBlocked("the path is not a conflict copy")
        if keep == "original":
            await self.discard(copy, "resolved")
            return [copy]
        if keep == "copy":
            if await self._tree.look(original) is not None:
                await self.discard(original, "resolved")
            if await self._tree.move(copy, original) is None:
                raise PathBlocked("its path is in use")
            return [copy, original]
        for number in range(1, 100):
            stem, dot, suffix = original.rpartition(".")
            name = (
                f"{stem} {number}.{suffix}" if dot and "/" not in suffix else f"{original} {number}"
            )
            if await self._tree.move(copy, name) is not None:
                return [copy, name]
        raise PathBlocked("no free name for it")


def _numbers(text: str, *otherwise: float) -> list[float]:
    """The stored numbers; damaged ones count as missing."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        found = []
    return found if len(found) == len(otherwise) else list(otherwise)
