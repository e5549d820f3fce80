"""One pass: find the changes, plan the steps, carry them out. See folder.py for the walk-through.

Deletions come last, and only if the listing was complete, the plan is plausible and the root is
still what it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from s3d.agent.core.path_names import parents
from s3d.agent.sync.decide import DELETIONS, Action, Step, deletions, transfers
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.find_changes import ChangeFinder
from s3d.agent.sync.interfaces import PathBlocked, RootGone, Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.mass_deletion import check_deletions
from s3d.agent.sync.moves import Move, carry_out, find_copies, find_moves, read_copies
from s3d.agent.sync.pass_scope import PassResult, Scope, StepResult
from s3d.agent.sync.path_selection import PathSelection, Room
from s3d.agent.sync.path_state import (
    Difference,
    is_folder,
)
from s3d.agent.sync.planning import in_slices, join, plan, release

RECENT = 60.0
"""Seconds for which a deletion counts together with those that follow."""
AWAY = 4
"""Consecutive paths with an unavailable remote after which the pass ends."""
WORKERS = 16
"""Paths that are worked on at the same time."""
WORKER_SLICE = 8
"""Paths that one worker takes before other callbacks of the event loop run."""


class PassInterrupted(Exception):
    """The folder was paused."""


class Passes:
    """The passes over one folder; one at a time."""

    def __init__(
        self,
        executor: Executor,
        tree: FolderTree,
        selection: PathSelection,
        room: Room,
        prefix: str,
    ) -> None:
        self.executor, self._tree, self._baseline = executor, tree, executor.baseline
        self._selection, self._room = selection, room
        self.changes = ChangeFinder(
            tree, executor.remote_tree, executor.baseline, selection, prefix
        )
        self._deleted: deque[float] = deque(maxlen=100_000)
        """When files were deleted of late, in Unix seconds."""
        self.is_stopped: Callable[[], bool] = lambda: False
        """Called between two paths."""
        self.own_writes: Callable[[], Iterable[str]] = lambda: ()
        """Paths of objects that wait in this agent to be pushed."""
        self.on_progress: Callable[[int, int], None] = lambda done, todo: None

    async def plan(self, scope: Scope, *, reads: bool = False) -> list[Step]:
        """What a pass would do. reads: for certain, see planning. Raises Unavailable, RootGone."""
        self._check_root()
        await asyncio.to_thread(self._selection.ignore.refresh)
        self._room.refresh(*self._baseline.count())
        locals, remotes = await self.changes.find(scope)
        self._check_root()
        differences = await join(self.executor, locals, remotes)
        unseen = await asyncio.to_thread(_unseen, scope.touched, differences)
        differences += await self._look_at(unseen)
        differences = await asyncio.to_thread(_seen, differences)
        steps = await plan(self.executor, differences, reads=reads)
        await release(differences)
        unnamed = [Difference(local.path, None, local, None) for local in self.changes.unnamed]
        return steps + [Step(difference, Action.BLOCK) for difference in unnamed]

    async def _look_at(self, paths: list[str]) -> list[Difference]:
        """Both sides of some paths, several at a time. Raises Unavailable."""
        found: list[Difference] = []
        queue = deque(paths)

        async def worker() -> None:
            while queue:
                path = queue.popleft()
                with suppress(PathBlocked):  # one that we may not see: the listing will tell of it
                    found.append(await self.executor.look(path))

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(min(WORKERS, len(queue))):
                    group.create_task(worker(), name=f"look {number}")
        except* Unavailable as away:
            raise away.exceptions[0] from None
        return found

    async def run(self, scope: Scope, *, approved: bool = False) -> PassResult:
        """Plan and do it. approved: the user has agreed to what is deleted.

        Raises Unavailable, RootGone, PassInterrupted; ApprovalNeeded, before any deletion.
        """
        copies_before = self.executor.copies
        steps = await self.plan(scope)
        sha256 = await read_copies(self.executor, await asyncio.to_thread(find_copies, steps))
        moves, steps = await asyncio.to_thread(find_moves, steps, sha256)
        if approved:
            self._deleted.clear()
        else:
            await self._check(steps)
        outcome = PassResult()
        outcome.finds = await asyncio.to_thread(_count_local, steps)
        todo = len(moves) + len(steps)

        def note(done: Iterable[StepResult]) -> None:
            outcome.add(done)
            self.on_progress(len(outcome.done), todo)

        await self._each(moves, partial(self._move, steps), note)
        if not approved:
            await self._check(steps)  # what turned out to be no rename is among them now
        parts = await asyncio.to_thread(_in_order, steps)
        for part in parts:
            self._check_root()
            await self._each(part, self._run_step, note)
        unblocked = await asyncio.to_thread(_in_the_way, steps, outcome.done)
        await self._each(unblocked, self._run_step, note)
        await self._baseline.flush()
        outcome.has_more = outcome.has_more or self.executor.copies > copies_before
        await release(moves)
        for part in (*parts, unblocked, steps):
            await release(part)
        return outcome

    async def _check(self, steps: list[Step]) -> None:
        """Raises ApprovalNeeded."""
        if not await asyncio.to_thread(_has_deletions, steps):
            return
        now = self.executor.clock()
        while self._deleted and not 0 <= now - self._deleted[0] < RECENT:
            self._deleted.popleft()
        own: set[str] = set()
        async for path in in_slices(self.own_writes()):
            if self._baseline.get(path) is not None:
                own.add(path)
        agreed = self._baseline.count()[0]
        recent = len(self._deleted)
        await asyncio.to_thread(check_deletions, steps, agreed=agreed, recent=recent, own=own)

    def _check_root(self) -> None:
        if not self._tree.is_in_place():
            raise RootGone

    async def _run_step(self, step: Step) -> list[StepResult]:
        done = await self.executor.execute(step)
        if done.action in DELETIONS and not is_folder(done.path):
            self._deleted.append(self.executor.clock())
        return [done]

    async def _move(self, steps: list[Step], move: Move) -> list[StepResult]:
        """What turns out to be no rename joins the steps."""
        done = await carry_out(self.executor, move)
        if done is None:
            steps += move
            return []
        return [done]

    async def _each(
        self,
        work: Iterable[Step] | Iterable[Move],
        act: Callable[..., object],
        note: Callable[[Iterable[StepResult]], None],
    ) -> None:
        """Process several paths at a time. A path whose request fails is retried later; several in
        a row, or all, mean that the remote is unavailable, which ends the pass."""
        queue: deque[Step | Move] = deque(work)
        away: list[Unavailable] = []
        passed = 0

        async def worker() -> None:
            nonlocal passed
            acted = 0
            while queue and len(away) < AWAY and not self.is_stopped():
                item = queue.popleft()
                try:
                    note(await act(item))  # type: ignore[misc]
                except Unavailable as error:
                    away.append(error)
                    note(failed_steps(item, str(error)))
                else:
                    passed += 1
                    away.clear()
                acted += 1
                if acted % WORKER_SLICE == 0:  # A step that is blocked waits for nothing.
                    await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            for number in range(min(WORKERS, len(queue))):
                group.create_task(worker(), name=f"sync {number}")
        if away and (queue or not passed):
            raise away[0]
        if queue:
            raise PassInterrupted


def failed_steps(item: Step | Move, why: str) -> list[StepResult]:
    """The paths of a failed request, which are looked at again."""
    paths = [item.new.path, item.gone.path] if isinstance(item, Move) else [item.path]
    return [StepResult(path, Action.WAIT, why, may_pass=True) for path in paths]


def _count_local(steps: list[Step]) -> int:
    """Changes of the local folder."""
    return sum(step.action in (Action.UPLOAD, Action.DELETE_REMOTE) for step in steps)


def _has_deletions(steps: list[Step]) -> bool:
    return any(step.action in DELETIONS for step in steps)


def _unseen(touched: set[str], differences: list[Difference]) -> list[str]:
    return sorted(touched - {difference.path for difference in differences})


def _in_order(steps: list[Step]) -> list[list[Step]]:
    """Parts that follow one another: all but the deletions, then these, the deepest first."""
    return [transfers(steps), *_by_depth(deletions(steps))]


def _seen(differences: list[Difference]) -> list[Difference]:
    """Without paths below a folder that could not be read, whose content is unknown."""
    unread = tuple(
        d.path for d in differences if d.local is not None and d.local.trouble and is_folder(d.path)
    )
    if not unread:
        return differences
    return [d for d in differences if d.local is not None or not d.path.startswith(unread)]


def _in_the_way(steps: list[Step], done: list[StepResult]) -> list[Step]:
    """Those that were blocked by what has been deleted since: where a file becomes a folder of its
    name, or the other way round, on the other side."""
    gone = [each.path for each in done if each.action is Action.DELETE_LOCAL]
    blocked = {each.path for each in done if each.action is Action.BLOCK}
    if not gone or not blocked:
        return []
    free = {path for path in blocked if any(folder[:-1] in gone for folder in parents(path))}
    free |= blocked.intersection(folder[:-1] for path in gone for folder in parents(path))
    return [step for step in steps if step.path in free]


def _by_depth(steps: list[Step]) -> list[list[Step]]:
    """A folder goes after what was in it."""
    levels: dict[int, list[Step]] = {}
    for step in steps:
        depth = 2 * step.path.count("/") - is_folder(step.path)
        levels.setdefault(-depth, []).append(step)
    return [levels[depth] for depth in sorted(levels)]
