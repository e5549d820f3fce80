"""The settings of buckets, stored and returned as they were put: a table, and handlers for all.

Each setting is stored as the output of its Get operation, under its query parameter ("cors").
A setting goes with its bucket. ENFORCED and STORED_ONLY say which change what s3d does.

Of their own: default encryption (bucket_encryption.py), configurations by Id (configurations.py),
ACLs (acls.py), event notifications (notifications.py), object lock of versions (locks.py), tags,
versioning and location. Without a handler, so that the answer is NotImplemented: the deprecated
forms of lifecycle and notification, and the metadata tables, which are made of services outside S3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.model import service
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local import setting_rules as rules
from s3d.agent.stores.local.access_settings import admit_ownership, admit_policy
from s3d.agent.stores.local.lifecycle_rules import assign_ids, check_lifecycle
from s3d.agent.stores.local.lookup import decode_setting, find_bucket, find_destination


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of setting, by the operations that put, get and delete it."""

    put: str
    get: str
    delete: str = ""
    absent: str | Members = ""
    """The error code, or the response, when the setting is not set."""
    check: Callable[[Any], None] | None = None
    """Rules beyond the model's; raises S3Error."""
    admit: Callable[[Reader, BucketRecord, Any], None] | None = None
    """Rules about the bucket; raises S3Error."""
    implied: Callable[[BucketRecord], Members | None] | None = None
    """The response of the bucket itself when the setting is not set."""
    fill: Callable[[Any], Any] | None = None
    """The payload with what S3 adds to it before it is stored."""
    beside: Members = field(default_factory=dict)
    """Members of the answer that are put beside the payload, with their defaults."""


def _logging_target_exists(reader: Reader, bucket: BucketRecord, status: Mapping[str, Any]) -> None:
    target = (status.get("LoggingEnabled") or {}).get("TargetBucket")
    if target is None:
        return
    found = reader.bucket(target)
    if found is None:
        raise S3Error("InvalidTargetBucketForLogging", TargetBucket=target)
    if found.owner != bucket.owner:
        message = "The owner for the bucket to be logged and the target bucket must be the same."
        raise S3Error("InvalidTargetBucketForLogging", message, TargetBucket=target)


def _born_with_lock(record: BucketRecord) -> Members | None:
    """CreateBucket can enable object lock."""
    enabled = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    return enabled if record.object_lock else None


def _is_versioned(reader: Reader, bucket: BucketRecord, configuration: Any) -> None:
    if bucket.versioning != "Enabled":
        message = "Versioning must be 'Enabled' on the bucket to apply this configuration"
        code = "InvalidBucketState" if "ObjectLockEnabled" in configuration else "InvalidRequest"
        raise S3Error(code, message)


