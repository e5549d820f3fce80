"""The client's part for sync folders."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from s3d.cli.client.control_client import ControlClient, path_of
from s3d.shared.errors import NotFoundError
from s3d.shared.syncing import (
    Conflict,
    ConflictDiff,
    ConflictList,
    FolderCheck,
    FolderDraft,
    FolderList,
    FolderSpec,
    FolderStatus,
    HistoryList,
    HistoryRow,
    PlannedStep,
    ResolveRequest,
    RestoreRequest,
    SyncPlan,
    SyncReport,
    UndoRequest,
)
from s3d.shared.transfers import Count


class SyncClient:
    """Sync folders, by the routes of frontends/control/sync_folder_routes.py and
    sync_action_routes.py.

    Calls with a name raise NotFoundError when no folder has that name.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def folders(self, *, caught_up: bool = False) -> list[FolderStatus]:
        """caught_up: once the agent knows the changes of files that were made before."""
        call = ("POST", "/v1/sync:catch-up") if caught_up else ("GET", "/v1/sync")
        return self._client.request(*call, FolderList).folders

    def folder(self, name: str) -> FolderStatus:
        return self._client.request("GET", _place(name), FolderStatus)

    def check(self, draft: FolderDraft) -> FolderCheck:
        """A verdict on each field of the draft, and the paths that its filter includes."""
        return self._client.request("POST", "/v1/sync:check", FolderCheck, draft)

    def file(self, file: Path) -> tuple[FolderStatus, str]:
        """The sync folder that holds a file, and the file's path in it. Raises NotFoundError."""
        path = Path(os.path.abspath(file.expanduser()))
        for status in self.folders():
            if path.is_relative_to(status.path):
                return status, str(path.relative_to(status.path))
        raise NotFoundError(
            str(file), "the file is in no sync folder", "s3d sync ls lists the sync folders"
        )

    def diff(self, copy: Path) -> ConflictDiff:
        """How a conflict copy and its original differ."""
        status, path = self.file(copy)
        place = path_of(f"{_place(status.name)}/diff", copy=path)
        return self._client.request("GET", place, ConflictDiff)

    def validate(self, spec: FolderSpec, *, name: str = "") -> SyncPlan:
        """What the first pass would do, without doing it. name: of the folder that it replaces."""
        place = path_of("/v1/sync:validate", name=name)
        return self._client.request("POST", place, SyncPlan, spec)

    def save(self, name: str, spec: FolderSpec, *, new: bool = False) -> FolderStatus:
        """Add a folder, or change its settings. new: fail when the name is in use."""
        place = path_of(_place(name), new="true" if new else "")
        return self._client.request("PUT", place, FolderStatus, spec)

    def remove(self, name: str) -> None:
        self._client.request("DELETE", _place(name), Count)

    def plan(self, name: str) -> SyncPlan:
        return self._client.request("POST", _place(name, "plan"), SyncPlan)

    def now(self, name: str) -> SyncReport:
        """Run a pass now, and wait for its end."""
        return self._client.request("POST", _place(name, "now"), SyncReport)

    def pause(self, name: str) -> FolderStatus:
        return self._client.request("POST", _place(name, "pause"), FolderStatus)

    def resume(self, name: str) -> FolderStatus:
        return self._client.request("POST", _place(name, "resume"), FolderStatus)

    def approve(self, name: str) -> FolderStatus:
        return self._client.request("POST", _place(name, "approve"), FolderStatus)

    def restore(self, name: str) -> int:
        """Restore deleted files instead of deleting them on the other side too."""
        return self._client.request("POST", _place(name, "restore"), Count).count

    def restore_evicted(self, name: str, path: str) -> int:
        """Download evicted files again; their number. path: a file, or a folder with a slash."""
        place, body = _place(name, "restore-evicted"), RestoreRequest(path)
        return self._client.request("POST", place, Count, body).count

    def history(self, name: str, limit: int, path: str = "") -> list[HistoryRow]:
        place = path_of(f"{_place(name)}/history", limit=str(limit), file=path)
        return self._client.request("GET", place, HistoryList).rows

    def conflicts(self, name: str) -> list[Conflict]:
        return self._client.request("GET", f"{_place(name)}/conflicts", ConflictList).conflicts

    def resolve(self, name: str, copy: str, keep: str) -> None:
        self._client.request("POST", _place(name, "resolve"), Count, ResolveRequest(copy, keep))

    def undo(self, name: str, *, id: int = 0, path: str = "") -> str:
        """Undo a row of the history, or the newest of a path; returns the path."""
        body = UndoRequest(id, path)
        return self._client.request("POST", _place(name, "undo"), PlannedStep, body).path


def _place(name: str, action: str = "") -> str:
    return f"/v1/sync/{quote(name, safe='')}" + (f":{action}" if action else "")
