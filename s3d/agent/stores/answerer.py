"""Decides who answers a request: the layer itself, the layer after asking the remote, or the
remote. One table for all layers, by member and by what is known of the object. Pure.

A validator that meets what is known here may be answered from here. One that does not may name
a newer version of another writer: the remote is asked before a client is refused, or is
given bytes that it did not ask for. Conditions: https://www.rfc-editor.org/rfc/rfc9110#section-13.1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol

from s3d.agent.s3.conditions import check_read
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.get_response import CONDITIONS, OVERRIDES


class Answerer(IntEnum):
    """Who answers a request, or carries it out.

    A request with several members gets the last one of this list that one of its members needs.
    """

    LAYER = 0
    """The layer, which may fetch the object for that if it does not have it."""
    LAYER_AFTER_REVALIDATION = 1
    """The layer, once the remote has confirmed its copy."""
    REMOTE = 2
    """Only the remote: the layer forwards the request."""


class Validators(Protocol):
    """What identifies a cached object."""

    @property
    def etag(self) -> str: ...

    @property
    def modified(self) -> datetime: ...


PLAIN_READ = frozenset(("Bucket", "Key", "ChecksumMode"))
"""Members of a read of the whole object, which has no conditions."""

_FOR_READ: Mapping[str, tuple[Answerer, Answerer]] = {
    # Member: when what is here meets it, and when it does not.
    "IfMatch": (Answerer.LAYER, Answerer.LAYER_AFTER_REVALIDATION),
    "IfUnmodifiedSince": (Answerer.LAYER, Answerer.LAYER_AFTER_REVALIDATION),
    # If-None-Match that is not met: 304, the client has the object.
    "IfNoneMatch": (Answerer.LAYER_AFTER_REVALIDATION, Answerer.LAYER),
    "IfModifiedSince": (Answerer.LAYER, Answerer.LAYER),
    **dict.fromkeys(PLAIN_READ | OVERRIDES.keys() | {"Range"}, (Answerer.LAYER, Answerer.LAYER)),
}
"""Members of GetObject and HeadObject that a layer can serve. All others (VersionId, PartNumber,
SSECustomerKey, ...) need the remote."""

_OVERRULED = {"IfUnmodifiedSince": "IfMatch", "IfModifiedSince": "IfNoneMatch"}
"""Dates count only where no entity tag was given: RFC 9110 section 13.2.2."""

REMOTE_ONLY_MEMBERS = frozenset(
    {
        "BypassGovernanceRetention",
        "ExpectedBucketOwner",
        "GrantWrite",
        "IfMatch",
        "IfMatchLastModifiedTime",
        "IfMatchSize",
        "IfNoneMatch",
        "MFA",
        "ObjectLockLegalHoldStatus",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "RequestPayer",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSEKMSEncryptionContext",
        "VersionId",
        "WriteOffsetBytes",
    }
)
"""Members of a write that only the remote can judge or carry out, or that a stage cannot keep."""

ACCOUNT_ACLS = frozenset({"aws-exec-read", "bucket-owner-full-control", "bucket-owner-read"})
"""Canned ACLs that name accounts: an agent has only one."""

PENDING_READ_REMOTE_ONLY = frozenset({"ExpectedBucketOwner", "SSECustomerAlgorithm", "VersionId"})
"""Members of a read of an object that is pending of which only the remote knows; its conditions
are judged by what is pending, which is the newest version."""

DELETION_REMOTE_ONLY = frozenset({"ETag", "LastModifiedTime", "Size", "VersionId"})
"""Members of an entry of DeleteObjects that only the remote can judge."""

WRITE_CONDITIONS = ("IfMatch", "IfNoneMatch")
"""Members by which a write depends on the current object of the key."""


def who_answers_read(input: Mapping[str, Any], known: Validators | None) -> Answerer:
    """Who answers a GetObject or HeadObject. known: what is here of the object."""
    if input.keys() <= PLAIN_READ:
        return Answerer.LAYER
    given = [name for name, value in input.items() if value not in (None, "")]
    if any(name not in _FOR_READ for name in given):
        return Answerer.REMOTE
    if known is None:
        return Answerer.LAYER if CONDITIONS.isdisjoint(given) else Answerer.REMOTE
    return max(_FOR_READ[name][not _meets(name, input, known)] for name in _deciding(given))


def who_carries_out_write(input: Mapping[str, Any]) -> Answerer:
    """Who carries out a write: LAYER, which stages it, or REMOTE."""
    if input.get("ACL") in ACCOUNT_ACLS:
        return Answerer.REMOTE
    return _unless(REMOTE_ONLY_MEMBERS, (name for name in input if input[name] is not None))


def who_answers_pending_read(input: Mapping[str, Any]) -> Answerer:
    """Who answers a read of an object that is pending: LAYER or REMOTE."""
    return _unless(PENDING_READ_REMOTE_ONLY, (name for name in input if input[name]))


def who_carries_out_deletion(entry: Mapping[str, Any]) -> Answerer:
    """Who carries out one entry of DeleteObjects: LAYER or REMOTE."""
    return _unless(DELETION_REMOTE_ONLY, (name for name in entry if entry[name] is not None))


def is_conditional_write(input: Mapping[str, Any]) -> bool:
    """Whether the write depends on the current object of the key."""
    return any(input.get(name) is not None for name in WRITE_CONDITIONS)


def _unless(remote_only: frozenset[str], given: Iterable[str]) -> Answerer:
    return Answerer.LAYER if remote_only.isdisjoint(given) else Answerer.REMOTE


def _deciding(given: Iterable[str]) -> list[str]:
    given = list(given)
    return [name for name in given if _OVERRULED.get(name) not in given]


def _meets(name: str, input: Mapping[str, Any], known: Validators) -> bool:
    """Whether the object that is known meets this one condition."""
    if name not in CONDITIONS:
        return True
    try:
        return not check_read({name: input[name]}, known.etag, known.modified.timestamp())
    except S3Error:
        return False
