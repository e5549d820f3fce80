"""The control API's types for sync folders: what they are, how they are, what they would do.

Part of control.py in every respect but the file.
"""

from __future__ import annotations

import msgspec

STATES = ("starting", "syncing", "idle", "paused", "offline", "stopped")


class FolderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /v1/sync/{name}: a folder as the configuration file has it, each value as text there."""

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
    """blocked, waiting, skipped, kept; or left out: a link or a device, which is no failure."""
    reason: str = ""


class FolderStatus(msgspec.Struct, frozen=True):
    """One sync folder, GET /v1/sync."""

    name: str
    path: str
    bucket: str
    prefix: str
    mode: str
    state: str
    """One of STATES. stopped: a person has to agree, or to mend something; see reason."""
    reason: str = ""
    filter: str = ""
    files: int = 0
    """That both sides have agreed on."""
    size: int = 0
    """Of those, in bytes."""
    todo: int = 0
    """Steps of the pass that is under way, and how many of them are done."""
    done: int = 0
    troubles: list[PathStatus] = []
    """At most 100 of them."""
    trouble_count: int = 0
    """Paths that are not in sync; those that are left out are not among them."""
    left_out: int = 0
    """Links and devices, which no bucket can hold."""
    conflicts: int = 0
    pending: int = 0
    """Paths that are known to have changed and were not looked at yet, or have to be again."""
    waiting: int = 0
    """Of those, the ones that are still being written after several looks."""
    last_pass: float | None = None
    """When both sides were last seen to agree, in Unix seconds."""
    watch: str = ""
    """How changes here are noticed: events, or polling and why."""
    level: str = ""
    """What the remote makes of conditional writes, A to C; "" as long as it is not known."""
    question: str = ""
    """What approve and restore would answer; "" when nothing is asked."""
    from_file: bool = True
    """It is in the configuration file, so it can be changed and removed there."""
    spec: FolderSpec | None = None
    """As the configuration file has it; only in GET /v1/sync/{name}."""


class PlannedStep(msgspec.Struct, frozen=True):
    """One step that a pass would make now."""

    path: str
    action: str
    size: int = 0
    reason: str = ""


class SyncPlan(msgspec.Struct, frozen=True):
    """POST /v1/sync/{name}:plan, and /v1/sync:validate for a folder that is not there yet."""

    steps: list[PlannedStep]
    """At most 1,000 of them."""
    counts: dict[str, int] = {}
    """Action -> how many paths."""
    upload_size: int = 0
    download_size: int = 0
    doubt: str = ""
    """Why a person would have to approve it."""


class SyncReport(msgspec.Struct, frozen=True):
    """POST /v1/sync/{name}:now, when the pass is over."""

    uploaded: int = 0
    downloaded: int = 0
    deleted: int = 0
    conflicts: int = 0
    adopted: int = 0
    moved: int = 0
    troubles: int = 0


class HistoryRow(msgspec.Struct, frozen=True):
    """Something that was done to a path; GET /v1/sync/{name}/history."""

    id: int
    at: float
    action: str
    path: str
    detail: str = ""
    can_undo: bool = False
    """What it replaced or removed here is in the trash still."""


class Conflict(msgspec.Struct, frozen=True):
    """A conflict copy; GET /v1/sync/{name}/conflicts."""

    path: str
    copy: str
    """Path of the copy."""
    size: int
    modified: float


class FolderDraft(FolderSpec, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync:check: a folder as it is being written. name: of the one that is edited."""

    name: str = ""


class FieldVerdict(msgspec.Struct, frozen=True):
    """What is to be read beside a field of the form."""

    field: str
    ok: bool
    text: str = ""


class FilterRow(msgspec.Struct, frozen=True):
    """A path of the folder, and what the filter makes of it."""

    path: str
    included: bool = msgspec.field(name="kept")
    term: int = 0
    """Number of the deciding term, from 1; 0: none matched."""
    rule: str = ""
    """That term, or what else has decided."""


class FolderCheck(msgspec.Struct, frozen=True):
    """The answer of POST /v1/sync:check."""

    fields: list[FieldVerdict]
    preview: list[FilterRow] = []
    """At most 200 paths."""
    included: int = msgspec.field(name="kept", default=0)
    excluded: int = 0
    """Of those that were looked at."""
    looked: int = 0
    partial: bool = False
    """There are more paths than were looked at."""
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
    """A unified diff; or, where they are no text, in what they differ."""
    truncated: bool = False


class UndoRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync/{name}:undo: a row of the history, or the newest of a path."""

    id: int = 0
    path: str = ""


class ResolveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/sync/{name}:resolve: which of the two stays at the path of the original."""

    copy: str
    keep: str
    """original: the copy goes to the trash; copy: it takes the place of the original, which goes
    to the trash; both: the copy is a file like any other from now on."""


class FolderList(msgspec.Struct, frozen=True):
    """GET /v1/sync."""

    folders: list[FolderStatus]


class HistoryList(msgspec.Struct, frozen=True):
    """The newest first."""

    rows: list[HistoryRow]


class ConflictList(msgspec.Struct, frozen=True):
    """By path."""

    conflicts: list[Conflict]
