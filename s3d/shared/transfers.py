"""The control API's types for the remote, the write queue, transfers and the migration.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

from s3d.shared.object_patterns import PathRule
from s3d.shared.transfer_options import NewObject, SyncRules


class Totals(msgspec.Struct, frozen=True):
    """A number of objects or writes, and their size in bytes."""

    files: int = 0
    size: int = 0


class WaitingRemote(msgspec.Struct, frozen=True):
    """A remote that is not in use and has pending writes."""

    id: str
    url: str
    """The URL with which it was first configured."""
    account: str
    """The owner id, or else the access key id; "" while neither is known."""
    writes: Totals
    """The pending writes and the conflicts."""
    oldest: float | None = None
    """When the oldest of them was accepted, in Unix seconds."""


class RemoteStatus(msgspec.Struct, frozen=True):
    """The state of the remote. Times are Unix seconds."""

    url: str
    """As configured: aws, or a URL."""
    ok: bool | None = None
    """Whether the last request succeeded; None: there was none yet."""
    error: str = ""
    """The error of the last request."""
    last_success: float | None = None
    last_failure: float | None = None
    clock_offset: float = 0.0
    """Seconds by which its clock is ahead of ours."""
    answers: bool = False
    """The last request got an answer, so an error comes from the remote itself."""
    capabilities: dict[str, str] = {}
    """Bucket -> how the remote treats conditional writes there: A, B or C."""
    limitations: list[str] = []
    """What the remote does not support, and s3d works around: checksums, checksum_mode,
    listing_order, empty_segments."""
    id: str = ""
    """Identifies the endpoint and the account. Each has its own queue, cache and baselines."""
    unconfirmed: str = ""
    """Why pending writes are held until the account of the access key is known; "" otherwise."""


class QueueLimits(msgspec.Struct, frozen=True):
    """The limits of the write queue. max_age: seconds; None: no limit."""

    max_size: int
    max_files: int
    max_age: float | None = None
    when_full: str = "wait"


class QueueStatus(msgspec.Struct, frozen=True):
    """GET /v1/queue: the pending writes by state, and how fast they are pushed."""

    waiting: Totals
    running: Totals
    held: Totals
    """Not to be pushed, because the user or the filter says so."""
    failed: Totals
    """Parked, because the remote refuses them."""
    limits: QueueLimits
    path: str
    paused: bool = False
    blocked: Totals = Totals()
    """Those of waiting that are behind a held or failed write of their key."""
    trouble: str = ""
    """Why nothing is pushed: "remote unreachable", "needs credentials"; "" when all works."""
    next_check: float | None = None
    """When the agent next checks a remote that is unreachable or refuses the credentials, in Unix
    seconds; None: it works."""
    oldest: float | None = None
    """When the oldest waiting or running write was accepted."""
    rate: float = 0.0
    """Current bytes per second."""
    remaining: float | None = None
    """Seconds until everything is pushed at this rate; None: unknown."""
    verifying: Totals = Totals()
    """At the remote, and to be checked once more when no earlier request can replace them."""
    conflict: Totals = Totals()
    """No longer pending: the remote has newer versions, and the user has to decide."""
    arrival_p50: float | None = None
    """Median time from the acknowledgement of a write to its arrival at the remote, in seconds, of
    all that arrived since the start of the agent; None: none did."""
    arrival_p99: float | None = None

    @property
    def moving(self) -> Totals:
        """The writes that s3d will push without a decision of the user."""
        there, stuck = _sum(self.waiting, self.running), self.blocked
        return Totals(there.files - stuck.files, there.size - stuck.size)

    @property
    def left(self) -> Totals:
        """All pending writes; conflicts are not pending."""
        return _sum(self.waiting, self.running, self.held, self.failed, self.verifying)


class QueueChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/queue: set limits until the next start. Unset fields stay as they are."""

    max_size: int | msgspec.UnsetType = msgspec.UNSET
    max_files: int | msgspec.UnsetType = msgspec.UNSET
    max_age: float | msgspec.UnsetType | None = msgspec.UNSET
    when_full: str | msgspec.UnsetType = msgspec.UNSET


class DrainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/queue:drain."""

    timeout: float = 0.0
    """Seconds to wait until nothing is left to push, 0 to 30."""
    hurry: bool = True
    """Retry delayed writes at once, and try to reach an unreachable remote."""


class TransferError(msgspec.Struct, frozen=True):
    """The error of the last attempt."""

    code: str
    message: str = ""
    request_id: str = ""
    """The request id of the remote."""
    status: int = 0
    """The HTTP status; 0 when there was no answer."""
    at: float = 0.0


LOCAL_CODES = frozenset(
    ("DiskFull", "LocalFileError", "NoSuchFile", "NotTransferable", "PermissionDenied")
)
"""Codes of errors on this machine; all other codes of a TransferError are those of S3."""


class Transfer(msgspec.Struct, frozen=True):
    """A background transfer. A transfer of kind push is a pending write."""

    id: str
    kind: str
    """push, upload, download, copy, move, delete or prefetch."""
    operation: str
    """put, delete or tags for a push; otherwise the kind."""
    bucket: str
    key: str
    size: int
    state: str
    """waiting, running, held, failed, verifying or conflict for a push; waiting, running, held,
    failed, done or cancelled for other kinds."""
    accepted: float
    attempts: int = 0
    retry_at: float = 0.0
    """When the next attempt is due; 0: as soon as possible, or never for a failed one."""
    priority: int = 0
    """Higher priorities are pushed first."""
    error: TransferError | None = None
    done: int = 0
    """Bytes moved so far."""
    files: int = 1
    """The number of objects, as far as it is known."""
    files_done: int = 0
    files_failed: int = 0
    files_deleted: int = 0
    """Of files_done: those that a sync has deleted at its target."""
    files_skipped: int = 0
    """Of an upload with links=note: links and devices, which are no files."""
    files_existing: int = 0
    """Of files_done: those that were not moved, because the target has them (existing=skip)."""
    size_existing: int = 0
    """Of done: the bytes of these."""
    counting: bool = False
    """It runs, and size and files still grow, because not all objects were found yet."""
    pending: Totals | None = None
    """Of an upload: what the remote does not have yet; None without a write queue."""
    ended: float = 0.0
    """When it ended, in Unix seconds; 0: it has not, or it is a push."""
    rate: float = 0.0
    """Bytes per second."""
    remaining: float | None = None
    """Remaining seconds at this rate; None: unknown."""
    target: str = ""
    """The target as the user writes it."""
    source: str = ""
    """The file or folder of an upload."""
    etag: str = ""
    """Of a conflict: the ETag of the write; "" for a delete."""
    remote_etag: str = ""
    """Of a conflict: the ETag at the remote; "" when the key was deleted there."""
    failures: list[TransferError] = []
    """In GET /v1/transfers/{id}: the first 1,000 objects that failed."""
    actions: list[str] | None = None
    """The actions of POST /v1/transfers/{id}:ACTION that it allows now; None: not known."""
    stopping: str = ""
    """Of a running push: pause or discard once the parts that are being sent have arrived."""
    notes: list[str] = []
    """What the user should know, such as that an object was too large for the write queue."""


class TransferRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers: start one transfer for each key, prefix and path."""

    kind: str
    """upload, download, copy, move or delete."""
    bucket: str
    """The target bucket of an upload; otherwise the source bucket."""
    keys: list[str] = []
    prefixes: list[str] = []
    """Transfer all objects with these prefixes."""
    paths: list[str] = []
    """Of an upload: absolute paths of files and folders on the agent's machine; ~ is the home."""
    base: str = ""
    """The prefix to remove from the keys (of an upload, from FOLDER/PATH) to name the targets."""
    to_path: str = ""
    """Of a download: the target folder, created if it is missing."""
    to_bucket: str = ""
    """Of a copy or move: the target bucket."""
    to_prefix: str = ""
    """Of an upload, copy or move: the prefix of the targets."""
    as_key: str = ""
    """Of one key or file: its new key, or its name below to_path."""
    existing: str = "replace"
    """replace or skip existing targets."""
    version: str = ""
    """Of the copy or download of one key: this version of it."""
    if_match: str = ""
    """Of one target: replace only the object with this ETag."""
    glob: str = ""
    """Of prefixes: only keys that match. is_below: also those in a folder that matches."""
    is_below: bool = False
    rules: list[PathRule] = []
    """--exclude and --include, for names relative to base."""
    new_object: NewObject = NewObject()
    """Of an upload, copy or move."""
    delete_source: bool = False
    """Of an upload or download: delete each source after its transfer, if it did not change."""
    as_one: bool = False
    """One transfer for all keys, prefixes and paths together."""
    links: str = "report"
    """Of an upload: report symbolic links as failures, follow, skip, or note them: skip them, and
    devices, and count them in files_skipped and notes."""
    sync: SyncRules | None = None
    """Of an upload, download or copy: only transfer what is different."""


