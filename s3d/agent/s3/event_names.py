"""The types of event notifications, and which types a configuration selects. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
"""

from __future__ import annotations

from collections.abc import Iterable

CREATED_PUT = "ObjectCreated:Put"
CREATED_POST = "ObjectCreated:Post"
CREATED_COPY = "ObjectCreated:Copy"
CREATED_MULTIPART = "ObjectCreated:CompleteMultipartUpload"
REMOVED = "ObjectRemoved:Delete"
REMOVED_BY_MARKER = "ObjectRemoved:DeleteMarkerCreated"
EXPIRED = "LifecycleExpiration:Delete"
EXPIRED_BY_MARKER = "LifecycleExpiration:DeleteMarkerCreated"
TAGGED = "ObjectTagging:Put"
UNTAGGED = "ObjectTagging:Delete"
ACL_PUT = "ObjectAcl:Put"
TEST = "TestEvent"
"""The message that follows a new configuration."""

EMITTED = frozenset(
    {
        CREATED_PUT,
        CREATED_POST,
        CREATED_COPY,
        CREATED_MULTIPART,
        REMOVED,
        REMOVED_BY_MARKER,
        EXPIRED,
        EXPIRED_BY_MARKER,
        TAGGED,
        UNTAGGED,
        ACL_PUT,
    }
)
"""What s3d reports."""
_NOT_EMITTED = frozenset(
    {
        "ReducedRedundancyLostObject",
        "ObjectRestore:Post",
        "ObjectRestore:Completed",
        "ObjectRestore:Delete",
        "Replication:OperationFailedReplication",
        "Replication:OperationNotTracked",
        "Replication:OperationMissedThreshold",
        "Replication:OperationReplicatedAfterThreshold",
        "LifecycleTransition",
        "IntelligentTiering",
    }
)
"""A configuration may name them; they never happen here."""
_NEWER = ("LifecycleExpiration", "ObjectTagging", "ObjectAcl")
"""Types whose messages have version 2.3; all others have 2.1.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
_KNOWN = EMITTED | _NOT_EMITTED


def matching(selector: str) -> frozenset[str]:
    """The types that one Event of a configuration selects, such as "s3:ObjectCreated:*".

    Empty for a selector that S3 does not have.
    """
    start, colon, name = selector.partition(":")
    if start != "s3" or not colon:
        return frozenset()
    if name in _KNOWN:
        return frozenset({name})
    family = name.removesuffix("*")
    if family == name or not family.endswith(":"):
        return frozenset()
    return frozenset(known for known in _KNOWN if known.startswith(family))


def selected(selectors: Iterable[str]) -> frozenset[str]:
    """The types that all Events of a configuration select."""
    return frozenset[str]().union(*map(matching, selectors))


def version_of(name: str) -> str:
    """The eventVersion of a message."""
    return "2.3" if name.startswith(_NEWER) else "2.1"
