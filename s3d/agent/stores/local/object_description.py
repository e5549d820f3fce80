"""The description of an object, as requests give it and as responses show it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from s3d.agent.s3.checksums import FULL_OBJECT, member_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.model import service
from s3d.agent.s3.model_overrides import UNSUPPORTED_MEMBERS
from s3d.agent.s3.object_headers import DESCRIPTION, ENCRYPTION, OBJECT_LOCK
from s3d.agent.s3.object_lock import check_end
from s3d.agent.storage.records import (
    NULL_VERSION,
    STANDARD,
    BucketRecord,
    Checksum,
    Description,
    ObjectRecord,
    Stored,
)
from s3d.agent.stores.local.lookup import shown_version
from s3d.agent.stores.local.tagging import parse_header

MAX_METADATA = 2 << 10
"""Bytes of all names and values of the user's metadata together."""

DEFAULT_TYPE = "binary/octet-stream"


def description_of(input: Mapping[str, Any], now: float) -> Description:
    """The description in the input of PutObject, CopyObject or CreateMultipartUpload, without its
    list of grants (ownership.py). now: Unix seconds. Raises S3Error."""
    headers = {
        name: value
        for name in DESCRIPTION
        if name in input and (value := input[name]) not in (None, "")
    }
    headers.setdefault("ContentType", DEFAULT_TYPE)
    _strip_transfer_coding(headers)
    _check_headers(headers, input, now)
    return Description(
        headers=headers,
        metadata=_metadata(input.get("Metadata") or {}),
        tags=parse_header(tagging) if (tagging := input.get("Tagging")) else {},
    )


def is_locked(description: Description) -> bool:
    """Whether the request sets a retention or a legal hold."""
    return not description.headers.keys().isdisjoint(OBJECT_LOCK)


def storage_class(input: Mapping[str, Any]) -> str:
    """The storage class of the request. Raises InvalidStorageClass."""
    wanted = str(input.get("StorageClass", STANDARD))
    if wanted not in service().shapes["StorageClass"].enum:
        raise S3Error("InvalidStorageClass", StorageClassRequested=wanted)
    return wanted


def _metadata(given: Mapping[str, str]) -> dict[str, str]:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in given.items())
    if size > MAX_METADATA:
        raise S3Error("MetadataTooLarge", Size=size, MaxSizeAllowed=MAX_METADATA)
    return {name.lower(): value for name, value in given.items()}


def _strip_transfer_coding(headers: dict[str, Any]) -> None:
    """aws-chunked in Content-Encoding is about the request and not about the object.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    coding = headers.get("ContentEncoding")
    if coding is None or "aws-chunked" not in coding:
        return
    kept = [part for part in coding.split(",") if part.strip() != "aws-chunked"]
    if kept:
        headers["ContentEncoding"] = ",".join(kept).strip()
    else:
        del headers["ContentEncoding"]


def _check_headers(headers: Mapping[str, Any], input: Mapping[str, Any], now: float) -> None:
    if not input.keys().isdisjoint(UNSUPPORTED_MEMBERS):
        header = next(each for name, each in UNSUPPORTED_MEMBERS.items() if name in input)
        raise S3Error("NotImplemented", Header=header)
    location = headers.get("WebsiteRedirectLocation")
    if location is not None and not location.startswith(("/", "http://", "https://")):
        message = "The website redirect location must have a prefix of http, https or /"
        raise S3Error("InvalidRequest", message)
    if ("ObjectLockMode" in headers) != ("ObjectLockRetainUntilDate" in headers):
        message = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be "
        raise S3Error("InvalidArgument", message + "supplied")
    until = headers.get("ObjectLockRetainUntilDate")
    if until is not None:
        check_end(until, argument="x-amz-object-lock-retain-until-date", now=now)


def moment(time: float) -> datetime:
    """A time in whole seconds, as in S3."""
    return second(int(time))


@lru_cache(1_024)
def second(time: int) -> datetime:
    """The second that begins at this time. Objects of one listing were often written in the same
    one."""
    return datetime.fromtimestamp(time, UTC)


def object_members(bucket: BucketRecord, record: ObjectRecord) -> Members:
    """The members of GetObject and HeadObject, without length, range and checksum."""
    description = record.description
    members: Members = {
        "AcceptRanges": "bytes",
        "LastModified": moment(record.modified),
        "ETag": record.etag,
        "Metadata": description.metadata,
        **description.headers,
        **shown_version(bucket, record),
    }
    if record.storage_class != STANDARD:
        members["StorageClass"] = record.storage_class
    return members


def stored_members(record: ObjectRecord, *, composed: bool = False) -> Members:
    """The members of responses to writes such as PutObject; composed: made of other objects.

    Where versioning is suspended a write has the version id null, and AWS does not show it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_ResponseSyntax
    """
    members = encryption(record.description)
    if record.version_id != NULL_VERSION:
        members["VersionId"] = record.version_id
    if not composed:
        members["ETag"] = record.etag
        members |= checksum_members(record.checksum)
    return members


def encryption(description: Description) -> Members:
    return {name: description.headers[name] for name in ENCRYPTION if name in description.headers}


def checksum_members(checksum: Checksum | None) -> Members:
    if checksum is None:
        return {}
    return {member_of(checksum.algorithm): checksum.value, "ChecksumType": checksum.kind}


def part_checksum_members(stored: Stored, number: int) -> Members:
    """The checksum of a part, with which a client verifies the bytes that it gets. A full-object
    checksum is only shown with the whole, which may be one part."""
    checksum, parts = stored.record.checksum, stored.layout.parts
    if checksum is None or checksum.kind == FULL_OBJECT:
        return checksum_members(checksum) if len(parts) <= 1 else {}
    values = [part.checksum for part in parts if part.number == number and part.checksum]
    if not values:
        return {}
    return {member_of(checksum.algorithm): values[0], "ChecksumType": checksum.kind}
