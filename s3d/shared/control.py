"""The control API: the types that cross the Unix socket, their paths and their version.

The clients and the agent's server use these types. caching.py, diagnostics.py, syncing.py and
transfers.py have the rest of them, and docs/control-api.md is the documentation for users.
Adding a field with a default is a minor change; every other change is a major one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from s3d.shared.caching import CacheState, CacheStatus
from s3d.shared.mounting import MountStatus
from s3d.shared.receipts import Receipt
from s3d.shared.syncing import FolderStatus
from s3d.shared.transfers import QueueStatus, RemoteStatus, Transfer, WaitingRemote

API_MAJOR = 1
API_MINOR = 6

Scalar = str | int | float | bool | None


class Struct(msgspec.Struct, frozen=True, omit_defaults=False):
    """Base of the types below: immutable; decoding ignores unknown fields."""


class ApiVersion(Struct, frozen=True):
    """Another major version: the client must not write. Another minor: it ignores new fields."""

    major: int = API_MAJOR
    minor: int = API_MINOR


class Hello(Struct, frozen=True):
    """GET /v1/hello."""

    agent: str
    """Version of s3d."""
    api: ApiVersion
    boot: str
    """Random for each start of the agent."""
    pid: int
    endpoint: str
    """URL of the S3 endpoint, with the real port."""
    features: list[str] = []
    limits: dict[str, int] = {}


class Problem(Struct, frozen=True):
    """Body of every error answer, content type application/problem+json."""

    code: str
    """An S3 error code, or one of the codes below. It is stable."""
    title: str
    detail: str = ""
    hint: str = ""
    retryable: bool = False
    request_id: str = ""


class StoreStatus(Struct, frozen=True):
    """The embedded store."""

    buckets: int
    objects: int
    size: int
    """Bytes of all objects, including older versions and parts of unfinished uploads."""
    path: str
    free: int
    """Bytes free on its file system."""
    for_tests: bool = False
    """It was made by `s3d run --test`."""

    @property
    def shown_path(self) -> str:
        """The path, with what is special about it."""
        return self.path + (" (for tests)" if self.for_tests else "")


class NotificationTargetStatus(Struct, frozen=True):
    """A target of event notifications. The counts are of this start of the agent."""

    name: str
    type: str = ""
    """webhook or sqs; "" for one that is no longer in the configuration."""
    waiting: int = 0
    """Events that it has not confirmed."""
    delivered: int = 0
    dropped: int = 0
    """Events that were given up, because they were too old or too many."""
    error: str = ""
    """Why the last attempt failed; "" while none has to be repeated."""


class AdminStatus(Struct, frozen=True):
    """The admin address: /metrics, /healthz and /readyz over HTTP."""

    url: str
    """With the real port."""
    token_file: str = ""
    """The file with the generated token that /metrics needs; "": none is generated."""
    needs_token: bool = False
    """Whether /metrics needs a token: that of token_file, or else of the setting admin_token."""

    @property
    def metrics(self) -> str:
        """For people: the URL of the metrics, and where its token is."""
        place = f" (token: {self.token_file or 'S3D_ADMIN_TOKEN'})" if self.needs_token else ""
        return f"{self.url}/metrics{place}"


class AgentStatus(Struct, frozen=True):
    """GET /v1/status."""

    version: str
    pid: int
    started: float
    endpoint: str
    socket: str
    auth: str
    """sigv4 or none."""
    ephemeral: bool
    remote: RemoteStatus | None = None
    """None: the agent uses the embedded store."""
    queue: QueueStatus | None = None
    cache: CacheStatus | None = None
    store: StoreStatus | None = None
    sync: list[FolderStatus] = []
    mounts: list[MountStatus] = []
    """The sync folders, without the paths that are not in sync."""
    waiting: list[WaitingRemote] = []
    """Remotes that are not in use and have pending writes."""
    notifications: list[NotificationTargetStatus] = []
    """The targets of event notifications."""
    warnings: list[str] = []
    metrics: dict[str, float] = {}
    admin: AdminStatus | None = None
    """None: it is off."""


class BucketInfo(Struct, frozen=True):
    """One bucket of GET /v1/buckets, and GET /v1/status?bucket=."""

    name: str
    created: float
    objects: int | None = None
    size: int | None = None
    tags: dict[str, str] = {}
    versioning: str = ""
    """"", Enabled or Suspended."""


class ObjectInfo(Struct, frozen=True):
    """One object, as a row of a listing or in GET /v1/status?bucket=&key=.

    Listings have no metadata, headers and checksums. Only the status has tags.
    """

    bucket: str
    key: str
    size: int
    etag: str
    """Quoted, as in S3."""
    last_modified: float
    content_type: str = ""
    storage_class: str = "STANDARD"
    version_id: str | None = None
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    headers: dict[str, str] = {}
    """Further object headers by HTTP name (cache-control, content-encoding, ...)."""
    checksums: dict[str, str] = {}
    """Algorithm -> base64."""
    is_latest: bool = False
    """In a list of versions: the current version."""

    @property
    def http_headers(self) -> dict[str, str]:
        """The headers of the object by lower-case name, as a filter tests them.

        Those that the object does not have are left out. Listings lack most of them.
        """
        from email.utils import formatdate  # slow to import, and not needed by s3d status

        found = {
            **self.headers,
            "content-length": str(self.size),
            "content-type": self.content_type,
            "etag": self.etag,
            "last-modified": formatdate(self.last_modified, usegmt=True),
            "x-amz-storage-class": self.storage_class,
        }
        return {name: value for name, value in found.items() if value}


class ObjectStatus(ObjectInfo, frozen=True):
    """GET /v1/status?bucket=&key=: the object as clients read it, and what the remote has of it."""

    state: str = ""
    """"" without a remote; pushed, pending, held or failed."""
    deleted: bool = False
    """The object is deleted, and the deletion is pending."""
    pending: list[Transfer] = []
    """The pending writes of this key, the oldest first."""
    remote_etag: str | None = None
    """The ETag of the object at the remote; None: it has no such object, or is unreachable."""
    remote_error: str = ""
    """Why the remote could not be asked."""
    tags_error: str = ""
    """Why the tags are not known."""
    cache: CacheState | None = None
    """What of it is cached."""
    receipts: list[Receipt] = []
    """The newest receipts of the key, the newest first: also of versions before this one."""

    def is_of_this_version(self, receipt: Receipt) -> bool:
        """Whether a receipt is of what clients read. The remote may have given it another ETag."""
        if self.pending:
            return receipt.etag == self.etag
        return receipt.etag in (self.etag, self.remote_etag)


class Listing(Struct, frozen=True):
    """GET /v1/buckets/{bucket}/objects, or /versions: one page; the last has an empty cursor.

    Versions without an ETag are delete markers.
    """

    objects: list[ObjectInfo]
    prefixes: list[str]
    cursor: str = ""
    key_states: dict[str, str] = msgspec.field(name="standing", default_factory=dict)
    """Key -> pending, failed, held, pinned, cached or partial, if requested. A key that is missing
    here is only at the remote. The field of the API has an older name, as the parameter has."""


class BucketList(Struct, frozen=True):
    """GET /v1/buckets."""

    buckets: list[BucketInfo]


class Tags(Struct, frozen=True):
    """GET and the answer of PATCH /v1/buckets/{bucket}/tags[?key=]."""

    tags: dict[str, str]


class TagChanges(Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/buckets/{bucket}/tags[?key=]: tags to add and to remove."""

    set: dict[str, str] = {}
    unset: list[str] = []


