"""The control API's types for sync folders: settings, status, plans, history and conflicts.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

STATES = ("starting", "syncing", "idle", "paused", "offline", "stopped")


class FolderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /v1/sync/{name}: the settings of a folder, as in the configuration file."""

    path: str
    bucket: str
    prefix: str = ""
    mode: str = "two-way"
    filter: str = ""
    interval: str = ""
    max_size: str = ""
    max_files: str = ""
    keep_mode: bool = False
    unsafe: bool = False


class PathStatus(msgspec.Struct, frozen=True):
    """A path that is not in sync, and why."""

    path: str
    state: str
    """blocked, waiting, skipped, kept; or left out, for a link or device, which is no failure."""
    reason: str = ""


class FolderStatus(msgspec.Struct, frozen=True):
    """One sync folder, GET /v1/sync."""

    name: str
    path: str
    bucket: str
    prefix: str
    mode: str
    state: str
    """One of STATES. stopped: the user has to decide, or to fix what reason says."""
    reason: str = ""
    filter: str = ""
    files: int = 0
    """Files in the baseline."""
    size: int = 0
    """Their size in bytes."""
    todo: int = 0
    """Steps of the current pass."""
    done: int = 0
    """Steps of it that are done."""
    troubles: list[PathStatus] = []
    """The first 100 paths that are not in sync."""
    trouble_count: int = 0
    """The number of paths that are not in sync, without those that are left out."""
    blocked: int = 0
    """Those of them that cannot be synced, until the user does something."""
    skipped: int = 0
    """Those for which there is no room here."""
    left_as_is: int = 0
    """Those that differ and stay as they are in the mode backup or mirror, which is no failure."""
    left_out: int = 0
    """The number of links and devices, which a bucket cannot hold."""
    conflicts: int = 0
    pending: int = 0
    """Changed paths that have not been processed yet, or have to be processed again."""
    waiting: int = 0
    """Those of pending that are still being written."""
    last_pass: float | None = None
    """When both sides were last in sync, in Unix seconds."""
    watch: str = ""
    """How local changes are noticed: events, or polling and why."""
    remote: str = ""
    """How changes at the remote are noticed beside listings: marker, queue, webhook; "": not."""
    remote_trouble: str = ""
    """What does not work of that."""
    monthly_cost: float | None = None
    """What looking for changes costs a month at AWS's prices, in dollars; None: not known."""
    level: str = ""
    """How the remote treats conditional writes, A to C; "" while it is unknown."""
    question: str = ""
    """What the user has to decide by approve or restore; "" when there is nothing."""
    from_file: bool = True
    """Whether it is in the configuration file, and can be changed and removed."""
    evicted: int = 0
    """Files that only the bucket has, because their uploads have receipts (after_upload)."""
    spec: FolderSpec | None = None
    """Its settings in the configuration file; only in GET /v1/sync/{name}."""

    @property
    def failed(self) -> int:
        """The number of paths that should be in sync and are not."""
        return self.trouble_count - self.left_as_is


class RestoreRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync/{name}:restore-evicted."""

    path: str = ""
    """Of a file, or of a folder with a slash at its end; "": all evicted files."""


class PlannedStep(msgspec.Struct, frozen=True):
    """One step of a plan."""

    path: str
    action: str
    size: int = 0
    reason: str = ""


class SyncPlan(msgspec.Struct, frozen=True):
    """POST /v1/sync/{name}:plan and /v1/sync:validate: what a pass would do."""

    steps: list[PlannedStep]
    """The first 1,000 steps."""
    counts: dict[str, int] = {}
    """Action -> number of paths."""
    upload_size: int = 0
    download_size: int = 0
    doubt: str = ""
    """Why the user would have to approve it."""


class SyncReport(msgspec.Struct, frozen=True):
    """POST /v1/sync/{name}:now: what the pass has done."""

    uploaded: int = 0
    downloaded: int = 0
    deleted: int = 0
    conflicts: int = 0
    adopted: int = 0
    moved: int = 0
    troubles: int = 0


class HistoryRow(msgspec.Struct, frozen=True):
    """An action on a path; GET /v1/sync/{name}/history."""

    id: int
    at: float
    action: str
    path: str
    detail: str = ""
    can_undo: bool = False
    """The local file that it replaced or deleted is still in the trash."""


class Conflict(msgspec.Struct, frozen=True):
    """A conflict copy; GET /v1/sync/{name}/conflicts."""

    path: str
    copy: str
    """The path of the conflict copy."""
    size: int
    modified: float


class FolderDraft(FolderSpec, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync:check: unsaved settings of a folder. name: of the folder that is edited."""

    name: str = ""


class FieldVerdict(msgspec.Struct, frozen=True):
    """The text beside a field of the form."""

    field: str
    ok: bool
    text: str = ""


class FilterRow(msgspec.Struct, frozen=True):
    """A path of the folder, and whether the filter includes it."""

    path: str
    included: bool = msgspec.field(name="kept")
    term: int = 0
    """The number of the term that decides, from 1; 0: none matches."""
    rule: str = ""
    """That term, or the other reason."""


class FolderCheck(msgspec.Struct, frozen=True):
    """The answer of POST /v1/sync:check."""

    fields: list[FieldVerdict]
    preview: list[FilterRow] = []
    """The first 200 paths."""
    included: int = msgspec.field(name="kept", default=0)
    excluded: int = 0
    """Of the paths that were checked."""
    looked: int = 0
    partial: bool = False
    """There are more paths than were checked."""
    can_save: bool = False


class ConflictDiff(msgspec.Struct, frozen=True):
    """GET /v1/sync/{name}/diff?copy=: both sides of a conflict."""

    original: str
    copy: str
    original_size: int = 0
    copy_size: int = 0
    original_modified: float = 0.0
    copy_modified: float = 0.0
    text: bool = False
    lines: list[str] = []
    """A unified diff; or, for binary files, a description of the difference."""
    truncated: bool = False


class UndoRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync/{name}:undo: undo a row of the history, or the newest row of a path."""

    id: int = 0
    path: str = ""


class ResolveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync/{name}:resolve: which version stays at the path of the original."""

    copy: str
    keep: str
    """original: the copy goes to the trash. copy: it replaces the original, which goes to the
    trash. both: the copy becomes an ordinary file."""


class FolderList(msgspec.Struct, frozen=True):
    """GET /v1/sync."""

    folders: list[FolderStatus]


class HistoryList(msgspec.Struct, frozen=True):
    """The newest first."""

    rows: list[HistoryRow]


class ConflictList(msgspec.Struct, frozen=True):
    """By path."""

    conflicts: list[Conflict]
