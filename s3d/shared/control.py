"""The control API: the types that cross the Unix socket, their paths and their version.

Both clients and the agent's server import from here; transfers.py has what concerns the remote, and
docs/control-api.md tells it all to people.
A new field with a default is a minor change; anything else is a major one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from s3d.shared.caching import CacheState, CacheStatus
from s3d.shared.syncing import FolderStatus
from s3d.shared.transfers import QueueStatus, RemoteStatus, Transfer, WaitingRemote

API_MAJOR = 1
API_MINOR = 3

Scalar = str | int | float | bool | None


class Struct(msgspec.Struct, frozen=True, omit_defaults=False):
    """Base of all types of the control API: immutable, unknown fields are ignored on decoding."""


class ApiVersion(Struct, frozen=True):
    """Differs in major: the client must refuse to write. Differs in minor: ignore what is new."""

    major: int = API_MAJOR
    minor: int = API_MINOR


class Hello(Struct, frozen=True):
    """GET /v1/hello."""

    agent: str
    """Version of the agent's program."""
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
    """Stable word: an S3 error code, or one of the control API's own."""
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
    """Bytes of all objects, older versions and parts of unfinished uploads included."""
    path: str
    free: int
    """Bytes free on its file system."""


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
    """None: the embedded store answers."""
    queue: QueueStatus | None = None
    cache: CacheStatus | None = None
    store: StoreStatus | None = None
    sync: list[FolderStatus] = []
    """The sync folders, without their troubles."""
    waiting: list[WaitingRemote] = []
    """Remotes that are not in use, and for which writes are pending."""
    warnings: list[str] = []
    metrics: dict[str, float] = {}


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
    """One object: a row of a listing, or all of it, GET /v1/status?bucket=&key=.

    A listing has no metadata, headers and checksums; only the status has tags.
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
    """Among versions: this is the object as it is read."""


class ObjectStatus(ObjectInfo, frozen=True):
    """GET /v1/status?bucket=&key=: the object as it is read now, and how far it has come."""

    state: str = ""
    """"" without a remote; pushed, pending, held or failed."""
    deleted: bool = False
    """There is no such object any more; its deletion is pending."""
    pending: list[Transfer] = []
    """Writes of this key that the remote does not have, oldest first."""
    remote_etag: str | None = None
    """Of the object at the remote, if it has one and could be asked."""
    remote_error: str = ""
    """Why it could not be asked."""
    cache: CacheState | None = None
    """What of it is in the read cache."""


class Listing(Struct, frozen=True):
    """GET /v1/buckets/{bucket}/objects, or /versions: one page; cursor is empty on the last.

    Among versions, those without an ETag are delete markers.
    """

    objects: list[ObjectInfo]
    prefixes: list[str]
    cursor: str = ""
    key_states: dict[str, str] = msgspec.field(name="standing", default_factory=dict)
    """Key -> pending, failed, held, pinned, cached or partial, when it was asked for; a key that is
    not in it is at the remote only."""


class BucketList(Struct, frozen=True):
    """GET /v1/buckets."""

    buckets: list[BucketInfo]


class Tags(Struct, frozen=True):
    """GET and the answer of PATCH /v1/buckets/{bucket}/tags[?key=]."""

    tags: dict[str, str]


class TagChanges(Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /v1/buckets/{bucket}/tags[?key=]: adds to and removes from the existing set."""

    set: dict[str, str] = {}
    unset: list[str] = []


class PresignRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/buckets/{bucket}/object:presign?key=."""

    method: str = "GET"
    expires: int = 3600
    """Seconds, 1 to 604800."""


class Presigned(Struct, frozen=True):
    """The answer: a URL that works without credentials until then."""

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
    """GET /v1/state: what the events after seq keep up to date."""

    seq: int
    boot: str
    status: AgentStatus
    buckets: list[BucketInfo]


OBJECT_HEADER = "S3d-Object"
"""Answer header of GET, HEAD and PUT object: the ObjectInfo as ASCII JSON, without the tags."""
CLIENT_HEADER = "S3d-Client"
"""Request header: who calls, as NAME/VERSION."""
REQUEST_ID_HEADER = "S3d-Request-Id"
"""Answer header, and in the agent's log."""

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
NDJSON = "application/x-ndjson"

HEARTBEAT = 5.0
"""Seconds between two heartbeats of the event stream; a client waits 12 s before it gives up."""
MAX_PAGE = 1_000
"""Rows of one page of a listing, at most."""
MAX_JSON = 256 << 10
"""Bytes of a JSON body, at most."""

NO_SUCH_ROUTE = "NoSuchRoute"
TOO_MANY_SUBSCRIBERS = "TooManySubscribers"
NO_SUCH_TRANSFER = "NoSuchTransfer"
NO_SUCH_FOLDER = "NoSuchFolder"
NO_SUCH_REMOTE = "NoSuchRemote"
NO_REMOTE = "NoRemote"
WRONG_STATE = "WrongState"
"""The control API's own error codes; all others are S3's."""

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """JSON of any type of this module."""
    return msgspec.json.encode(value)


def encode_ascii(value: Any) -> str:
    """The same for a header."""
    import json  # for the agent only

    return json.dumps(msgspec.to_builtins(value), separators=(",", ":"))


def decode(data: bytes | str, kind: type[T]) -> T:
    """The value of that type. Raises msgspec.DecodeError, also for a field of the wrong type."""
    return msgspec.json.decode(data, type=kind)
