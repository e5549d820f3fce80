"""The messages between frontends and stores: S3Request down, S3Response up. Pure data.

A body may hold a file descriptor as an int but never reads it here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from s3d.agent.s3.model import Operation
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.trace_context import TraceContext
from s3d.shared.diagnostics import RequestFields

Members = dict[str, Any]
"""AWS member name -> Python value, spelt exactly as boto3 spells it."""

In = TypeVar("In", bound=Mapping[str, Any])
Out = TypeVar("Out", bound=Mapping[str, Any])

NO_TRAILERS: Mapping[str, str] = {}


class Body(Protocol):
    """A payload. Read it once, in order, then aclose() it; aclose() may be called at any time.

    Iteration raises S3Error when the bytes do not match their hash, length or chunk signature:
    nothing may be published before the iteration has ended without an error.
    """

    @property
    def size(self) -> int | None:
        """Bytes, or None when unknown until the end."""

    @property
    def trailers(self) -> Mapping[str, str]:
        """HTTP trailers by lower-case name; complete once the iteration has ended."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes of an open file, which stays open until the next piece is requested."""

    fd: int
    offset: int
    size: int
    check: Callable[[int, int], int] | None = None
    """To be called in a thread, with an offset and the end of what is wanted, before bytes from
    there are used: up to which offset they may be. Raises S3Error for damage. None: no need."""


class FileBody(Body, Protocol):
    """A payload in files, which sendfile can send.

    Its aclose() never waits.
    """

    def now(self) -> bytes | None:
        """The whole payload if it can be had at once without blocking, else None."""

    def pieces(self) -> Iterator[Piece]:
        """The files' pieces in order; each is valid until the next is requested or aclose()."""

    def hold(self, most: int) -> list[Piece] | None:
        """All pieces at once, valid until aclose(); None when there are more than most."""


class ArrivingBody(Body, Protocol):
    """A payload that is being fetched into a file."""

    def file(self) -> Piece:
        """Where the bytes are once they have arrived. The file is open until aclose()."""

    def arrivals(self) -> AsyncIterator[int]:
        """The offsets in the file up to which bytes have arrived, as they do. Instead of the
        iteration over the bytes, for a caller that reads the file itself. Raises S3Error."""


class BytesBody(msgspec.Struct, eq=False, gc=False):
    """A small payload in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data

    async def aclose(self) -> None:
        return None


def at_once(body: Body) -> bytes | None:
    """The whole payload if it can be had without waiting, else None; raises as its iteration does.

    The bodies that may have it have a method now(), as FileBody.
    """
    if isinstance(body, BytesBody):
        return body.data
    now = getattr(body, "now", None)
    data: bytes | None = None if now is None else now()
    return data


class StreamBody:
    """A payload from any asynchronous iterator of bytes."""

    __slots__ = ("_chunks", "size", "trailers")

    def __init__(self, chunks: AsyncIterator[bytes], size: int | None = None) -> None:
        self._chunks = chunks
        self.size = size
        self.trailers = NO_TRAILERS

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def aclose(self) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


@dataclass(slots=True)
class WireRequest:
    """The HTTP request as it came, kept so that an untouched operation can be forwarded verbatim.

    It must not be changed. It is not frozen, since that costs a microsecond for each request.

    Header names are lower-case, in the order they came; repeated headers stay repeated.
    """

    method: str
    raw_path: str
    """Percent-encoded path as sent, without the query."""
    raw_query: str
    """As sent, without the question mark."""
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WireResponse:
    """The remote's HTTP response as it came; the output of the S3Response is empty then."""

    status: int
    headers: tuple[tuple[str, str], ...]


class ListedObject(NamedTuple):
    """What a listing shows of an object."""

    etag: str
    size: int
    modified: float
    """Unix seconds."""