class DeletionResult(msgspec.Struct, frozen=True):
    """POST /v1/buckets/{bucket}/objects:delete: what was not deleted, by its place in the list."""

    failures: dict[int, TransferError]


class TransferList(msgspec.Struct, frozen=True):
    """GET /v1/transfers: one page, the oldest first; the last page has an empty cursor."""

    transfers: list[Transfer]
    cursor: str = ""


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers/{id}:retry. as_key: push it to this key instead."""

    as_key: str = ""
    force: bool = False
    """Of a conflict: replace the version of the remote that caused it."""


class PriorityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers/{id}:priority. The default is 0; higher priorities are pushed first."""

    priority: int


class AdoptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/queue:adopt. separate: the access key is of another account."""

    separate: bool = False


class RemoteList(msgspec.Struct, frozen=True):
    """GET /v1/remotes: the remotes that are not in use and have pending writes."""

    remotes: list[WaitingRemote]


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/remotes/{id}:move."""

    to: str
    """The id or URL of the remote in use, so that no write is moved by mistake."""
    writes: list[str] = []
    """Ids of pending writes; an empty list means all."""


class MoveFailure(msgspec.Struct, frozen=True):
    """A write that could not be moved."""

    id: str
    bucket: str
    key: str
    code: str
    message: str


class MoveResult(msgspec.Struct, frozen=True):
    """The answer of POST /v1/remotes/{id}:move."""

    moved: int
    failures: list[MoveFailure] = []


class Count(msgspec.Struct, frozen=True):
    """The number of items that an action has affected."""

    count: int


class Bandwidth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GET and PUT /v1/bandwidth."""

    timetable: str
    """off, 2MiB, or "08:00 512KiB, 18:00 off": bytes per second from each time of day on."""


class BandwidthStatus(msgspec.Struct, frozen=True):
    """The answer of GET and PUT /v1/bandwidth."""

    timetable: str
    limit: int | None
    """Bytes per second at this time of day; None: no limit."""
    rate: float
    """Current bytes per second."""


class MigrateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/migration:start."""

    buckets: list[str] = []
    """Buckets of the embedded store; an empty list means all."""
    delete_source: bool = False
    """Copy nothing, but delete from the embedded store the objects that the remote has."""


class MigrationFailure(msgspec.Struct, frozen=True):
    """An object (or a bucket, with an empty key) that could not be copied."""

    bucket: str
    key: str
    code: str
    message: str


class MigrationStatus(msgspec.Struct, frozen=True):
    """GET /v1/migration and the answer of its actions: the progress or the result."""

    state: str = "idle"
    """idle, running, done, failed (something was not copied) or cancelled."""
    buckets: list[str] = []
    """The buckets to migrate."""
    total: Totals = Totals()
    """What they hold."""
    copied: Totals = Totals()
    """Copied to the remote and verified there."""
    there: Totals = Totals()
    """Identical objects that the remote had already."""
    deleted: Totals = Totals()
    """Deleted from the embedded store after verification at the remote."""
    failed: int = 0
    failures: list[MigrationFailure] = []
    """The first objects that failed."""
    notes: list[str] = []
    """What the migration does not copy."""


def _sum(*shares: Totals) -> Totals:
    return Totals(sum(share.files for share in shares), sum(share.size for share in shares))
