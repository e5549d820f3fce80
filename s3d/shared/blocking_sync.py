"""The part of the synchronous client that concerns sync folders."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from s3d.shared.blocking import ControlClient, path_of
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
    SyncPlan,
    SyncReport,
    UndoRequest,
)
from s3d.shared.transfers import Count


class SyncClient:
    """The routes of frontends/control/sync.py.

    Calls with a name raise NotFoundError when there is none.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def folders(self) -> list[FolderStatus]:
        return self._client.ask("GET", "/v1/sync", FolderList).folders

    def folder(self, name: str) -> FolderStatus:
        return self._client.ask("GET", _place(name), FolderStatus)

    def check(self, draft: FolderDraft) -> FolderCheck:
        """A word for each of its fields, and what its filter keeps."""
        return self._client.ask("POST", "/v1/sync:check", FolderCheck, draft)

    def file(self, file: Path) -> tuple[FolderStatus, str]:
        """The folder that a file is in, and its path there. Raises NotFoundError."""
        path = Path(os.path.abspath(file.expanduser()))
        for status in self.folders():
            if path.is_relative_to(status.path):
                return status, str(path.relative_to(status.path))
        raise NotFoundError(str(file), "it is in no sync folder", "s3d sync ls lists them")

    def diff(self, copy: Path) -> ConflictDiff:
        """How a conflict copy and its original differ."""
        status, path = self.file(copy)
        place = path_of(f"{_place(status.name)}/diff", copy=path)
        return self._client.ask("GET", place, ConflictDiff)

    def validate(self, spec: FolderSpec, *, name: str = "") -> SyncPlan:
        """What it would do first; nothing is changed. name: of the folder whose place it takes."""
        place = path_of("/v1/sync:validate", name=name)
        return self._client.ask("POST", place, SyncPlan, spec)

    def save(self, name: str, spec: FolderSpec, *, new: bool = False) -> FolderStatus:
        """new: there must be no folder of this name yet."""
        place = path_of(_place(name), new="true" if new else "")
        return self._client.ask("PUT", place, FolderStatus, spec)

    def remove(self, name: str) -> None:
        self._client.ask("DELETE", _place(name), Count)

    def plan(self, name: str) -> SyncPlan:
        return self._client.ask("POST", _place(name, "plan"), SyncPlan)

    def now(self, name: str) -> SyncReport:
        """Answered when the pass is over."""
        return self._client.ask("POST", _place(name, "now"), SyncReport)

    def pause(self, name: str) -> FolderStatus:
        return self._client.ask("POST", _place(name, "pause"), FolderStatus)

    def resume(self, name: str) -> FolderStatus:
        return self._client.ask("POST", _place(name, "resume"), FolderStatus)

    def approve(self, name: str) -> FolderStatus:
        return self._client.ask("POST", _place(name, "approve"), FolderStatus)

    def restore(self, name: str) -> int:
        """Files that come back."""
        return self._client.ask("POST", _place(name, "restore"), Count).count

    def history(self, name: str, limit: int, path: str = "") -> list[HistoryRow]:
        place = path_of(f"{_place(name)}/history", limit=str(limit), file=path)
        return self._client.ask("GET", place, HistoryList).rows

    def conflicts(self, name: str) -> list[Conflict]:
        return self._client.ask("GET", f"{_place(name)}/conflicts", ConflictList).conflicts

    def resolve(self, name: str, copy: str, keep: str) -> None:
        self._client.ask("POST", _place(name, "resolve"), Count, ResolveRequest(copy, keep))

    def undo(self, name: str, *, id: int = 0, path: str = "") -> str:
        """The path that is as it was."""
        wanted = UndoRequest(id, path)
        return self._client.ask("POST", _place(name, "undo"), PlannedStep, wanted).path


def _place(name: str, action: str = "") -> str:
    return f"/v1/sync/{quote(name, safe='')}" + (f":{action}" if action else "")
