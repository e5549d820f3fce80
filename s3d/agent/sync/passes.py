"""One pass: look at both sides, or at what is said to have changed, plan, and do it.

The deletions come last, and only when the listing was whole, the plan is to be believed, and the
root is still what it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.decide import DELETIONS, Action, Step, check, deletions, transfers
from s3d.agent.sync.execute import Executor, StepResult
from s3d.agent.sync.interfaces import PathBlocked, Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.moves import Move, carry_out, find_moves
from s3d.agent.sync.names import parents
from s3d.agent.sync.path_selection import Room, Selection
from s3d.agent.sync.path_state import (
    BaselineEntry,
    Difference,
    LocalEntry,
    RemoteEntry,
    is_changed,
    is_folder,
)
from s3d.agent.sync.planning import LocalFinds, RemoteFinds, join, plan
from s3d.agent.sync.scan import Walk

RECENT = 60.0
"""Seconds for which a deletion counts together with those that follow."""
AWAY = 4
"""Paths in a row that say that the remote is away, and are believed."""
WORKERS = 16
"""Paths that are worked on at the same time."""


class PassInterrupted(Exception):
    """Somebody has paused the folder."""


class RootGone(Exception):
    """The folder is not where, or what, it was."""


@dataclass(slots=True)
class Scope:
    """What a pass looks at. paths, folders: that may have changed here; touched: in the bucket."""

    everything_here: bool = False
    bucket: bool = False
    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    """With all that is in them: "a/"."""
    touched: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    """Of the paths, those that an event has told of just now."""

    def __bool__(self) -> bool:
        return bool(
            self.everything_here or self.bucket or self.paths or self.folders or self.touched
        )


@dataclass(slots=True)
class PassResult:
    """What a pass has done. finds: local differences that no event had told of."""

    done: list[StepResult] = field(default_factory=list)
    finds: int = 0

    def count(self, *actions: Action) -> int:
        return sum(done.action in actions for done in self.done)


class Passes:
    """The passes over one folder; one at a time."""

    def __init__(
        self, executor: Executor, tree: FolderTree, selection: Selection, room: Room, prefix: str
    ) -> None:
        self.executor, self._tree, self._baseline = executor, tree, executor.baseline
        self._selection, self._room, self._prefix = selection, room, prefix
        self._unnamed: list[LocalEntry] = []
        self._deleted: deque[float] = deque(maxlen=100_000)
        """When files were deleted of late, in Unix seconds."""
        self.is_stopped: Callable[[], bool] = lambda: False
        """Asked between two paths."""
        self.own_writes: Callable[[], Iterable[str]] = lambda: ()
        """Paths of objects that wait in this agent to be pushed."""
        self.on_progress: Callable[[int, int], None] = lambda done, todo: None

    async def plan(self, scope: Scope, *, reads: bool = False) -> list[Step]:
        """What a pass would do. reads: for certain, see planning. Raises Unavailable, RootGone."""
        self._check_root()
        await asyncio.to_thread(self._selection.ignore.refresh)
        self._room.refresh(*self._baseline.count())
        locals, remotes = await self._look(scope)
        self._check_root()
        differences = await join(self.executor, locals, remotes)
        known = {difference.path for difference in differences}
        for path in sorted(scope.touched - known):
            with suppress(PathBlocked):  # one that we may not see: the listing will tell of it
                differences.append(await self.executor.look(path))
        steps = await plan(self.executor, _seen(differences), reads=reads)
        unnamed = [Difference(local.path, None, local, None) for local in self._unnamed]
        return steps + [Step(difference, Action.BLOCK) for difference in unnamed]

    async def _look(self, scope: Scope) -> tuple[LocalFinds, RemoteFinds | None]:
        """At both sides, at the same time. Raises Unavailable."""
        scanning = asyncio.to_thread(self._local, scope)
        if not scope.bucket:
            return await scanning, None
        try:
            async with asyncio.TaskGroup() as group:
                locals = group.create_task(scanning, name="scan")
                remotes = group.create_task(self._remote(), name="list")
        except* Unavailable as away:
            raise away.exceptions[0] from None
        return locals.result(), remotes.result()

    async def run(self, scope: Scope, *, approved: bool = False) -> PassResult:
        """Plan and do it. approved: a person has agreed to what is deleted.

        Raises Unavailable, RootGone, PassInterrupted; MassDeletionGuard, before any deletion.
        """
        steps = await self.plan(scope)
        moves, steps = await asyncio.to_thread(find_moves, steps)
        if approved:
            self._deleted.clear()
        else:
            await self._check(steps)
        outcome = PassResult()
        outcome.finds = sum(_is_local(step) for step in steps)
        todo = len(moves) + len(steps)

        def note(done: Iterable[StepResult]) -> None:
            outcome.done.extend(done)
            self.on_progress(len(outcome.done), todo)

        await self._each(moves, partial(self._move, steps), note)
        if not approved:
            await self._check(steps)  # what turned out to be no rename is among them now
        first = await asyncio.to_thread(transfers, steps)
        for part in (first, *_by_depth(deletions(steps))):
            self._check_root()
            await self._each(part, self._settle, note)
        await self._each(_in_the_way(steps, outcome.done), self._settle, note)
        await self._baseline.flush()
        return outcome

    async def _check(self, steps: list[Step]) -> None:
        """Raises MassDeletionGuard."""
        if not any(step.action in DELETIONS for step in steps):
            return
        now = self.executor.clock()
        while self._deleted and not 0 <= now - self._deleted[0] < RECENT:
            self._deleted.popleft()
        own = {path for path in self.own_writes() if self._baseline.get(path) is not None}
        agreed = self._baseline.count()[0]
        recent = len(self._deleted)
        await asyncio.to_thread(check, steps, agreed=agreed, recent=recent, own=own)

    def _check_root(self) -> None:
        if not self._tree.is_in_place():
            raise RootGone

    async def _settle(self, step: Step) -> list[StepResult]:
        done = await self.executor.settle(step)
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
        """Several at a time. A path that cannot be asked for waits; several in a row, or all, say
        that the remote is away, which ends it."""
        queue: deque[Step | Move] = deque(work)
        away: list[Unavailable] = []
        passed = 0

        async def worker() -> None:
            nonlocal passed
            while queue and len(away) < AWAY and not self.is_stopped():
                item = queue.popleft()
                try:
                    note(await act(item))  # type: ignore[misc]
                except Unavailable as error:
                    away.append(error)
                    path = item.new.path if isinstance(item, Move) else item.path
                    note([StepResult(path, Action.WAIT, str(error))])
                else:
                    passed += 1
                    away.clear()

        async with asyncio.TaskGroup() as group:
            for number in range(min(WORKERS, len(queue))):
                group.create_task(worker(), name=f"sync {number}")
        if away and (queue or not passed):
            raise away[0]
        if queue:
            raise PassInterrupted

    def _local(self, scope: Scope) -> LocalFinds:
        """In a thread, with a connection of its own."""
        baseline = self._baseline.other()
        walk = Walk(self._tree.fd, self._prefix, self._selection.skips)
        try:
            if scope.everything_here:
                whole = list(local_differences(walk.under(), baseline.signatures(), baseline.get))
                self._unnamed = walk.unnamed
                return whole
            found: dict[str, tuple[BaselineEntry | None, LocalEntry | None]] = {}
            for folder in scope.folders:
                if not self._is_skipped(folder):
                    pairs = local_differences(
                        walk.under(folder), baseline.signatures(folder), baseline.get
                    )
                    found |= {_path(pair): pair for pair in pairs}
            for path in scope.paths:
                if not self._is_skipped(path):
                    pair = (baseline.get(path), self._tree.look_safely(path))
                    found |= {path: pair} if _differs(pair) else {}
            return list(found.values())
        finally:
            if baseline is not self._baseline:
                baseline.close()

    def _is_skipped(self, path: str) -> bool:
        return any(self._selection.skips(folder) for folder in parents(path))

    async def _remote(self) -> RemoteFinds:
        """Page by page, so that what has not changed is not kept. The next page is on its way
        while one is compared."""
        found: list[tuple[BaselineEntry | None, RemoteEntry | None]] = []
        baseline = await asyncio.to_thread(self._baseline.other)
        pages: asyncio.Queue[list[RemoteEntry] | None] = asyncio.Queue(2)

        async def ask() -> None:
            async for page in self.executor.remote_tree.listing():
                await pages.put(page)
            await pages.put(None)

        def compare(page: list[RemoteEntry], after: str, last: str | None) -> None:
            """In a thread: where the bucket has nothing, all the rest of the baseline differs."""
            known = baseline.identities(after, last)
            found.extend(remote_differences(page, known, baseline.get))

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(ask(), name="pages")
                after = ""
                while (page := await pages.get()) is not None:
                    last = page[-1].path if page else after
                    await asyncio.to_thread(compare, page, after, last)
                    after = last
            await asyncio.to_thread(compare, [], after, None)
        except* Unavailable as away:
            raise away.exceptions[0] from None
        finally:
            if baseline is not self._baseline:
                baseline.close()
        return found


def _path(pair: tuple[BaselineEntry | None, LocalEntry | None]) -> str:
    base, local = pair
    return base.path if base is not None else local.path if local is not None else ""


def _differs(pair: tuple[BaselineEntry | None, LocalEntry | None]) -> bool:
    base, local = pair
    if local is None or local.trouble:
        return base is not None or local is not None
    if base is None:
        return local.is_empty or not is_folder(local.path)
    return is_changed(base, local)


def _is_local(step: Step) -> bool:
    return step.action in (Action.UPLOAD, Action.DELETE_REMOTE)


def _seen(differences: list[Difference]) -> list[Difference]:
    """Without what lies below a folder that could not be read: nobody knows what is there."""
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
