"""Objects as callers inside the agent see them: boto3's members as ObjectInfo, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ATTRIBUTES, header_text, member_value
from s3d.shared.control import ObjectInfo

PROTECTION: Mapping[str, str] = {
    "x-amz-acl": "ACL",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
}
"""Header -> member of PutObject, CopyObject and CreateMultipartUpload."""


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """What an object has beside its data."""

    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case HTTP name, of object_headers.ATTRIBUTES."""
    storage_class: str | None = None
    protection: Mapping[str, str] = field(default_factory=dict)
    """By lower-case HTTP name, of PROTECTION."""

    def members(self) -> Members:
        """As members of PutObject. Raises InvalidArgument for an Expires that is not an HTTP
        date."""
        members = [(ATTRIBUTES[name], text) for name, text in self.headers.items()]
        found: Members = {member: member_value(member, text) for member, text in members}
        own: Members = {
            "ContentType": self.content_type,
            "Metadata": dict(self.metadata),
            "Tagging": urlencode(self.tags),
            "StorageClass": self.storage_class,
        }
        own |= protection_members(self.protection)
        return found | {name: value for name, value in own.items() if value}


def protection_members(headers: Mapping[str, str]) -> Members:
    """The members for headers of PROTECTION."""
    return {PROTECTION[name]: value for name, value in headers.items()}


PLAIN = ObjectAttributes()


def object_info(bucket: str, key: str, output: Mapping[str, Any]) -> ObjectInfo:
    """An object by the output of GetObject or HeadObject. Raises S3Error for an answer without what
    S3 always sends."""
    for member in ("ETag", "LastModified"):
        if member not in output:
            raise _incomplete(member)
    return ObjectInfo(
        bucket=bucket,
        key=key,
        size=whole_size(output),
        etag=output["ETag"],
        last_modified=output["LastModified"].timestamp(),
        content_type=output.get("ContentType", ""),
        storage_class=output.get("StorageClass", "STANDARD"),
        version_id=output.get("VersionId"),
        metadata=output.get("Metadata", {}),
        headers={
            name: header_text(output[member])
            for name, member in ATTRIBUTES.items()
            if member in output
        },
        checksums={
            member.removeprefix("Checksum"): value
            for member, value in output.items()
            if member.startswith("Checksum") and member != "ChecksumType"
        },
    )


def whole_size(output: Mapping[str, Any]) -> int:
    """The size of the whole object, also if the output is of a range: bytes 0-9/SIZE.

    Raises S3Error when the remote's answer does not contain it: its server may send chunks.
    """
    total = str(output.get("ContentRange") or output.get("ContentLength")).rpartition("/")[2]
    if not total.isdecimal():
        raise _incomplete("ContentLength")
    return int(total)


def _incomplete(member: str) -> S3Error:
    return S3Error("ServiceUnavailable", f"The remote's answer has no {member}.")


def listed_info(bucket: str, row: Mapping[str, Any]) -> ObjectInfo:
    """An object, version or delete marker by its row in a listing."""
    return ObjectInfo(
        bucket=bucket,
        key=row["Key"],
        size=row.get("Size", 0),
        etag=row.get("ETag", ""),
        last_modified=row["LastModified"].timestamp(),
        storage_class=row.get("StorageClass", "STANDARD"),
        version_id=row.get("VersionId"),
        is_latest=row.get("IsLatest", False),
    )
