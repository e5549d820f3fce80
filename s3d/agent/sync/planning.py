"""Plans a pass: from the differences of both sides to steps. Changes no file and no object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

from s3d.agent.sync.decide import Action, DecisionInputs, Step, decide
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked, Undecided
from s3d.agent.sync.pass_scope import SLICE
from s3d.agent.sync.path_state import BaselineEntry, Difference, LocalEntry, RemoteEntry

LocalFinds = Iterable[tuple[BaselineEntry | None, LocalEntry | None]]
RemoteFinds = Iterable[tuple[BaselineEntry | None, RemoteEntry | None]]

T = TypeVar("T")
_IDLE = (Action.NOTHING, Action.IGNORE)


async def in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """The items; other callbacks of the loop run between two slices of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % SLICE == 0:
            await asyncio.sleep(0)


async def release(items: list[T]) -> None:
    """Empty a list that is no longer needed, in slices: to free 100,000 differences takes 20 ms."""
    while items:
        del items[-SLICE:]
        await asyncio.sleep(0)


async def join(
    executor: Executor, locals: LocalFinds, remotes: RemoteFinds | None
) -> list[Difference]:
    """The differences of both sides by path. remotes None: the bucket was not looked at.

    A path that differs on one side only is assumed to be unchanged on the other; its local file is
    checked, since it may have just been created.
    """
    found: dict[str, Difference] = {}
    known = remotes is not None
    async for base, local in in_slices(locals):
        path = base.path if base is not None else local.path if local is not None else ""
        remote = RemoteEntry(path, base.etag, base.size, 0.0) if base is not None else None
        found[path] = Difference(path, base, local, remote, known)
    async for base, remote in in_slices(remotes or ()):
        path = base.path if base is not None else remote.path if remote is not None else ""
        before = found.get(path)
        local = before.local if before is not None else await _look(executor, path, remote)
        found[path] = Difference(path, base, local, remote)
    return list(found.values())


async def _look(executor: Executor, path: str, remote: RemoteEntry | None) -> LocalEntry | None:
    """The local side of an object; None for a key that no file can have."""
    if remote is not None and remote.trouble:
        return None
    return await executor.look_here(path)


async def plan(
    executor: Executor, differences: Iterable[Difference], *, reads: bool = False
) -> list[Step]:
    """The steps of a pass. reads: read files that may have changed, so that the plan is exact.
    Files with a racy agreement are always read."""
    steps = []
    async for difference in in_slices(differences):
        local, remote = difference.local, difference.remote
        try:
            excluded = await executor.policy.excluded(difference.path, local, remote)
        except Undecided:
            excluded = ""  # the step asks again, and waits without a decision
        may_be_same = reads or (difference.base is not None and difference.base.is_racy)
        same = may_be_same and not excluded and await _is_same(executor, difference)
        inputs = DecisionInputs(excluded=excluded, trouble=difference.trouble, same_local=same)
        action = decide(difference, executor.mode, inputs)
        if action not in _IDLE:
            steps.append(Step(difference, action))
    return steps


async def _is_same(executor: Executor, difference: Difference) -> bool:
    try:
        return await executor.is_as_agreed(difference)
    except (ConcurrentChange, PathBlocked):
        return False