def _can_replicate(reader: Reader, bucket: BucketRecord, configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-requirements.html"""
    _is_versioned(reader, bucket, configuration)
    for rule in configuration["Rules"]:
        destination = find_destination(reader, bucket, rule["Destination"]["Bucket"])
        if destination is None:
            raise S3Error("InvalidRequest", "Destination bucket must exist.")
        if destination.versioning != "Enabled":
            raise S3Error("InvalidRequest", "Destination bucket must have versioning enabled.")


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "PutBucketAbac",
        "GetBucketAbac",
        absent={"AbacStatus": {"Status": "Disabled"}},
    ),
    Setting(
        "PutBucketAccelerateConfiguration",
        "GetBucketAccelerateConfiguration",
        absent={},
        check=rules.check_accelerate,
    ),
    Setting(
        "PutBucketCors",
        "GetBucketCors",
        "DeleteBucketCors",
        absent="NoSuchCORSConfiguration",
        check=rules.check_cors,
    ),
    Setting(
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        absent="NoSuchLifecycleConfiguration",
        check=check_lifecycle,
        fill=assign_ids,
        beside={"TransitionDefaultMinimumObjectSize": "all_storage_classes_128K"},
    ),
    Setting(
        "PutBucketLogging",
        "GetBucketLogging",
        absent={},
        admit=_logging_target_exists,
    ),
    Setting(
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        absent="OwnershipControlsNotFoundError",
        check=rules.check_ownership,
        admit=admit_ownership,
    ),
    Setting(
        "PutBucketPolicy",
        "GetBucketPolicy",
        "DeleteBucketPolicy",
        absent="NoSuchBucketPolicy",
        admit=admit_policy,
    ),
    Setting(
        "PutBucketReplication",
        "GetBucketReplication",
        "DeleteBucketReplication",
        absent="ReplicationConfigurationNotFoundError",
        admit=_can_replicate,
        fill=assign_ids,
    ),
    Setting(
        "PutBucketRequestPayment",
        "GetBucketRequestPayment",
        absent={"Payer": "BucketOwner"},
    ),
    Setting(
        "PutBucketWebsite",
        "GetBucketWebsite",
        "DeleteBucketWebsite",
        absent="NoSuchWebsiteConfiguration",
        check=rules.check_website,
    ),
    Setting(
        "PutObjectLockConfiguration",
        "GetObjectLockConfiguration",
        absent="ObjectLockConfigurationNotFoundError",
        check=rules.check_object_lock,
        admit=_is_versioned,
        implied=_born_with_lock,
    ),
    Setting(
        "PutPublicAccessBlock",
        "GetPublicAccessBlock",
        "DeletePublicAccessBlock",
        absent="NoSuchPublicAccessBlockConfiguration",
    ),
)

ENFORCED: Mapping[str, str] = {
    "acl": "access control lists",
    "cors": "CORS rules",
    "encryption": "default encryption",
    "inventory": "inventory configurations",
    "legal-hold": "legal holds",
    "lifecycle": "lifecycle rules",
    "logging": "access logging",
    "notification": "event notifications",
    "object-lock": "object lock",
    "ownershipControls": "ownership controls",
    "policy": "bucket policies",
    "publicAccessBlock": "public access block",
    "retention": "retention",
    "website": "website hosting",
}
"""Settings that s3d acts upon: query word -> name for people. CORS: in the S3 endpoint; those that
decide about access: in stores/access."""

STORED_ONLY: Mapping[str, str] = {
    "abac": "attribute-based access control",
    "accelerate": "transfer acceleration",
    "analytics": "analytics configurations",
    "intelligent-tiering": "intelligent tiering",
    "metrics": "metrics configurations",
    "replication": "replication",
    "requestPayment": "request payment",
}
"""Settings that are returned as they were put and have no effect: the user guide lists them by
these names."""

_BY_OPERATION: Mapping[str, Setting] = {
    name: setting
    for setting in SETTINGS
    for name in (setting.put, setting.get, setting.delete)
    if name
}


class SettingOps:
    """Handlers of the settings of which a bucket has one."""

    def __init__(self, index: Index, on_put: Callable[[str, str], None]) -> None:
        """on_put: called with the query word of a setting and its bucket, once it is durable."""
        self._index = index
        self._on_put = on_put

    @operation(*(setting.put for setting in SETTINGS))
    async def put_setting(self, request: S3Request[Members]) -> S3Response[Members]:
        setting = _BY_OPERATION[request.op.name]
        value = rules.checked_payload_of(request)
        if setting.check is not None:
            setting.check(value)
        if setting.fill is not None:
            value = setting.fill(value)
        given = request.input
        beside = {name: given.get(name, default) for name, default in setting.beside.items()}
        payload = service().output_of(setting.get).payload
        kept = _encode({payload: value} if payload else value | beside)

        def put(tx: Transaction) -> None:
            bucket = find_bucket(tx, request.bucket)
            if setting.admit is not None:
                setting.admit(tx, bucket, value)
            tx.put_setting(bucket.name, _word(request), kept)

        await self._index.write(put)
        self._on_put(_word(request), request.bucket)
        return S3Response(beside)

    @operation(*(setting.get for setting in SETTINGS))
    def get_setting(self, request: S3Request[Members]) -> Completed[Members]:
        setting = _BY_OPERATION[request.op.name]

        def look(reader: Reader) -> Members | None:
            bucket = find_bucket(reader, request.bucket)
            kept = reader.setting(bucket.name, _word(request))
            if kept is not None:
                return decode_setting(kept)
            return setting.implied(bucket) if setting.implied is not None else None

        kept = self._index.read_inline(look)
        if kept is not None:
            return Completed(S3Response(kept))
        if isinstance(setting.absent, str):
            raise S3Error(setting.absent, BucketName=request.bucket)
        return Completed(S3Response(dict(setting.absent)))

    @operation(*(setting.delete for setting in SETTINGS if setting.delete))
    async def delete_setting(self, request: S3Request[Members]) -> S3Response[Members]:
        def delete(tx: Transaction) -> None:
            tx.put_setting(find_bucket(tx, request.bucket).name, _word(request), None)

        await self._index.write(delete)
        return S3Response({})


_encode = msgspec.msgpack.Encoder().encode


def _word(request: S3Request[Members]) -> str:
    """The query parameter of the setting, which is also its name in the store."""
    return str(request.op.subresource)
