"""The control API's types for what lies between us and the remote: queue, transfers, migration.

Part of control.py in every respect but the file.
"""

from __future__ import annotations

import msgspec


class Totals(msgspec.Struct, frozen=True):
    """Writes and their bytes."""

    files: int = 0
    size: int = 0


class WaitingRemote(msgspec.Struct, frozen=True):
    """A remote that is not in use, and for which writes are pending."""

    id: str
    url: str
    """As configured first."""
    account: str
    """Owner id, else the access key id; "" while neither is known."""
    writes: Totals
    """Parked conflicts are among them."""
    oldest: float | None = None
    """When the first of them was accepted, Unix seconds."""


class RemoteStatus(msgspec.Struct, frozen=True):
    """The S3 behind us; times in Unix seconds."""

    url: str
    """As configured: aws, or a URL."""
    ok: bool | None = None
    """The last call got through; None: nothing was asked yet."""
    error: str = ""
    """What the last call failed with."""
    last_success: float | None = None
    last_failure: float | None = None
    clock_offset: float = 0.0
    """Seconds that its clock is ahead of ours."""
    answers: bool = False
    """The last call got an answer: with an error, the remote is there and fails, or refuses us."""
    capabilities: dict[str, str] = {}
    """Bucket -> how far conditional writes can be trusted there: A, B or C."""
    limitations: list[str] = []
    """What it does not do and s3d works around: checksums, checksum_mode, listing_order,
    empty_segments."""
    id: str = ""
    """Names the endpoint and the account; the queue, the cache and the sync memory are its own."""
    unconfirmed: str = ""
    """Why pending writes are held until it is known whose the access key is; "" when it is."""


class QueueLimits(msgspec.Struct, frozen=True):
    """What the write queue takes in, at most. max_age: seconds, None for any."""

    max_size: int
    max_files: int
    max_age: float | None = None
    when_full: str = "wait"


class QueueStatus(msgspec.Struct, frozen=True):
    """GET /v1/queue: what is accepted and has not reached the remote."""

    waiting: Totals
    running: Totals
    held: Totals
    """Not to be pushed: somebody said so, or the filter."""
    failed: Totals
    """Parked: the remote refuses them."""
    limits: QueueLimits
    path: str
    paused: bool = False
    blocked: Totals = Totals()
    """Of those that wait: behind one of their key that is held or failed."""
    trouble: str = ""
    """Why nothing is pushed: "remote away", "needs credentials"; "" while all is well."""
    oldest: float | None = None
    """When the first of those that wait or run was accepted."""
    rate: float = 0.0
    """Bytes a second, over the last ones."""
    remaining: float | None = None
    """Seconds until all is pushed at this rate; None: not to be said."""
    verifying: Totals = Totals()
    """At the remote, and checked once more when no earlier request can replace them there."""
    conflict: Totals = Totals()
    """Not pending any more: the remote has newer versions, and somebody has to decide."""

    @property
    def moving(self) -> Totals:
        """What will be pushed by itself."""
        there, stuck = _sum(self.waiting, self.running), self.blocked
        return Totals(there.files - stuck.files, there.size - stuck.size)

    @property
    def left(self) -> Totals:
        """All that is pending: conflicts are not."""
        return _sum(self.waiting, self.running, self.held, self.failed, self.verifying)


class QueueChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/queue: limits until the next start; what is not named stays."""

    max_size: int | msgspec.UnsetType = msgspec.UNSET
    max_files: int | msgspec.UnsetType = msgspec.UNSET
    max_age: float | msgspec.UnsetType | None = msgspec.UNSET
    when_full: str | msgspec.UnsetType = msgspec.UNSET


class DrainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/queue:drain."""

    timeout: float = 0.0
    """Seconds to wait until nothing is pushed any more, 0 to 30."""
    hurry: bool = True
    """What is delayed after a failure is tried at once, and so is a remote that was away."""


class TransferError(msgspec.Struct, frozen=True):
    """What the last push failed with."""

    code: str
    message: str = ""
    request_id: str = ""
    """The remote's."""
    status: int = 0
    """Of HTTP; 0 when no answer came."""
    at: float = 0.0


LOCAL_CODES = frozenset(
    ("DiskFull", "LocalFileError", "NoSuchFile", "NotTransferable", "PermissionDenied")
)
"""Codes of a TransferError that are of this machine, and none of S3's."""


