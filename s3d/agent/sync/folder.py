"""One sync folder: it is watched, and passes are made over it, as long as the agent runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_file import FAILURE, Damaged
from s3d.agent.sync.baseline_handle import BaselineHandle, BaselineUnusable
from s3d.agent.sync.decide import Action, MassDeletionGuard, Step
from s3d.agent.sync.execute import StepResult
from s3d.agent.sync.folder_status import SHOWN, FolderState
from s3d.agent.sync.interfaces import Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.open_folder import FolderSettings, OpenFolder, open_folder
from s3d.agent.sync.passes import Passes, PassInterrupted, PassResult, RootGone, Scope
from s3d.agent.sync.path_selection import QUIET
from s3d.agent.sync.planning import EACH
from s3d.agent.sync.recover import recover_all
from s3d.agent.sync.root import adopt_root, open_root
from s3d.agent.sync.schedule import Schedule
from s3d.shared.config.load import name_of
from s3d.shared.syncing import FolderStatus, SyncReport

logger = logging.getLogger(__name__)

PASSES = 10
"""That are made on demand, at most."""
OPENING = 5.0
"""Seconds that a demand waits for the root to be there."""
_WRITES = {
    Action.UPLOAD: "PutObject",
    Action.MOVE: "CopyObject",
    Action.DELETE_REMOTE: "DeleteObject",
}
"""Actions that change the bucket -> the operation that others are told of."""
ROOT_LOOK = 5.0
"""Seconds between two looks at whether the root is still there."""


class SyncFolder:
    """The folder. Run run(); everything else may be called meanwhile, from the same loop."""

    def __init__(self, settings: FolderSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        config = settings.config
        assert config.path is not None
        self.name = name_of(config)
        self.path = config.path
        self.schedule = Schedule(config.interval)
        self._state = FolderState()
        self._baseline_handle = BaselineHandle(settings.file)
        try:
            self._baseline_handle.open()
        except BaselineUnusable as error:
            self._state.stop(str(error), "memory" if error.can_be_replaced else "")
        self._clock = clock
        self._turn = asyncio.Lock()
        self._open: OpenFolder | None = None
        self._is_open = asyncio.Event()
        self._approved = False

    def close(self) -> None:
        self._baseline_handle.close()

    @property
    def baseline(self) -> Baseline:
        """Raises Unavailable while it cannot be used."""
        if self._baseline_handle.baseline is None:
            raise Unavailable(self._state.reason or "the folder is not open")
        return self._baseline_handle.baseline

    @property
    def here(self) -> OpenFolder:
        """Raises Unavailable while the root is not there."""
        if self._open is None:
            raise Unavailable(self._state.reason or "the folder is not open")
        return self._open

    async def opened(self) -> OpenFolder:
        """Wait until the root is there."""
        await self._is_open.wait()
        return self.here

    async def run(self) -> None:
        """Until cancelled; a root that is gone is waited for."""
        while True:
            try:
                await self._remember()
                async with self._opened() as here:
                    await self._serve(here)
            except* RootGone as gone:
                self._stop_for(str(_first(gone)), "root")
            except* BaselineUnusable as lost:
                self._stop_without_memory(_first(lost))
            except* (Damaged, FAILURE) as failed:
                self._stop_without_memory(self._baseline_handle.failed(_first(failed)))
            except* OSError as failed:
                self._stop_for(str(_first(failed)), "")
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # a group that fails drops it
                raise asyncio.CancelledError
            await self.schedule.wait(ROOT_LOOK)

    async def _remember(self) -> None:
        """Have the memory. Raises BaselineUnusable."""
        if self._state.question == "memory" and self._approved:
            self._approved = False
            await self._baseline_handle.replace()
        await self._baseline_handle.ensure()

    def _stop_without_memory(self, error: BaselineUnusable) -> None:
        self._stop_for(str(error), "memory" if error.can_be_replaced else "")

    def _open_root(self, *, approved: bool) -> tuple[FolderTree, bool]:
        """For a thread: folders are made and synced, and a memory may be emptied."""
        remote = self._remote
        try:
            return open_root(self.path, self.baseline, remote, self.settings.umask)
        except RootGone:
            if not approved:
                raise
            adopt_root(self.path, self.baseline, remote)
        return open_root(self.path, self.baseline, remote, self.settings.umask)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[OpenFolder]:
        approved, self._approved = self._approved, False
        tree, is_first = await asyncio.to_thread(self._open_root, approved=approved)
        self._approved = approved and not is_first
        if is_first:
            logger.info("first sync folder=%s bucket=%s", self.path, self.settings.config.bucket)
        try:
            self._open = self._equip(tree)
            self._is_open.set()
            yield self._open
        finally:
            self._open = None
            self._is_open.clear()
            tree.close()

    @property
    def _remote(self) -> str:
        config = self.settings.config
        return f"{self.settings.remote} {config.bucket}/{config.prefix}"

    def _equip(self, tree: FolderTree) -> OpenFolder:
        changed = self.schedule.changed
        opened = open_folder(self.settings, tree, self.baseline, changed, self._clock)
        opened.passes.on_progress = self._progress
        opened.passes.is_stopped = lambda: self.is_paused
        return opened

    async def _serve(self, here: OpenFolder) -> None:
        self.schedule.everything()
        async with asyncio.TaskGroup() as group:
            group.create_task(here.watcher.run(), name=f"watch {self.name}")
            group.create_task(self._follow_store(), name=f"follow {self.name}")
            async with self._turn:
                await self._recover(here.passes)
            while True:
                await self._wait(here)
                with suppress(Unavailable, MassDeletionGuard):
                    await self._pass(self.schedule.take(), on_demand=False)
                async with self._turn:
                    await here.trash.prune()

    async def _recover(self, passes: Passes) -> None:
        while True:
            try:
                return await recover_all(passes.executor)
            except Unavailable as error:
                self._offline(error)
                await self.schedule.wait(self.schedule.backoff())

    async def _wait(self, here: OpenFolder) -> None:
        """For the next pass that may be made."""
        while True:
            may_run = self._may_run()
            if may_run and self.schedule.is_due(is_polling=here.watcher.is_polling):
                return
            await self.schedule.wait(ROOT_LOOK if not may_run else None)
            if not await asyncio.to_thread(here.tree.is_in_place):
                raise RootGone(f"{self.path} is gone, or its marker .s3d/marker is")

    def _may_run(self) -> bool:
        """Without being asked."""
        return not self.is_paused and (self._state.state != "stopped" or self._approved)

    async def _follow_store(self) -> None:
        """What clients of this agent write below the prefix is looked at without delay."""
        config = self.settings.config
        start = f"{config.bucket}/{config.prefix}"
        with self.settings.events.subscribe(("store",)) as events:
            while batch := await events.take():
                for event in batch:
                    if event.kind == "resync":
                        self.schedule.look_at_bucket()
                        continue
                    path = event.subject.removeprefix(start)
                    if path and path != event.subject and event.data.get("by") != self.name:
                        self.schedule.touched(path)

    async def _pass(self, scope: Scope, *, on_demand: bool = True) -> PassResult:
        """One pass, after the one under way. on_demand: by a person.

        Raises Unavailable, MassDeletionGuard, RootGone.
        """
        passes = self.here.passes
        async with self._turn:
            if not on_demand and not self._may_run():
                self.schedule.put_back(scope, 0.0)
                return PassResult()
            self._check_level()
            self._set("syncing")
            approved, self._approved = self._approved, False
            try:
                outcome = await passes.run(scope, approved=approved)
            except Unavailable as error:
                self._offline(error)
                self.schedule.put_back(scope, self.schedule.backoff())
                raise
            except MassDeletionGuard as error:
                self.schedule.put_back(scope, 0.0)
                self._stop_for(str(error), "deletions")
                raise
            except PassInterrupted:
                self.schedule.put_back(scope, 0.0)
                self._set("idle")
                return PassResult()
            except BaseException:
                self.schedule.put_back(scope, 0.0)
                raise
            self._finish(scope, outcome)
            return outcome

    def _check_level(self) -> None:
        """Raises Unavailable where writers could overwrite one another unseen."""
        config = self.settings.config
        if config.mode == "two-way" and not config.unsafe and self.settings.level() == "C":
            raise Unavailable(
                "the remote ignores conditional writes and keeps no versions: two writers can lose "
                "updates; set unsafe = true for the folder, or mode = backup or mirror"
            )

    def _finish(self, scope: Scope, outcome: PassResult) -> None:
        self._state.note(outcome.done, is_whole=scope.everything_here and scope.bucket)
        for done in outcome.done:
            if done.action is Action.WAIT:
                self.schedule.retry(done.path)
            self.schedule.again(done.more)
        for path in scope.events:
            if (self.path / path).is_dir():
                self.schedule.folder_came(path)
        self.schedule.ended(scope, outcome)
        if scope.bucket:
            self._state.last_pass = self._clock()
        self._set("idle")
        for done in outcome.done:
            self._tell(done)

    def _tell(self, done: StepResult) -> None:
        events, config = self.settings.events, self.settings.config
        if done.action in _WRITES:
            subject = f"{config.bucket}/{config.prefix}{done.path}"
            events.emit("store.changed", subject, operation=_WRITES[done.action], by=self.name)
        elif done.action is Action.CONFLICT:
            events.emit("sync.conflict", self.name, path=done.path)

    def _progress(self, done: int, todo: int) -> None:
        self._state.done, self._state.todo = done, todo
        self.settings.events.emit("sync.progress", self.name, done=done, todo=todo)

    def _offline(self, error: Unavailable) -> None:
        self._set("offline", str(error))

    def _stop_for(self, reason: str, question: str) -> None:
        """Until a person has said what to do."""
        if self._state.stop(reason, question):
            self._changed()

    def _set(self, state: str, reason: str = "") -> None:
        if self._state.turn(state, reason):
            self._changed()

    def _changed(self) -> None:
        state, reason = self._state.state, self._state.reason
        self.settings.events.emit("sync.state", self.name, state=state, reason=reason)
        if state in ("offline", "stopped"):
            logger.warning("sync %s folder=%s why=%s", state, self.path, reason)

    # What a person may ask for

    @property
    def is_paused(self) -> bool:
        baseline = self._baseline_handle.baseline
        return baseline is not None and baseline.get_meta("paused") == "true"

    async def pause(self, *, paused: bool) -> None:
        """Kept over restarts. Once it is paused, nothing is done any more."""
        self.baseline.set_meta(paused="true" if paused else "")
        self.settings.events.emit("sync.state", self.name, state="paused" if paused else "idle")
        if not paused:
            self.schedule.everything()
            return
        async with self._turn:
            pass

    def approve(self) -> None:
        """Do what was doubtful."""
        self._approved = True
        if self._state.question == "deletions":
            self._set("idle")
        self.schedule.everything()

    async def restore(self) -> int:
        """Undo what would be deleted: what is gone on one side comes back from the other. Files."""
        async with self._turn:
            steps = await self._steps()
            gone = [s for s in steps if s.action in (Action.DELETE_LOCAL, Action.DELETE_REMOTE)]
            for start in range(0, len(gone), EACH):
                self.baseline.drop(*(step.path for step in gone[start : start + EACH]))
                await asyncio.sleep(0)
        self._set("idle")
        self.schedule.everything()
        return len(gone)

    async def undo(self, *, id: int = 0, path: str = "") -> str:
        """See Trash.undo."""
        async with self._turn:
            restored = await self.here.trash.undo(id=id, path=path)
        self.schedule.changed({restored})
        return restored

    async def resolve(self, copy: str, keep: str) -> list[str]:
        """See Trash.resolve."""
        async with self._turn:
            paths = await self.here.trash.resolve(copy, keep)
        self.schedule.changed(set(paths))
        return paths

    async def plan(self) -> list[Step]:
        """What a whole pass would do now. Raises Unavailable."""
        async with self._turn:
            return await self._steps()

    async def _steps(self) -> list[Step]:
        whole = Scope(everything_here=True, bucket=True)
        return await self.here.passes.plan(whole, reads=True)

    async def sync_now(self) -> SyncReport:
        """Whole passes until nothing is left, also of what is being written just now.

        Raises Unavailable, MassDeletionGuard.
        """
        total = PassResult()
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING):
                await self.opened()
        for _ in range(PASSES):
            outcome = await self._pass(Scope(everything_here=True, bucket=True))
            total.done += outcome.done
            if outcome.count(Action.WAIT):
                await asyncio.sleep(QUIET)
            elif not any(done.more for done in outcome.done):
                break
        return SyncReport(
            uploaded=total.count(Action.UPLOAD),
            downloaded=total.count(Action.DOWNLOAD),
            deleted=total.count(Action.DELETE_LOCAL, Action.DELETE_REMOTE),
            conflicts=total.count(Action.CONFLICT),
            adopted=total.count(Action.ADOPT),
            moved=total.count(Action.MOVE),
            troubles=len(self._state.troubles) - self._state.left_out,
        )

    def _known(self) -> tuple[int, int, int, bool]:
        """Files, bytes and conflicts that are remembered, and whether it is paused. A damaged
        memory must not keep a status from being told; run() finds it out."""
        baseline = self._baseline_handle.baseline
        if baseline is None:
            return 0, 0, 0, False
        try:
            return *baseline.count(), len(baseline.conflicts(SHOWN)), self.is_paused
        except FAILURE:
            return 0, 0, 0, False

    def status(self) -> FolderStatus:
        config, now = self.settings.config, self._state
        files, size, conflicts, is_paused = self._known()
        state, reason = now.state, now.reason
        if is_paused and state != "stopped":
            state, reason = "paused", ""
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
            trouble_count=len(now.troubles) - now.left_out,
            left_out=now.left_out,
            conflicts=conflicts,
            pending=self.schedule.pending,
            waiting=self.schedule.waiting,
            last_pass=now.last_pass,
            watch=self._open.watcher.state if self._open is not None else "",
            level=self.settings.level(),
            question=now.question,
            from_file=self.settings.from_file,
        )


def _first(group: BaseExceptionGroup[Exception]) -> Any:
    """Of the errors in a group, however deep."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