class Deletions(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/buckets/{bucket}/objects:delete: key and version id ("": the object) of each."""

    objects: list[tuple[str, str]]


class Versioning(Struct, frozen=True, forbid_unknown_fields=True):
    """PUT /v1/buckets/{bucket}/versioning."""

    status: str
    """Enabled or Suspended."""


class BucketProperty(Struct, frozen=True, forbid_unknown_fields=True):
    """versioning, policy, lifecycle or cors; PUT /v1/buckets/{bucket}/properties/{name}."""

    name: str = ""
    document: str = ""
    """JSON, as `aws s3api` shows it; "" when it was never set."""
    error: str = ""
    """Why it cannot be read, such as AccessDenied."""


class BucketProperties(Struct, frozen=True):
    """GET /v1/buckets/{bucket}/properties."""

    properties: list[BucketProperty]


class PresignRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/buckets/{bucket}/object:presign?key=."""

    method: str = "GET"
    expires: int = 3600
    """Seconds, 1 to 604800."""


class Presigned(Struct, frozen=True):
    """The answer: a URL that works without credentials until expires_at."""

    url: str
    expires_at: float


class Event(Struct, frozen=True):
    """One line of GET /v1/events."""

    seq: int
    boot: str
    at: float
    kind: str
    """Stable: hello, resync, heartbeat, store.changed, log.warning, ..."""
    subject: str = ""
    data: dict[str, Scalar] = {}


class State(Struct, frozen=True):
    """GET /v1/state: the state at event seq, which later events keep up to date."""

    seq: int
    boot: str
    status: AgentStatus
    buckets: list[BucketInfo]


ANONYMOUS = "anonymous"
"""In place of a key: the caller without one."""


class Explanation(msgspec.Struct, frozen=True):
    """A decision about access, as it would be made for a plain request."""

    caller: str
    """The ARN of the user or account, or ANONYMOUS."""
    action: str
    """As in a policy: s3:GetObject."""
    resource: str
    """An ARN."""
    allowed: bool
    reason: str
    """The statement, grant, scope or switch that decides."""


OBJECT_HEADER = "S3d-Object"
"""Answer header of GET, HEAD and PUT object: the ObjectInfo as ASCII JSON, without the tags."""
PROBLEM_HEADER = "S3d-Problem"
"""Answer header of every error: the Problem as ASCII JSON, since an answer to HEAD has no body."""
CLIENT_HEADER = "S3d-Client"
"""Request header: the client, as NAME/VERSION."""
REQUEST_ID_HEADER = "S3d-Request-Id"
"""Answer header: the request id, which the agent's log has too."""

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
NDJSON = "application/x-ndjson"

HEARTBEAT = 5.0
"""Seconds between heartbeats of the event stream; a client gives up after 12 s without one."""
MAX_PAGE = 1_000
"""Maximum rows of one page of a listing."""
MAX_JSON = 256 << 10
"""Maximum bytes of a JSON body."""

NO_SUCH_ROUTE = "NoSuchRoute"
TOO_MANY_SUBSCRIBERS = "TooManySubscribers"
NO_SUCH_TRANSFER = "NoSuchTransfer"
NO_SUCH_FOLDER = "NoSuchFolder"
NO_SUCH_ACCESS_KEY = "NoSuchAccessKey"
NO_SUCH_REMOTE = "NoSuchRemote"
NO_SUCH_FAULT = "NoSuchFault"
NO_SUCH_SNAPSHOT = "NoSuchSnapshot"
NO_TEST_STORE = "NoTestStore"
BAD_USAGE = "BadUsage"
NO_REMOTE = "NoRemote"
WRONG_STATE = "WrongState"
"""Error codes of the control API; all others are those of S3."""

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """Encode a value as JSON."""
    return msgspec.json.encode(value)


def encode_ascii(value: Any) -> str:
    """Encode a value as ASCII JSON, for a header."""
    import json  # used by the agent only, and slow to import

    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def decode(data: bytes | str, kind: type[T]) -> T:
    """Decode JSON. Raises msgspec.DecodeError, also for a field of the wrong type."""
    return msgspec.json.decode(data, type=kind)
