"""When the next pass over a folder is due, and what it looks at.

A pass looks at the paths that events have reported, at the paths that are due for a retry, and now
and then at everything: less and less often while nothing changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.path_names import parents
from s3d.agent.sync.decide import Action
from s3d.agent.sync.listing_times import ListingTimes
from s3d.agent.sync.pass_scope import PassResult, Scope, StepResult
from s3d.agent.sync.retries import TOO_MANY, Retries

FULL_FIRST, FULL_LONGEST = 300.0, 3600.0
"""Seconds between two scans of the whole folder."""
POLLING = 30.0
"""Seconds between two scans of a whole folder whose changes the system does not report."""
AWAY_FIRST, AWAY_LONGEST = 2.0, 60.0
NEW_FOLDER = 2.0
"""Seconds after which a folder is scanned again that has just come: events are lost in these."""


class Schedule:
    """The paths to look at. take() returns those that are due."""

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        """interval: seconds between two looks at the bucket, at least."""
        self._clock = clock
        self.listings = ListingTimes(interval)
        self._full_every = FULL_FIRST
        self._full_at = self._not_before = 0.0
        self._away = Backoff(AWAY_FIRST, AWAY_LONGEST)
        self._paths: set[str] = set()
        self._touched: set[str] = set()
        self._looks: list[asyncio.Future[None]] = []
        """Of look_at(), for the next pass."""
        self.retries = Retries(clock)
        self._news = asyncio.Event()

    # What there is to look at

    def changed(self, paths: set[str] | None) -> None:
        """Note local paths that have changed; None: anything."""
        if paths is None or len(self._paths) + len(paths) > TOO_MANY:
            self._full_at = 0.0
            self._paths.clear()
        else:
            self._paths |= paths
        self._news.set()

    def touched(self, path: str) -> None:
        """Note that an object was written."""
        self._touched.add(path)
        if len(self._touched) > TOO_MANY:
            self.look_at_bucket()
        self._news.set()

    def look_at_bucket(self) -> None:
        self._touched.clear()
        self.listings.request()
        self._news.set()

    def look_at(self, paths: Iterable[str]) -> asyncio.Future[None]:
        """Note objects that another writer may have changed. The result is there when a pass has
        looked at them."""
        look: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._looks.append(look)
        for path in paths:
            self.touched(path)
        self._news.set()
        return look

    def everything(self) -> None:
        """Schedule a complete pass over both sides now."""
        self._full_at = self._not_before = 0.0
        self.listings.request()
        self._news.set()

    def again(self, paths: Iterable[str]) -> None:
        self._paths.update(paths)
        self._touched.update(paths)
        if self._paths:
            self._news.set()

    def backoff(self) -> float:
        """Seconds until the next attempt after the remote was unreachable again."""
        pause = self._away.advance()
        self._not_before = self._clock() + pause
        return pause

    def put_back(self, scope: Scope, pause: float) -> None:
        """Put back the scope of a failed pass. pause: seconds until the next."""
        self._paths |= scope.paths | {folder[:-1] for folder in scope.folders if folder}
        self._touched |= scope.touched
        self._looks += scope.looks
        now = self._clock()
        if scope.everything_here:
            self._full_at = now
        if scope.bucket:
            self.listings.put_back()
        self._not_before = now + pause

    @property
    def pending(self) -> int:
        """Paths that are known to have changed, or are due again, and were not looked at yet."""
        reported = self._paths | self._touched
        return len(reported) + len(self.retries) - sum(p in self.retries for p in reported)

    @property
    def waiting(self) -> int:
        """Of those, the ones that are still being written after several looks."""
        return self.retries.slow

    # When

    def is_due(self, *, is_polling: bool = False) -> bool:
        return self._due_in(is_polling=is_polling) <= 0

    def _due_in(self, *, is_polling: bool) -> float:
        now = self._clock()
        if is_polling:
            self._full_at = min(self._full_at, now + POLLING)
        if self._paths or self._touched:
            return self._not_before - now
        soonest = min(self._full_at, self.listings.due_at(), self.retries.next_at())
        return max(soonest, self._not_before) - now

    async def wait(self, most: float | None = None) -> None:
        """Wait for a change, or until something is due. most: maximum seconds; None: no limit."""
        pause = max(0.0, self._due_in(is_polling=False)) if most is None else most
        try:
            async with asyncio.timeout(min(pause, 5.0)):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    def take(self) -> Scope:
        """Return the scope of the next pass."""
        now = self._clock()
        retries, uncertain = self.retries.take(self._paths)
        paths = self._paths | retries
        scope = Scope(
            now >= self._full_at,
            now >= self.listings.due_at(),
            touched=self._touched | uncertain,
            events=self._paths,
            looks=self._looks,
        )
        if not scope.everything_here:
            scope.paths = paths | {folder for path in paths for folder in parents(path)[-1:]}
            scope.folders = {path.rstrip("/") + "/" for path in paths}
        self._paths, self._touched, self._looks = set(), set(), []
        return scope

    def ended(self, scope: Scope, outcome: PassResult) -> None:
        """A pass was made: look sooner where something changes, and later where nothing does.

        Call handled() for each of its results after that.
        """
        self._away.reset()
        now = self._clock()
        for look in scope.looks:
            if not look.done():
                look.set_result(None)
        if scope.is_whole:
            self.retries.postpone_all()
        if scope.bucket:
            has_changes = outcome.count(Action.DOWNLOAD, Action.DELETE_LOCAL) > 0
            self.listings.listed(now, scope.bucket_requests, has_changes=has_changes)
        if scope.everything_here:
            longer = min(self._full_every * 2, FULL_LONGEST)
            self._full_every = FULL_FIRST if outcome.finds else longer
            self._full_at = now + self._full_every

    def handled(self, result: StepResult, scope: Scope) -> None:
        """A pass has handled a path: note whether it is looked at again, and with which others.
        scope: of the pass."""
        if result.action is Action.WAIT:
            there = result.may_pass or scope.has_seen(result.path)
            self.retries.retry(result.path, there=there)
        elif result.may_pass:
            self.retries.blocked(result.path)
        else:
            self.retries.synced(result.path)
        self.again(result.more)

    def folder_came(self, path: str) -> None:
        """An event has reported a new folder: scan it once more soon, since the events of files
        that came into it before it was watched are lost."""
        self.retries.add(path, NEW_FOLDER)
