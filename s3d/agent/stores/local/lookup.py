"""Look up the bucket, version or upload of a request, or raise S3's error for a missing one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from s3d.agent.s3.conditions import Current
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.scalars import http_time
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    NULL_VERSION,
    BucketRecord,
    Description,
    Layout,
    ObjectRecord,
    Stored,
    UploadRecord,
    seq_of,
)
from s3d.agent.storage.transaction import Transaction

OBJECT_LOCK = "object-lock"
"""Query word of the setting of a bucket that switches object lock on."""


decode_setting: Callable[[bytes], Members] = msgspec.msgpack.Decoder(Members).decode
"""A setting of a bucket: the output of its Get operation."""


def find_bucket(reader: Reader, name: str) -> BucketRecord:
    """Raises NoSuchBucket."""
    record = reader.bucket(name)
    if record is None:
        raise S3Error("NoSuchBucket", BucketName=name)
    return record


def find_version(
    reader: Reader, bucket: BucketRecord, key: str, version_id: str | None = None
) -> Stored:
    """The named version, or the current one: an object, never a delete marker.

    Raises NoSuchKey, NoSuchVersion, and MethodNotAllowed for the version id of a delete marker.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """
    name = key.encode()
    if not version_id:
        stored = reader.current(bucket.name, name)
        if stored is None:
            raise _no_such_key(reader, bucket, key)
        return stored
    check_version_id(version_id)
    stored = reader.version(bucket.name, name, version_id)
    if stored is None:
        raise S3Error("NoSuchVersion", Key=key, VersionId=version_id)
    if stored.record.delete_marker:
        raise _is_delete_marker(stored.record)
    return stored


def find_changeable(
    reader: Reader, bucket: BucketRecord, key: str, version_id: str | None = None
) -> Stored:
    """As find_version, for a request that changes the version: a delete marker is a 405 then, not a
    404, also when it is not named."""
    if not version_id and bucket.versioning and reader.current(bucket.name, key.encode()) is None:
        newest = reader.newest_version(bucket.name, key.encode())
        if newest is not None and newest.record.delete_marker:
            raise _is_delete_marker(newest.record)
    return find_version(reader, bucket, key, version_id)


def find_destination(reader: Reader, bucket: BucketRecord, arn: str) -> BucketRecord | None:
    """The bucket that something of a bucket is to be written to; None: it does not exist.

    Raises AccessDenied for one of another account: the agent would write there with its own rights.
    """
    found = reader.bucket(arn.rpartition(":")[2])
    if found is not None and found.owner != bucket.owner:
        message = "The destination bucket belongs to another account."
        raise S3Error("AccessDenied", message, DestinationBucket=found.name)
    return found


def find_upload(reader: Reader, bucket: str, key: str, upload_id: str) -> UploadRecord:
    """Raises NoSuchBucket or NoSuchUpload."""
    find_bucket(reader, bucket)
    upload = reader.upload(bucket, key.encode(), upload_id)
    if upload is None:
        raise S3Error("NoSuchUpload", UploadId=upload_id)
    return upload


def release_upload(bucket: str, upload: UploadRecord, tx: Transaction) -> bool:
    """Remove an unfinished upload and its parts; False when it is gone already."""
    if tx.upload(bucket, upload.key.encode(), upload.id) is None:
        return False
    for part in tx.parts(upload.id):
        tx.decref(Layout(part.extents))
    tx.drop_upload(bucket, upload)
    return True


def has_object_lock(reader: Reader, bucket: BucketRecord) -> bool:
    """Whether object lock was enabled at the bucket's creation, or by a setting."""
    return bucket.object_lock or reader.setting(bucket.name, OBJECT_LOCK) is not None


def object_lock_configuration(reader: Reader, bucket: BucketRecord) -> Members:
    """The ObjectLockConfiguration of a bucket; empty when it has none of its own."""
    stored = reader.setting(bucket.name, OBJECT_LOCK)
    if stored is None:
        return {}
    return dict(decode_setting(stored)["ObjectLockConfiguration"])


def has_default_retention(reader: Reader, bucket: BucketRecord) -> bool:
    """Whether a new version of an object gets a retention."""
    if bucket.versioning != "Enabled":
        return False
    rule = object_lock_configuration(reader, bucket).get("Rule") or {}
    return bool(rule.get("DefaultRetention"))


def check_object_lock(reader: Reader, bucket: BucketRecord) -> None:
    """Raises InvalidRequest for a bucket without object lock."""
    if not has_object_lock(reader, bucket):
        raise S3Error("InvalidRequest", "Bucket is missing Object Lock Configuration")


def check_bypass(reader: Reader, bucket: BucketRecord, input: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for a bypass of governance in a bucket without object lock."""
    if input.get("BypassGovernanceRetention") is not None and not has_object_lock(reader, bucket):
        name = "x-amz-bypass-governance-retention"
        message = f"{name} is only applicable to Object Lock enabled buckets."
        raise S3Error("InvalidArgument", message, ArgumentName=name)


def check_version_id(version_id: str) -> None:
    """Raises InvalidArgument for text that is not a version id."""
    if version_id != NULL_VERSION and seq_of(version_id) is None:
        raise S3Error(
            "InvalidArgument",
            "Invalid version id specified",
            ArgumentName="versionId",
            ArgumentValue=version_id,
        )


def shown_version(bucket: BucketRecord, record: ObjectRecord) -> dict[str, str]:
    """The VersionId member, in buckets where versioning was ever enabled."""
    return {"VersionId": record.version_id} if bucket.versioning else {}


def condition_of(stored: Stored | None) -> Current | None:
    """The state of the object that conditions of writes are evaluated against."""
    if stored is None:
        return None
    record = stored.record
    return record.etag, record.modified, record.size


def _no_such_key(reader: Reader, bucket: BucketRecord, key: str) -> S3Error:
    newest = reader.newest_version(bucket.name, key.encode()) if bucket.versioning else None
    if newest is None:
        return S3Error("NoSuchKey", Key=key)
    return S3Error("NoSuchKey", Key=key, DeleteMarker="true", VersionId=newest.record.version_id)


def _is_delete_marker(marker: ObjectRecord) -> S3Error:
    return S3Error(
        "MethodNotAllowed",
        ResourceType="DeleteMarker",
        Allow="DELETE",
        DeleteMarker="true",
        VersionId=marker.version_id,
        LastModified=http_time(marker.modified),
    )


def update_metadata(
    tx: Transaction,
    bucket: BucketRecord,
    key: str,
    version_id: str | None,
    change: Callable[[Description], Description],
) -> ObjectRecord:
    """Update the metadata of a version, by default the current one. Raises like find_changeable."""
    stored = find_changeable(tx, bucket, key, version_id)
    record = stored.record
    revised = replace(record, description=change(record.description))
    put_revised(tx, bucket, stored, revised)
    return revised


def put_revised(
    tx: Transaction,
    bucket: BucketRecord,
    stored: Stored,
    record: ObjectRecord,
    layout: Layout | None = None,
) -> None:
    """Write another record of the same version, current or not. layout: of the same blobs."""
    current = tx.current(bucket.name, record.key.encode())
    revised = Stored(record, layout or stored.layout)
    if current is not None and current.record.seq == record.seq:
        tx.put_current(bucket.name, revised, stored.record)
    else:
        tx.drop_version(bucket.name, stored.record)
        tx.put_version(bucket.name, revised)
