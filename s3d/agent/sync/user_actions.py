"""The user's actions on a sync folder: pause, approve, restore, undo, resolve, plan, sync now.

All functions run on the event loop. Those that look at or change files wait for the pass that is
running, and keep further passes waiting meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from s3d.agent.sync.decide import DELETIONS, Action, Step
from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.pass_scope import SLICE, PassResult, Scope
from s3d.agent.sync.path_selection import QUIET
from s3d.shared.syncing import SyncReport

if TYPE_CHECKING:
    from s3d.agent.sync.folder import SyncFolder

MAX_PASSES = 10
"""Passes that sync_now() makes until nothing is left to do."""
OPEN_TIMEOUT = 5.0
"""Seconds that sync_now() waits for the root of the folder."""


async def pause(folder: SyncFolder) -> None:
    """Pause the folder, also over restarts. On return no pass is running."""
    folder.baseline.set_meta(paused="true")
    folder.context.events.emit("sync.state", folder.name, state="paused")
    async with folder.pass_lock:
        pass


def resume(folder: SyncFolder) -> None:
    folder.baseline.set_meta(paused="")
    folder.context.events.emit("sync.state", folder.name, state="idle")
    folder.schedule.everything()


def approve(folder: SyncFolder) -> None:
    """Let the next pass do what the folder has stopped for."""
    folder.is_approved = True
    if folder.state.question == "deletions":
        folder.state.set("idle")
    folder.schedule.everything()


async def restore(folder: SyncFolder) -> int:
    """Undo pending deletions: files that are missing on one side are copied from the other one.

    Returns their number.
    """
    async with folder.pass_lock:
        steps = await _whole_plan(folder)
        missing = [step.path for step in steps if step.action in DELETIONS]
        for start in range(0, len(missing), SLICE):
            folder.baseline.drop(*missing[start : start + SLICE])
            await asyncio.sleep(0)
    folder.state.set("idle")
    folder.schedule.everything()
    return len(missing)


async def restore_evicted(folder: SyncFolder, path: str) -> int:
    """Bring back an evicted file, or all below a folder ("": everything); their number.

    Raises PathBlocked for a path with no evicted file, and for the first file that cannot be
    restored; Unavailable.
    """
    from s3d.agent.sync import eviction  # an agent without such a request spares it

    async with folder.pass_lock:
        paths = folder.baseline.evictions.paths(path)
        if not paths:
            raise PathBlocked("no evicted file is there")
        passes = folder.here.passes
        for each in paths:
            await eviction.restore(passes.executor, each)
        await folder.baseline.flush()
    return len(paths)


async def undo(folder: SyncFolder, *, id: int = 0, path: str = "") -> str:
    """See Trash.undo."""
    async with folder.pass_lock:
        restored = await folder.here.trash.undo(id=id, path=path)
    folder.schedule.changed({restored})
    return restored


async def resolve(folder: SyncFolder, copy: str, keep: str) -> list[str]:
    """See Trash.resolve."""
    async with folder.pass_lock:
        paths = await folder.here.trash.resolve(copy, keep)
    folder.schedule.changed(set(paths))
    return paths


async def plan(folder: SyncFolder) -> list[Step]:
    """The steps of a whole pass, if it were made now. Raises Unavailable."""
    async with folder.pass_lock:
        return await _whole_plan(folder)


async def _whole_plan(folder: SyncFolder) -> list[Step]:
    whole = Scope(everything_here=True, bucket=True)
    return await folder.here.passes.plan(whole, reads=True)


async def sync_now(folder: SyncFolder) -> SyncReport:
    """Make whole passes until both sides agree, files that are being written included.

    Raises Unavailable, ApprovalNeeded, RootGone.
    """
    total = PassResult()
    with suppress(TimeoutError):
        async with asyncio.timeout(OPEN_TIMEOUT):
            await folder.opened()
    for _ in range(MAX_PASSES):
        outcome = await folder.make_pass(Scope(everything_here=True, bucket=True))
        total.counts += outcome.counts
        if outcome.count(Action.WAIT):
            await asyncio.sleep(QUIET)
        elif not outcome.has_more:
            break
    return SyncReport(
        uploaded=total.count(Action.UPLOAD),
        downloaded=total.count(Action.DOWNLOAD),
        deleted=total.count(*DELETIONS),
        conflicts=total.count(Action.CONFLICT),
        adopted=total.count(Action.ADOPT),
        moved=total.count(Action.MOVE),
        troubles=len(folder.state.troubles),
    )
