"""What S3 shows of the records: members of answers, and rows of listings. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ENCRYPTION
from s3d.agent.storage.records import (
    STANDARD,
    BucketRecord,
    Checksum,
    Description,
    ObjectRecord,
    ObjectRow,
)
from s3d.agent.stores.local.lookup import shown_version


def moment(time: float) -> datetime:
    """Whole seconds, as S3 counts them."""
    return _second(int(time))


def object_members(bucket: BucketRecord, record: ObjectRecord) -> Members:
    """What GetObject and HeadObject say of an object, without length, range and checksum."""
    about = record.about
    members: Members = {
        "AcceptRanges": "bytes",
        "LastModified": moment(record.modified),
        "ETag": record.etag,
        "Metadata": about.metadata,
        **about.headers,
        **shown_version(bucket, record),
    }
    if record.storage_class != STANDARD:
        members["StorageClass"] = record.storage_class
    return members


def stored_members(
    bucket: BucketRecord, record: ObjectRecord, *, composed: bool = False
) -> Members:
    """What PutObject and its relatives say of what they stored; composed: of other objects."""
    members = {**shown_version(bucket, record), **encryption(record.about)}
    if not composed:
        members["ETag"] = record.etag
        members |= checksum_members(record.checksum)
    return members


def encryption(about: Description) -> Members:
    return {name: about.headers[name] for name in ENCRYPTION if name in about.headers}


def checksum_members(checksum: Checksum | None) -> Members:
    if checksum is None:
        return {}
    return {member_of(checksum.algorithm): checksum.value, "ChecksumType": checksum.kind}


def row(record: ObjectRow) -> dict[str, Any]:
    """An object in a listing."""
    members = {
        "Key": record.key,
        "LastModified": moment(record.modified),
        "ETag": record.etag,
        "Size": record.size,
        "StorageClass": record.storage_class,
    }
    if record.checksum is not None:
        members["ChecksumAlgorithm"] = [record.checksum.algorithm]
        members["ChecksumType"] = record.checksum.kind
    return members


@lru_cache(1_024)
def _second(time: int) -> datetime:
    # Objects of one listing were often written in the same second.
    return datetime.fromtimestamp(time, UTC)
