"""Which objects a write may change, and what its outcome means for their cached entries. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol, TypeGuard

from s3d.agent.core.failures import Unreachable, may_have_happened
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, Members, S3Request, S3Response
from s3d.agent.s3.named_objects import BUCKET_WRITES, written_objects
from s3d.agent.stores.read_cache.last_listing import Change, date

HARMLESS = frozenset(
    (
        "AbortMultipartUpload",
        "CreateBucket",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
    )
)
"""Operations that change something and no object. All others that are no reads make the cache
forget, including unknown ones, so that a new operation cannot leave outdated entries."""


class Effect(Enum):
    """What happens to the entries of the objects that a write names."""

    NONE = "none"
    """The remote did not receive the write: the entries stay valid."""
    DOUBT = "doubt"
    """It was refused, or its outcome is unknown. The entries are revalidated before their next use;
    while the remote is unreachable they are stale, but not older than an acknowledged write."""
    FORGET = "forget"
    """The write succeeded."""


_UNLISTED = frozenset(
    (
        "DeleteObjectTagging",
        "PutObjectAcl",
        "PutObjectLegalHold",
        "PutObjectRetention",
        "PutObjectTagging",
        "RestoreObject",
    )
)
"""Writes that change nothing that a listing shows."""


def listing_changes(
    request: S3Request[Any], response: S3Response[Any], now: float
) -> list[Change] | None:
    """What a write that was carried out changes in listings of its bucket; None: anything.

    now: Unix seconds.
    """
    name, key, input = request.op.name, request.key, request.input
    if name in _UNLISTED or (not key and name.startswith(BUCKET_WRITES)):
        return []
    if name == "DeleteObjects":
        known = response.wire is None and not response.output.get("Errors")
        objects = (input.get("Delete") or {}).get("Objects") or ()
        return [Change(str(o.get("Key")), None, known and not o.get("VersionId")) for o in objects]
    if not key:
        return None
    if name == "DeleteObject":
        return [Change(key, None, not input.get("VersionId"))]
    row = _row_of(request, response, now) if name == "PutObject" else None
    if row is not None:
        return [Change(key, row)]
    return [Change(other, None, is_known=False) for _, other in written_objects(request)]


def unknown_listing_changes(request: S3Request[Any]) -> list[Change] | None:
    """What a write whose outcome is unknown may have changed in listings; None: anything."""
    if request.op.name in _UNLISTED:
        return []
    keys = [key for _, key in written_objects(request)]
    return None if "" in keys else [Change(key, None, is_known=False) for key in keys]


def _row_of(request: S3Request[Any], response: S3Response[Any], now: float) -> Members | None:
    headers = {} if response.wire is None else dict(response.wire.headers)
    etag = response.output.get("ETag") or headers.get("etag")
    size = 0 if request.body is None else request.body.size
    if not etag or size is None or request.input.get("WriteOffsetBytes") is not None:
        return None
    return {
        "Key": request.key,
        "LastModified": date(now),
        "ETag": etag,
        "Size": size,
        "StorageClass": request.input.get("StorageClass") or "STANDARD",
    }


def row_of_head(key: str, output: Members) -> Members:
    """The row of an object in a listing. output: of HeadObject, without a range."""
    return {
        "Key": key,
        "LastModified": output.get("LastModified"),
        "ETag": output.get("ETag"),
        "Size": output.get("ContentLength"),
        "StorageClass": output.get("StorageClass") or "STANDARD",
    }


def effect_of(error: BaseException | None, status: int | None) -> Effect:
    """error: the exception of the write, if it raised. status: of a forwarded response."""
    if isinstance(error, S3Error):
        cause = error.failure
        never_sent = isinstance(cause, Unreachable) and not cause.sent
        return Effect.NONE if never_sent else Effect.DOUBT
    if error is not None or (status is not None and status >= 300):
        return Effect.DOUBT
    return Effect.FORGET


def may_have_changed(error: BaseException | None, status: int | None) -> bool:
    """Whether a write that did not succeed may have been carried out."""
    if error is None:
        return status is not None and status >= 500
    return may_have_happened(error) if isinstance(error, S3Error) else True


Name = tuple[str, str]


class Entries(Protocol):
    """Cached state that writes invalidate. key "": all objects of the bucket."""

    def forget(self, bucket: str, key: str) -> None:
        """Drop what is cached, and do as superseded()."""

    def mark_stale(self, bucket: str, key: str) -> None: ...

    def superseded(self, bucket: str, key: str) -> None:
        """Let fetches in progress get no further readers."""

    async def committed(self) -> None:
        """Return when no forgotten entry can reappear after a crash."""


@dataclass
class Invalidation:
    """Passes writes on.

    on_done gets each write that succeeded, with its response; on_unknown each that failed but may
    have taken effect.
    """

    inner: ObjectStore
    entries: Entries
    on_done: Callable[[S3Request[Any], S3Response[Any]], None]
    on_unknown: Callable[[S3Request[Any]], None]
    count: int = 0
    """Incremented at the start and end of each write: earlier responses may be outdated."""
    under_way: dict[Name, int] = field(default_factory=dict)
    """The number of writes of each name that have begun and not ended; empty while nobody
    writes."""

    def is_under_way(self, name: Name) -> bool:
        """Whether the object, or all of its bucket, is being written."""
        return name in self.under_way or (name[0], "") in self.under_way

    async def pass_on(
        self, request: S3Request[Any], *, is_pending: bool = False
    ) -> S3Response[Any]:
        """Pass it on. is_pending: the write queue lists the write until its outcome is known."""
        names = list(written_objects(request))
        self._begin(names)
        try:
            response = await self.inner.call(request)
        except BaseException as error:
            self._end(names, effect_of(error, None))
            if not is_pending and may_have_changed(error, None):
                self.on_unknown(request)
            raise
        status = None if response.wire is None else response.wire.status
        effect = effect_of(None, status)
        if effect is Effect.FORGET and response.wire is not None and _has_bytes(response.body):
            # Of some operations the head of the answer comes before the deed.
            self._apply(names, effect)
            ended = self._followed(request, response, names)
            return replace(response, body=_Followed(response.body, ended))
        self._end(names, effect)
        if effect is Effect.FORGET:
            self.on_done(request, response)
            await self.entries.committed()
        elif not is_pending and may_have_changed(None, status):
            self.on_unknown(request)
        return response

    def _followed(
        self, request: S3Request[Any], response: S3Response[Any], names: list[Name]
    ) -> Callable[[bool], Awaitable[None]]:
        async def ended(whole: bool) -> None:
            self._end(names, Effect.FORGET)
            if whole:
                self.on_done(request, response)
                await self.entries.committed()
            else:
                self.on_unknown(request)

        return ended

    def _begin(self, names: list[Name]) -> None:
        self.count += 1
        for name in names:
            self.under_way[name] = self.under_way.get(name, 0) + 1
            self.entries.superseded(*name)

    def _end(self, names: list[Name], effect: Effect) -> None:
        for name in names:
            left = self.under_way.pop(name) - 1
            if left:
                self.under_way[name] = left
        self._apply(names, effect)

    def _apply(self, names: list[Name], effect: Effect) -> None:
        self.count += 1
        for name in names:
            if effect is Effect.FORGET:
                self.entries.forget(*name)
                continue
            self.entries.superseded(*name)
            if effect is Effect.DOUBT:
                self.entries.mark_stale(*name)


def _has_bytes(body: Body | None) -> TypeGuard[Body]:
    return body is not None and body.size != 0


class _Followed:
    """A body that reports its end, and whether it was complete, before its last bytes are given."""

    def __init__(self, body: Body, ended: Callable[[bool], Awaitable[None]]) -> None:
        self._body = body
        self._ended = ended
        self._is_over = False
        self.size = body.size

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        last = b""
        async for chunk in self._body:
            if last:
                yield last
            last = chunk
        await self._end(True)
        if last:
            yield last

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            await self._end(False)

    async def _end(self, whole: bool) -> None:
        if not self._is_over:
            self._is_over = True
            await self._ended(whole)
