"""What was replaced or deleted here: kept for 30 days, and given back when somebody wants it."""

from __future__ import annotations

import logging

from s3d.agent.sync.baseline import Trashed
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.names import original_of
from s3d.agent.sync.sides import Refused
from s3d.agent.sync.tree import FolderTree

logger = logging.getLogger(__name__)

KEPT = 30 * 24 * 3600.0
"""Seconds."""
WATCHED = 60.0
"""Seconds for which a program that had the file open may still write to what is in the trash."""
EVERY = 20.0
"""Seconds between two looks."""


class Trash:
    """The trash of one folder."""

    def __init__(self, tree: FolderTree, executor: Executor) -> None:
        self._tree, self._executor, self._baseline = tree, executor, executor.baseline
        self._looked = 0.0

    async def tidy(self, now: float) -> None:
        """Give back what was written to after it came here; remove what is too old."""
        if now - self._looked < EVERY:
            return
        self._looked = now
        for row in self._baseline.trashed(since=now - WATCHED - 2 * EVERY):
            await self._check(row)
        for row in self._baseline.trashed(before=now - KEPT):
            await self._tree.drop_trashed(row.id)
            self._baseline.untrash(row.id)

    async def _check(self, row: Trashed) -> None:
        found = await self._tree.trashed(row.id)
        if found is None or found.is_same_file(row.signature):
            return
        logger.info("written to after it was put away path=%s", row.path)
        await self._executor.put_beside(row.path, row.id)
        self._baseline.untrash(row.id)

    async def undo(self, *, id: int = 0, path: str = "") -> str:
        """Have a file as it was before a row of the history, or the newest one of a path; the path.

        What is there now goes to the trash in its turn. Raises Refused.
        """
        rows = self._baseline.history(1_000_000, path=path)
        row = next((r for r in rows if r.trash and (not id or r.id == id)), None)
        if row is None or await self._tree.trashed(row.trash) is None:
            raise Refused("there is nothing in the trash for it")
        if await self._tree.look(row.path) is not None:
            await self.discard(row.path, "replaced by an undo")
        if not await self._tree.untrash(row.trash, row.path):
            raise Refused("its place is taken")
        self._baseline.untrash(row.trash)
        self._baseline.note(self._executor.clock(), "undone", row.path, row.action)
        return row.path

    async def discard(self, path: str, reason: str) -> None:
        """Put a file away. Raises Refused when there is none."""
        local = await self._tree.look(path)
        if local is None or local.trouble:
            raise Refused(local.trouble if local is not None else "it is not there")
        name, now = self._executor.ids(), self._executor.clock()
        self._baseline.trash(Trashed(name, path, local.signature, reason, now))
        if await self._tree.discard(path, name) is None:
            raise Refused("it is not there any more")
        self._baseline.note(now, reason, path, "", name)

    async def resolve(self, copy: str, keep: str) -> list[str]:
        """End a conflict: the paths that have changed. Raises Refused."""
        original = original_of(copy)
        if not original:
            raise Refused("it is no conflict copy")
        if keep == "original":
            await self.discard(copy, "resolved")
            return [copy]
        if keep == "copy":
            if await self._tree.look(original) is not None:
                await self.discard(original, "resolved")
            if await self._tree.move(copy, original) is None:
                raise Refused("its place is taken")
            return [copy, original]
        for number in range(1, 100):
            stem, dot, suffix = original.rpartition(".")
            name = (
                f"{stem} {number}.{suffix}" if dot and "/" not in suffix else f"{original} {number}"
            )
            if await self._tree.move(copy, name) is not None:
                return [copy, name]
        raise Refused("no name is free for it")
