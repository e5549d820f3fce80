"""One sync folder: watched, and brought in sync by one pass after another, while the agent runs.

One pass, step by step ([thread] marks work that leaves the event loop):

1. ``Watcher`` (watch.py) reports changed local paths from its own thread [thread -> loop], and
   ``_follow_store`` those that clients of this agent write to the bucket. ``Schedule`` collects
   both, and adds retries and complete scans when they are due.
2. ``_serve`` waits until a pass is due and takes its ``Scope`` from the schedule. ``make_pass``
   runs one pass at a time, also those that the user asks for (user_actions.py).
3. ``ChangeFinder`` (find_changes.py) walks the local folder [thread] while pages of the bucket's
   listing arrive [loop]; both are compared with the baseline, the last agreement [thread].
4. ``join`` and ``plan`` (planning.py) turn the differences into steps; ``decide`` (decide.py) is
   the table of decisions. Files that may be unchanged are hashed [thread].
5. ``check_deletions`` (mass_deletion.py) stops a plan that would delete too much, and asks the user
   [thread].
6. ``find_moves`` (moves.py) pairs deletions with new files of the same bytes [thread].
7. ``Executor.execute`` (execute.py) carries out one path: it looks again, decides again and writes
   with a condition. The intent is flushed before, the agreement recorded after [thread for each
   flush and each file operation; requests of S3 run on the loop].
8. Deletions come last, the deepest first, after another look at the root.
9. ``_finish`` records the results: troubles, retries, the times of the next scans, events. It works
   in slices, so that no callback of the loop takes 20 ms with 100,000 results.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from s3d.agent.core.bandwidth import TrafficClass, counted_as
from s3d.agent.core.thread_call import in_thread
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_file import FAILURE, Damaged
from s3d.agent.sync.baseline_handle import BaselineHandle, BaselineUnusable
from s3d.agent.sync.folder_status import REMOTE, SHOWN, FolderState
from s3d.agent.sync.interfaces import RootGone, Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.mass_deletion import ApprovalNeeded
from s3d.agent.sync.open_folder import FolderContext, OpenFolder, open_folder
from s3d.agent.sync.pass_scope import PassResult, Scope
from s3d.agent.sync.passes import Passes, PassInterrupted
from s3d.agent.sync.planning import in_slices
from s3d.agent.sync.recover import recover_all
from s3d.agent.sync.root import adopt_root, open_root
from s3d.agent.sync.schedule import Schedule
from s3d.agent.sync.sync_metrics import (
    DONE,
    FAILED,
    INTERRUPTED,
    OFFLINE,
    STOPPED,
    SyncMetrics,
)
from s3d.shared.config.folder_settings import name_of
from s3d.shared.syncing import FolderStatus

logger = logging.getLogger(__name__)

ROOT_CHECK = 5.0
"""Seconds between two checks of whether the root is still there."""


class SyncFolder:
    """Run run() while the folder is synced; all other methods may be called meanwhile, from the
    same loop. See user_actions.py for what the user can ask of it."""

    def __init__(self, context: FolderContext, clock: Callable[[], float] = time.time) -> None:
        self.context = context
        config = context.config
        assert config.path is not None
        self.name = name_of(config)
        self.path = config.path
        self.schedule = Schedule(config.interval)
        self.state = FolderState(self.name, self.path, context.events)
        self._metrics = SyncMetrics(context.registry, self.name, clock)
        self.pass_lock = asyncio.Lock()
        self.is_approved = False
        """The user has approved what the folder has stopped for."""
        self._baseline_handle = BaselineHandle(context.file)
        try:
            self._baseline_handle.open()
        except BaselineUnusable as error:
            self.state.stop(str(error), "memory" if error.can_be_replaced else "")
        self._clock = clock
        self._open: OpenFolder | None = None
        self._is_open = asyncio.Event()

    def close(self) -> None:
        self._baseline_handle.close()

    @property
    def baseline(self) -> Baseline:
        """Raises Unavailable while it cannot be used."""
        if self._baseline_handle.baseline is None:
            raise Unavailable(self.state.reason or "the folder is not open")
        return self._baseline_handle.baseline

    @property
    def here(self) -> OpenFolder:
        """Raises Unavailable while the root is missing."""
        if self._open is None:
            raise Unavailable(self.state.reason or "the folder is not open")
        return self._open

    @property
    def is_paused(self) -> bool:
        baseline = self._baseline_handle.baseline
        return baseline is not None and baseline.get_meta("paused") == "true"

    @property
    def is_opening(self) -> bool:
        """Whether its root has neither been opened nor been refused since the start."""
        return self._open is None and self.state.state == "starting"

    async def opened(self) -> OpenFolder:
        """Wait for the root."""
        await self._is_open.wait()
        return self.here

    async def run(self) -> None:
        """Runs until cancelled. Waits for a missing root."""
        while True:
            try:
                await self._ensure_baseline()
                async with self._opened() as here:
                    await self._serve(here)
            except* RootGone as gone:
                self.state.stop(str(_first(gone)), "root")
            except* BaselineUnusable as unusable:
                self._stop_without_baseline(_first(unusable))
            except* (Damaged, FAILURE) as failed:
                self._stop_without_baseline(self._baseline_handle.failed(_first(failed)))
            except* OSError as failed:
                self.state.stop(str(_first(failed)), "")
            # A TaskGroup that fails swallows a cancellation that comes at the same time.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            await self.schedule.wait(ROOT_CHECK)

    async def _ensure_baseline(self) -> None:
        """Raises BaselineUnusable."""
        if self.state.question == "memory" and self.is_approved:
            self.is_approved = False
            await self._baseline_handle.replace()
            self.state.set("starting")  # or no pass may run: nothing is left to approve
        await self._baseline_handle.ensure()

    def _stop_without_baseline(self, error: BaselineUnusable) -> None:
        self.state.stop(str(error), "memory" if error.can_be_replaced else "")

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[OpenFolder]:
        """Raises RootGone; OSError."""
        approved, self.is_approved = self.is_approved, False
        tree, is_first = await in_thread(
            partial(_open_root, self.context, self.path, self.baseline, approved=approved),
            undo=lambda opened: opened[0].close(),
        )
        self.is_approved = approved and not is_first
        if is_first:
            logger.info("first sync folder=%s bucket=%s", self.path, self.context.config.bucket)
        try:
            self._open = open_folder(
                self.context, tree, self.baseline, self.schedule.changed, self._clock
            )
            self._open.passes.on_progress = self.state.progress
            self._open.passes.is_stopped = lambda: self.is_paused
            self._is_open.set()
            yield self._open
        finally:
            self._open = None
            self._is_open.clear()
            tree.close()

    async def _serve(self, here: OpenFolder) -> None:
        self.schedule.everything()
        async with asyncio.TaskGroup() as group:
            group.create_task(here.watcher.run(), name=f"watch {self.name}")
            group.create_task(self._follow_store(), name=f"follow {self.name}")
            async with self.pass_lock:
                await self._recover(here.passes)
            if here.eviction is not None:
                evicting = here.eviction.run(self.pass_lock, lambda: not self.may_run())
                group.create_task(evicting, name=f"evict {self.name}")
            while True:
                await self._wait_for_pass(here)
                with suppress(Unavailable, ApprovalNeeded):
                    await self.make_pass(self.schedule.take(), on_demand=False)
                async with self.pass_lock:
                    await here.trash.prune()

    async def _recover(self, passes: Passes) -> None:
        """Recover from a crash; retries while the remote is unavailable."""
        while True:
            try:
                return await recover_all(passes.executor)
            except Unavailable as error:
                self.state.set("offline", str(error))
                await self.schedule.wait(self.schedule.backoff())

    async def _wait_for_pass(self, here: OpenFolder) -> None:
        """Wait until a pass is due and allowed. Raises RootGone."""
        while True:
            may_run = self.may_run()
            if may_run and self.schedule.is_due(is_polling=here.watcher.is_polling):
                return
            await self.schedule.wait(ROOT_CHECK if not may_run else None)
            if not await asyncio.to_thread(here.tree.is_in_place):
                raise RootGone(f"{self.path} or its marker .s3d/marker is missing")

    def may_run(self) -> bool:
        """Whether a pass may start without a request of the user."""
        return not self.is_paused and (self.state.state != "stopped" or self.is_approved)

    async def _follow_store(self) -> None:
        """Schedule the objects that clients of this agent write below the prefix."""
        config = self.context.config
        start = f"{config.bucket}/{config.prefix}"
        own = (self.name, REMOTE)  # what other writers change comes to look_at()
        with self.context.events.subscribe(("store",)) as events:
            while batch := await events.take():
                for event in batch:
                    if event.kind == "resync":
                        self.schedule.look_at_bucket()
                        continue
                    path = event.subject.removeprefix(start)
                    if path and path != event.subject and event.data.get("by") not in own:
                        self.schedule.touched(path)

    async def make_pass(self, scope: Scope, *, on_demand: bool = True) -> PassResult:
        """Make one pass, after the one that is running. on_demand: the user has requested it.

        Raises Unavailable, ApprovalNeeded, RootGone.
        """
        passes = self.here.passes
        async with self.pass_lock:
            if not on_demand and not self.may_run():
                self.schedule.put_back(scope, 0.0)
                return PassResult()
            self.context.check_conditional_writes()
            self.state.begin_pass()
            approved, self.is_approved = self.is_approved, False
            scope.bucket_requests = self.schedule.listings.requests
            try:
                with counted_as(TrafficClass.SYNC):
                    outcome = await passes.run(scope, approved=approved)
            except Unavailable as error:
                self._metrics.ended(OFFLINE)
                self.state.set("offline", str(error))
                self.schedule.put_back(scope, self.schedule.backoff())
                raise
            except ApprovalNeeded as error:
                self._metrics.ended(STOPPED)
                self.schedule.put_back(scope, 0.0)
                self.state.stop(str(error), "deletions")
                raise
            except PassInterrupted:
                self._metrics.ended(INTERRUPTED)
                self.schedule.put_back(scope, 0.0)
                self.state.set("idle")
                return PassResult()
            except BaseException as error:
                is_stopped = isinstance(error, asyncio.CancelledError)
                self._metrics.ended(INTERRUPTED if is_stopped else FAILED)
                self.schedule.put_back(scope, 0.0)
                raise
            await self._finish(scope, outcome)
            return outcome

    async def _finish(self, scope: Scope, outcome: PassResult) -> None:
        """Record the results of a pass, and have the paths looked at again that need it."""
        if scope.is_whole:
            self.state.clear_paths()
        self.schedule.ended(scope, outcome)
        async for result in in_slices(outcome.done):
            self.state.record(result)
            self._metrics.record(result)
            self.schedule.handled(result, scope)
        for path in await asyncio.to_thread(_folders_of, self.path, scope.events):
            self.schedule.folder_came(path)
        self._metrics.ended(DONE)
        self.here.wake_eviction()
        if scope.bucket:
            self.state.last_pass = self._clock()
        self.state.todo = self.state.done = 0
        self.state.set("idle")
        async for result in in_slices(outcome.done):
            self.state.publish(result, self.context.config)

    def status(self) -> FolderStatus:
        config, now = self.context.config, self.state
        files, size, conflicts, evicted, is_paused = self._counts()
        state, reason = now.state, now.reason
        if is_paused and state != "stopped":
            state, reason = "paused", ""
        reports = None if now.reports is None else now.reports()
        return FolderStatus(
            name=self.name,
            path=str(self.path),
            bucket=config.bucket,
            prefix=config.prefix,
            mode=config.mode,
            state=state,
            reason=reason,
            filter=str(config.filter),
            files=files,
            size=size,
            todo=now.todo,
            done=now.done,
            troubles=now.shown(),
            trouble_count=len(now.troubles),
            blocked=now.troubles.count("blocked"),
            skipped=now.troubles.count("skipped"),
            left_as_is=now.troubles.count("kept"),
            left_out=len(now.unsupported),
            conflicts=conflicts,
            pending=self.schedule.pending,
            waiting=self.schedule.waiting,
            last_pass=now.last_pass,
            watch=self._open.watcher.state if self._open is not None else "",
            remote="" if reports is None else reports.source,
            remote_trouble="" if reports is None else reports.trouble,
            monthly_cost=None if reports is None else reports.cost,
            level=self.context.level(),
            question=now.question,
            from_file=self.context.from_file,
            evicted=evicted,
        )

    def _counts(self) -> tuple[int, int, int, int, bool]:
        """Files, bytes, conflicts and evicted files of the baseline, and whether it says paused. A
        damaged baseline counts as empty here: a status must not fail, and run() reports it."""
        baseline = self._baseline_handle.baseline
        if baseline is None:
            return 0, 0, 0, 0, False
        try:
            conflicts, evicted = len(baseline.conflicts(SHOWN)), baseline.evictions.count()
            return *baseline.count(), conflicts, evicted, self.is_paused
        except FAILURE:
            return 0, 0, 0, 0, False


def _open_root(
    context: FolderContext, path: Path, baseline: Baseline, *, approved: bool
) -> tuple[FolderTree, bool]:
    """Open the root in a thread, since folders are made and synced; whether it is synced for the
    first time. approved: another folder at this path is taken as it is. Raises RootGone; OSError.
    """
    own = baseline.other()
    try:
        try:
            return open_root(path, own, context.remote_place, context.umask)
        except RootGone:
            if not approved:
                raise
            adopt_root(path, own, context.remote_place)
        return open_root(path, own, context.remote_place, context.umask)
    finally:
        own.close()


def _folders_of(root: Path, paths: set[str]) -> list[str]:
    """In a thread: those of the paths that are folders."""
    return [path for path in paths if (root / path).is_dir()]


def _first(group: BaseExceptionGroup[Exception]) -> Any:
    """The first error in a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
