"""What a write may change of objects, and what its outcome means for what is cached. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from s3d.agent.core.failures import Unreachable, may_have_happened
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
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
forget, also those that no model names: so a new one cannot make it lie."""

_OF_BUCKETS = ("PutBucket", "DeleteBucket", "CreateBucket", "UpdateBucket")


class Effect(Enum):
    """What becomes of the entries of the objects that a write names."""

    NONE = "none"
    """The remote never got it: they are as right as before."""
    DOUBT = "doubt"
    """It was refused, or nobody knows whether it was carried out. The remote is asked before they
    are believed; while it is away they are stale, but older than no acknowledged write."""
    FORGET = "forget"
    """It was carried out."""


def changed(request: S3Request[Any]) -> Iterator[tuple[str, str]]:
    """(bucket, key) of the objects; key "": all of the bucket."""
    name, bucket = request.op.name, request.bucket
    if name == "DeleteObjects":
        wanted = request.input.get("Delete") or {}
        for one in wanted.get("Objects") or ():
            yield bucket, str(one.get("Key") or "")
    elif request.key:
        yield bucket, request.key
        if name == "RenameObject":
            yield bucket, str(request.input.get("RenameSource", "")).partition("/")[2]
    elif name == "DeleteBucket" or not name.startswith(_OF_BUCKETS):
        yield bucket, ""


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
"""Writes that change nothing of what a listing says."""


def listing_changes(
    request: S3Request[Any], response: S3Response[Any], now: float
) -> list[Change] | None:
    """What a write that was carried out changes in listings of its bucket; None: anything.

    now: Unix seconds.
    """
    name, key, input = request.op.name, request.key, request.input
    if name in _UNLISTED or (not key and name.startswith(_OF_BUCKETS)):
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
    return [Change(other, None, is_known=False) for _, other in changed(request)]


def unknown_listing_changes(request: S3Request[Any]) -> list[Change] | None:
    """What a write whose outcome is unknown may have changed in listings; None: anything."""
    if request.op.name in _UNLISTED:
        return []
    keys = [key for _, key in changed(request)]
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
    """What a listing says of an object. output: of HeadObject, without a range."""
    return {
        "Key": key,
        "LastModified": output.get("LastModified"),
        "ETag": output.get("ETag"),
        "Size": output.get("ContentLength"),
        "StorageClass": output.get("StorageClass") or "STANDARD",
    }


def effect_of(error: BaseException | None, status: int | None) -> Effect:
    """error: what the write ended with, if it raised. status: of an answer that was forwarded."""
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