class Transfer(msgspec.Struct, frozen=True):
    """Something that moves bytes. kind push: a write that waits for the remote."""

    id: str
    kind: str
    """push, upload, download, copy, move, delete or prefetch."""
    operation: str
    """put, delete or tags; else the kind."""
    bucket: str
    key: str
    size: int
    state: str
    """waiting, running, held, failed, verifying or conflict; what is no push can be done or
    cancelled, too."""
    accepted: float
    attempts: int = 0
    retry_at: float = 0.0
    """Not before; 0: when its turn comes, or never for one that failed."""
    priority: int = 0
    """Greater goes first."""
    error: TransferError | None = None
    done: int = 0
    """Bytes that were moved."""
    files: int = 1
    """Objects that are meant, as far as they are known."""
    files_done: int = 0
    files_failed: int = 0
    rate: float = 0.0
    """Bytes a second."""
    remaining: float | None = None
    """Seconds, at this rate; None: not to be said."""
    target: str = ""
    """Where it goes, as a person writes it."""
    source: str = ""
    """Of an upload: the file or folder."""
    etag: str = ""
    """Of a conflict: of the write; "" for a delete."""
    remote_etag: str = ""
    """Of a conflict: what the remote had; "" for a key that was deleted there."""
    failures: list[TransferError] = []
    """Of one transfer that is asked for by its id: each object that failed, the first 1,000."""


class TransferRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers: move objects, in the background; one transfer for each of them."""

    kind: str
    """upload, download, copy, move or delete."""
    bucket: str
    """Of an upload where to, else where from."""
    keys: list[str] = []
    prefixes: list[str] = []
    """And all whose keys begin so."""
    paths: list[str] = []
    """Of an upload: files and folders on the agent's machine, absolute; ~ is the home folder."""
    base: str = ""
    """What is cut from the beginning of the keys, to name them where they go; of an upload from
    FOLDER/PATH."""
    to_path: str = ""
    """Of a download: a folder, made when it is missing."""
    to_bucket: str = ""
    """Of a copy or move."""
    to_prefix: str = ""
    """Of an upload, copy or move: put before the names."""
    as_key: str = ""
    """Of the copy or move of one key: its new name."""
    existing: str = "replace"
    """replace or skip what is there."""


class TransferList(msgspec.Struct, frozen=True):
    """GET /v1/transfers: one page, oldest first; cursor is empty on the last."""

    transfers: list[Transfer]
    cursor: str = ""


class RetryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers/{id}:retry. as_key: push it to this key instead."""

    as_key: str = ""
    force: bool = False
    """Push a conflict over the version of the remote that it was parked for."""


class PriorityRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/transfers/{id}:priority. 0 is the usual, greater goes first."""

    priority: int


class AdoptRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/queue:adopt. separate: the access key is of another account than pending writes."""

    separate: bool = False


class RemoteList(msgspec.Struct, frozen=True):
    """GET /v1/remotes: those that are not in use and for which writes are pending."""

    remotes: list[WaitingRemote]


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/remotes/{id}:move."""

    to: str
    """Id or URL of the remote in use, so that nothing goes anywhere by mistake."""
    writes: list[str] = []
    """Ids of pending writes; none means all."""


class MoveFailure(msgspec.Struct, frozen=True):
    """A write that was not moved."""

    id: str
    bucket: str
    key: str
    code: str
    message: str


class MoveResult(msgspec.Struct, frozen=True):
    """Its answer."""

    moved: int
    failures: list[MoveFailure] = []


class Count(msgspec.Struct, frozen=True):
    """How many of them it was."""

    count: int


class Bandwidth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GET and PUT /v1/bandwidth."""

    timetable: str
    """off, 2MiB, or "08:00 512KiB, 18:00 off": bytes a second from each time of the day on."""


class BandwidthStatus(msgspec.Struct, frozen=True):
    """The answer of both."""

    timetable: str
    limit: int | None
    """Bytes a second at this time of the day; None: no limit."""
    rate: float
    """Bytes a second, over the last ones."""


class MigrateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/migration:start."""

    buckets: list[str] = []
    """Of the embedded store; none: all."""
    delete_source: bool = False
    """Nothing is copied: what the remote is seen to have is deleted from the embedded store."""


class MigrationFailure(msgspec.Struct, frozen=True):
    """One object (or bucket, key "") that could not be carried over."""

    bucket: str
    key: str
    code: str
    message: str


class MigrationStatus(msgspec.Struct, frozen=True):
    """GET /v1/migration and the answer of its verbs: how far the job is, or how it ended."""

    state: str = "idle"
    """idle, running, done, failed (something was not carried over) or cancelled."""
    buckets: list[str] = []
    """Those of the embedded store that are meant."""
    total: Totals = Totals()
    """What they hold."""
    copied: Totals = Totals()
    """Seen at the remote after it was sent there."""
    there: Totals = Totals()
    """Was there already, byte for byte."""
    deleted: Totals = Totals()
    """Taken from the embedded store, after it was seen at the remote."""
    failed: int = 0
    failures: list[MigrationFailure] = []
    """The first of those that failed."""
    notes: list[str] = []
    """What a person should know: what is not carried over."""


def _sum(*shares: Totals) -> Totals:
    return Totals(sum(share.files for share in shares), sum(share.size for share in shares))