class MountHints(NamedTuple):
    """What only the mount says of its requests."""

    syncs_later: bool = False
    """Of a small write: when it is answered, it has to survive a kill of the agent, and a power cut
    only a moment later."""
    renames: ListedObject | None = None
    """Of a rename: the source, as a listing has shown it. The write queue accepts the rename while
    the remote is away, too. None: nothing is known of it."""
    shown: str = ""
    """Of a read: the ETag that a listing has shown to programs. The read cache does not answer with
    another version before it has asked the remote. "": no listing has shown the object."""


NO_HINTS = MountHints()


class PostedForm(NamedTuple):
    """What is known of a browser's form beside its object: it is not forwarded verbatim."""

    headers: tuple[tuple[str, str], ...]
    """Of the request with the form, as in WireRequest."""
    signature: str
    """The version of the signature of its policy, as the policies of buckets name it."""


@dataclass(slots=True, eq=False)
class RequestContext:
    """Who made a request, its deadline, and whether caches may answer.

    Treat it as immutable: derive() makes another. It is not frozen, since that costs a microsecond
    and there is one for each request.
    """

    request_id: str = ""
    """The client sees it as x-amz-request-id; calls made to answer the client's have the same."""
    principal: Principal | None = None
    """The caller, set by the S3 endpoint; None for the agent itself, which may do everything."""
    deadline: float | None = None
    """Time of the loop's clock after which no caller waits for the response; None: no limit."""
    bypass_cache: bool = False
    """The answer must be current: no layer may answer from a cache."""
    bypass_queue: bool = False
    """A multipart upload is begun at the remote itself, and so its parts go there too."""
    parent: str = ""
    """Background work has a request id of its own; this is that of the request that caused it."""
    client_address: str = ""
    """IP address of the client; "" for the agent itself and for the control API."""
    form: PostedForm | None = None
    """The object comes from a browser's form: POST instead of PUT."""
    replaces: str | None = None
    """For a write of the mount: the ETag of the only object that it may replace, "" for none. The
    write queue accepts it at once, and the push has the condition. None: the rules of S3."""
    mount: MountHints = NO_HINTS
    """What the mount knows, and others do not."""
    trace: TraceContext | None = None
    """The span that makes the request; without tracing the client's, unless it has sent none."""

    def derive(self, **changes: Any) -> RequestContext:
        """A copy with changes."""
        return replace(self, **changes)

    def log_fields(self, *, operation: str = "", bucket: str = "", key: str = "") -> RequestFields:
        """For the lines of the log that concern this request."""
        return RequestFields(
            request_id=self.request_id,
            write_request_id=self.parent,
            trace_id="" if self.trace is None else self.trace.trace_id,
            operation=operation,
            bucket=bucket,
            key=key,
        )


NO_CONTEXT = RequestContext()


@dataclass(slots=True)
class S3Request(Generic[In]):
    """One S3 operation asked of a store."""

    op: Operation
    input: In
    """AWS member name -> value; never the streaming Body."""
    body: Body | None = None
    wire: WireRequest | None = None
    """None for calls that the agent makes itself, and for requests that a layer has edited."""
    context: RequestContext = NO_CONTEXT

    @property
    def bucket(self) -> str:
        return str(self.input.get("Bucket", ""))

    @property
    def key(self) -> str:
        return str(self.input.get("Key", ""))

    def log_fields(self) -> RequestFields:
        """For the lines of the log that concern this request."""
        return self.context.log_fields(operation=self.op.name, bucket=self.bucket, key=self.key)

    def replace(self, **changes: Any) -> Self:
        """A copy with changes; what was edited is no longer verbatim, so wire is dropped."""
        return replace(self, wire=None, **changes)


@dataclass(slots=True)
class S3Response(Generic[Out]):
    """The response of a store."""

    output: Out
    body: Body | None = None
    status: int | None = None
    """None: the operation's own (206 and 304 are set here)."""
    wire: WireResponse | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Further headers that no member of the output names."""
    rendered_headers: dict[str, str] | None = None
    """For an output that is used repeatedly and must not be changed: its header lines by
    operation. The first serialization stores them here, and the store keeps them for the next."""
