"""Moves of local files between the folder, the stage and the trash, and their records.

A file that was replaced without having been seen becomes a conflict copy beside its path.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable

from s3d.agent.core.path_names import conflict_name
from s3d.agent.sync.baseline import Baseline, Intent
from s3d.agent.sync.baseline_tables import TrashEntry
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    LocalTree,
    PathBlocked,
    RemoteTree,
    StagedFile,
)
from s3d.agent.sync.path_state import BaselineEntry, Signature

ATTEMPTS = 5
"""Number of times that a path is looked at again, or another name is tried."""


def new_id() -> str:
    return uuid.uuid4().hex


class Placement:
    """The local half of an Executor."""

    def __init__(self, tree: LocalTree, remote_tree: RemoteTree, baseline: Baseline) -> None:
        self.tree, self.remote_tree, self.baseline = tree, remote_tree, baseline
        self.host = "host"
        self.clock: Callable[[], float] = time.time
        self.ids: Callable[[], str] = new_id
        self.trash_age: Callable[[], float] = lambda: 0.0
        """Age of the trash in seconds, on its own clock."""
        self.on_copy: Callable[[str], None] = lambda path: None
        """Called with the path of each conflict copy: it is a new file, which has to be looked at,
        whatever comes of the step that has made it."""
        self.copies = 0
        """Conflict copies made so far."""

    async def clear_away(
        self, path: str, name: str, came_out: Signature | None, expected: Signature | None
    ) -> tuple[str, ...]:
        """Move a replaced file to the trash, or keep it as a conflict copy when it was not known.
        Paths that are new by this."""
        if came_out is None:
            return ()
        if expected is not None and came_out.is_same_file(expected):
            self.trash_row(name, path, came_out, "replaced")
            await self.tree.trash_staged(name)
            return ()
        return (await self.beside(path, lambda to: self.tree.unstage(name, to)),)

    async def beside(self, path: str, give: Callable[[str], Awaitable[bool]]) -> str:
        """Create a conflict copy of a path by give(its path); return that path."""
        for _ in range(ATTEMPTS):
            to = conflict_name(path, self.host, self.clock(), self.ids()[:4])
            if await give(to):
                self.note("conflict", path, f"kept as {to}")
                self.copies += 1
                self.on_copy(to)
                return to
        raise PathBlocked("no free name for the conflict copy")

    def trash_row(self, name: str, path: str, signature: Signature, reason: str) -> None:
        row = TrashEntry(name, path, signature, reason, self.clock(), self.trash_age())
        self.baseline.trash.add(row)

    async def put_away_stray(self, name: str) -> None:
        """A file of the stage that no intent names: to the trash. If its path is not known any
        more, an undo gives it one of its own."""
        signature = await self.tree.staged(name)
        if signature is None:
            return
        if self.baseline.trash.get(name) is None:
            path = f"recovered {name[:8]}"
            self.trash_row(name, path, signature, "found after a crash")
            self.note("found after a crash", path, "kept in the trash", name)
        await self.baseline.flush()
        await self.tree.trash_staged(name)

    async def throw_away(self, path: str, name: str) -> None:
        """Drop a download that was not placed. Its intent is dropped before the file: an intent
        without a staged file means that the file has been placed."""
        self.baseline.settle(path)
        await self.baseline.flush()
        await self.tree.drop_staged(name)

    async def place_again(self, path: str, intent: Intent) -> None:
        """Move a staged file that was written to back to its path, or keep it as a conflict
        copy."""
        name = intent.stage
        if intent.staged is None:
            return
        try:
            staged = StagedFile(name, intent.staged, intent.sha256)
            came_out = await self.tree.place(staged, path, intent.signature)
        except (ConcurrentChange, PathBlocked):
            await self.beside(path, lambda to: self.tree.unstage(name, to))
            self.baseline.settle(path)
            return
        await self.clear_away(path, name, came_out, intent.signature)
        await self.agree_on_placed(path)

    async def give_back(self, path: str, name: str) -> None:
        """Move a file from the stage back to its path, or keep it as a conflict copy."""
        if not await self.tree.unstage(name, path):
            await self.beside(path, lambda to: self.tree.unstage(name, to))

    async def put_beside(self, path: str, name: str) -> str:
        """Keep a file of the trash as a conflict copy; return its path."""
        return await self.beside(path, lambda to: self.tree.untrash(name, to))

    async def put_back(self, path: str, name: str) -> None:
        """Move a file from the trash back to its path, or keep it as a conflict copy."""
        if not await self.tree.untrash(name, path):
            await self.beside(path, lambda to: self.tree.untrash(name, to))

    async def agree_on_placed(self, path: str) -> None:
        """Agree on a placed file, with the values it had on the stage."""
        intent = self.baseline.intent(path)
        if intent is None or intent.staged is None:
            return
        local = await self.tree.look(path)
        signature = intent.staged
        if local is not None and local.signature.is_same_file(signature):
            signature = local.signature  # its ctime is that of the rename
        base = BaselineEntry(path, signature, intent.mode, intent.sha256, intent.etag, intent.size)
        self.baseline.agree(base)

    def note(self, action: str, path: str, detail: str = "", trash: str = "") -> None:
        self.baseline.history.add(self.clock(), action, path, detail, trash)
