"""Finds where the two sides may differ from the baseline: the first half of a pass. Read-only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from s3d.agent.core.path_names import parents
from s3d.agent.core.thread_call import in_thread
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.interfaces import RemoteTree, Unavailable
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.pass_scope import Scope
from s3d.agent.sync.path_selection import PathSelection
from s3d.agent.sync.path_state import BaselineEntry, LocalEntry, RemoteEntry, is_changed, is_folder
from s3d.agent.sync.planning import LocalFinds, RemoteFinds
from s3d.agent.sync.scan import Walk


class ScanStopped(Exception):
    """The pass was cancelled: the folder is closed once its scan has ended."""


class ChangeFinder:
    """Compares the folder and the bucket with the baseline."""

    def __init__(
        self,
        tree: FolderTree,
        remote_tree: RemoteTree,
        baseline: Baseline,
        selection: PathSelection,
        prefix: str,
    ) -> None:
        self._tree, self._remote_tree, self._baseline = tree, remote_tree, baseline
        self._selection, self._prefix = selection, prefix
        self.unnamed: list[LocalEntry] = []
        """Files of the last complete scan whose names are not UTF-8, as a key has to be."""

    async def find(self, scope: Scope) -> tuple[LocalFinds, RemoteFinds | None]:
        """The changes of both sides, looked at concurrently. The second is None for a pass that
        does not look at the bucket. Raises Unavailable."""
        stopped = threading.Event()
        scanning = in_thread(partial(self._local, scope, stopped.is_set), on_cancel=stopped.set)
        if not scope.bucket:
            return await scanning, None
        try:
            async with asyncio.TaskGroup() as group:
                locals = group.create_task(scanning, name="scan")
                remotes = group.create_task(self._remote(), name="list")
        except* Unavailable as away:
            raise away.exceptions[0] from None
        return locals.result(), remotes.result()

    def _local(self, scope: Scope, is_stopped: Callable[[], bool]) -> LocalFinds:
        """Runs in a thread, with its own connection to the baseline. Raises ScanStopped."""

        def skips(folder: str) -> bool:
            if is_stopped():
                raise ScanStopped
            return self._selection.skips(folder)

        baseline = self._baseline.other()
        walk = Walk(self._tree.fd, self._prefix, skips)
        try:
            if scope.everything_here:
                whole = list(local_differences(walk.under(), baseline.signatures(), baseline.get))
                self.unnamed = walk.unnamed
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
        """Compares page by page, so that unchanged objects take no memory. The next page is
        requested while a thread compares the one before."""
        found: list[tuple[BaselineEntry | None, RemoteEntry | None]] = []
        baseline = await in_thread(self._baseline.other, undo=Baseline.close)
        pages: asyncio.Queue[list[RemoteEntry] | None] = asyncio.Queue(2)
        in_use = threading.Lock()

        async def request() -> None:
            async for page in self._remote_tree.listing():
                await pages.put(page)
            await pages.put(None)

        def compare(page: list[RemoteEntry], after: str, last: str | None) -> None:
            """Runs in a thread: for an empty bucket, every row of the baseline differs."""
            with in_use:
                known = baseline.identities(after, last)
                found.extend(remote_differences(page, known, baseline.get))

        def close() -> None:
            """A cancelled pass leaves its comparison running in the thread, and SQLite does not
            allow to close a connection that another thread is using."""
            with in_use:
                baseline.close()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(request(), name="pages")
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
                await asyncio.to_thread(close)
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
