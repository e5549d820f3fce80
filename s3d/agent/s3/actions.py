"""The actions of IAM that an S3 operation needs, and on which resources. Pure.

One operation may need several: a copy reads its source, and a PutObject with tags needs
s3:PutObjectTagging as well. Which action an operation needs can depend on its members: GetObject of
a named version is s3:GetObjectVersion.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.acl import ACL_MEMBERS
from s3d.agent.s3.action_names import SPELLING, levels_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.key_scope import LISTINGS
from s3d.agent.s3.model import operations
from s3d.agent.s3.named_objects import parse_copy_source, parse_rename_source


class Need(NamedTuple):
    """One action on one resource that a request needs."""

    action: str
    """With its service, as in a policy: s3:GetObject."""
    bucket: str = ""
    """"": no bucket, as for s3:ListAllMyBuckets."""
    key: str = ""
    """"": the bucket itself."""
    version_id: str = ""
    """"": the current version."""
    is_secondary: bool = False
    """True for what a request does beside its main action, such as setting tags with PutObject. An
    identity policy has to allow it, and no policy may deny it; but a bucket policy that allows the
    main action need not name it, as in AWS's examples for s3:x-amz-grant-full-control."""

    if_match: str = ""
    """The ETag that a deletion names; "": it names none."""
    of_annotations: bool = False
    """Needed only if the source of a copy has annotations, which the copy gets too."""

    @property
    def resource(self) -> str:
        """The ARN of the bucket or object; arn:aws:s3:::* without a bucket."""
        return f"arn:aws:s3:::{self.bucket or '*'}" + (f"/{self.key}" if self.key else "")


_BUCKET_ACTIONS: Mapping[str, str] = {
    "CreateBucketMetadataConfiguration": "CreateBucketMetadataTableConfiguration",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketMetadataConfiguration": "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetadataConfiguration": "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""Operation on a bucket -> its action, where they have different names."""

_OBJECT_ACTIONS: Mapping[str, str] = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "HeadObject": "GetObject",
    "ListParts": "ListMultipartUploadParts",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Operation on an object -> its action, where they have different names."""

_OTHER_SERVICES: Mapping[str, str] = {
    "CreateSession": "s3express:CreateSession",
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListDirectoryBuckets": "s3express:ListAllMyDirectoryBuckets",
    "WriteGetObjectResponse": "s3-object-lambda:WriteGetObjectResponse",
}
"""Operations without a bucket as their resource, or of another service."""

_VERSION_ACTIONS: Mapping[str, str] = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "GetObjectTorrent": "GetObjectVersionTorrent",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
}
"""Action -> the action that a request with a version id needs in its place."""


SHOWN_WITH: Mapping[str, str] = {
    "ObjectLockLegalHoldStatus": "GetObjectLegalHold",
    "ObjectLockMode": "GetObjectRetention",
    "ObjectLockRetainUntilDate": "GetObjectRetention",
    "TagCount": "GetObjectTagging",
}
"""Members of the responses to GetObject and HeadObject that only a caller sees who may do this too.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html#API_HeadObject_ResponseSyntax
"""


def action_of(operation: str, scope: str, *, of_version: bool = False) -> str:
    """The main action of the named operation.

    scope: service, bucket or object, as in Operation. of_version: the request names a version. An
    operation of a newer model has the action of its own name.
    """
    if operation in _OTHER_SERVICES:
        return _OTHER_SERVICES[operation]
    actions = _OBJECT_ACTIONS if scope == "object" else _BUCKET_ACTIONS
    action = actions.get(operation, operation)
    return "s3:" + (_VERSION_ACTIONS.get(action, action) if of_version else action)


def need_of_action(text: str, bucket: str, key: str) -> Need:
    """The need of an action that a person names: s3:GetObject, getobject, or an operation.

    key: for an action on a bucket it must be empty, except the prefix of a listing. Raises S3Error
    InvalidArgument.
    """
    op = operations().get(text)
    name = text if ":" in text else f"s3:{text}"
    if op is not None:
        name = action_of(op.name, op.scope)
    action = SPELLING.get(name.lower())
    if action is None:
        hint = "write the name of an action of S3, such as s3:GetObject, or of an operation"
        raise S3Error("InvalidArgument", f"{text}: no such action: {hint}")
    is_on_object = "object" in levels_of(action)
    if is_on_object and not key:
        raise S3Error("InvalidArgument", f"{action} is on an object: write BUCKET/KEY")
    if key and not is_on_object and action not in LISTINGS:
        raise S3Error("InvalidArgument", f"{action} is on a bucket: leave out the key")
    return Need(action, bucket, key if is_on_object else "")


def needs_of(operation: str, scope: str, input: Mapping[str, Any]) -> list[Need]:
    """What a request needs, its main action first.

    DeleteObjects needs nothing by itself: each of its keys needs what delete_needs() says. Raises
    S3Error InvalidArgument for a copy source that is none.
    """
    if operation == "DeleteObjects":
        return []
    bucket, key = str(input.get("Bucket", "")), str(input.get("Key", ""))
    if scope != "object":
        key = ""
    version = str(input.get("VersionId") or "") if scope == "object" else ""
    main = Need(action_of(operation, scope, of_version=bool(version)), bucket, key, version)
    further = _FURTHER.get(operation)
    return [main] if further is None else [main, *further(input, main)]


def delete_needs(
    bucket: str, key: str, version_id: str, *, bypass: bool, if_match: str = ""
) -> list[Need]:
    """What the deletion of one key or version needs.

    bypass: of a retention in governance mode. if_match: the ETag that the object must have.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-delete-enforce.html
    """
    action = action_of("DeleteObject", "object", of_version=bool(version_id))
    needs = [Need(action, bucket, key, version_id, if_match=if_match)]
    if bypass:
        needs.append(Need("s3:BypassGovernanceRetention", bucket, key, version_id))
    return [*needs, *_compared(if_match, bucket, key)]


def source_needs(input: Mapping[str, Any]) -> list[Need]:
    """What a copy needs of its source: to read it, its tags unless they are replaced, and its
    annotations unless they are excluded."""
    bucket, key, version_id = parse_copy_source(input["CopySource"])
    names = ["GetObject"]
    if "UploadId" not in input and input.get("TaggingDirective") != "REPLACE":
        names.append("GetObjectTagging")
    needs = [
        Need(action_of(name, "object", of_version=bool(version_id)), bucket, key, version_id or "")
        for name in names
    ]
    if _copies_annotations(input):
        action = "s3:GetObjectAnnotation"
        needs.append(Need(action, bucket, key, version_id or "", of_annotations=True))
    return needs


def _copies_annotations(input: Mapping[str, Any]) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""
    return "UploadId" not in input and input.get("AnnotationDirective") != "EXCLUDE"


def _described(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    """What the attributes of a new object need."""
    if not ACL_MEMBERS.isdisjoint(input):
        yield _beside(main, "PutObjectAcl")
    if input.get("Tagging"):
        yield _beside(main, "PutObjectTagging")
    if input.get("ObjectLockMode") or input.get("ObjectLockRetainUntilDate"):
        yield _locking(main, "PutObjectRetention")
    if input.get("ObjectLockLegalHoldStatus"):
        yield _locking(main, "PutObjectLegalHold")


def _put(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    """An append shows the size, and its answer the ETag and checksum of what was there."""
    if input.get("WriteOffsetBytes") is not None:
        yield Need("s3:GetObject", main.bucket, main.key)
    yield from _complete(input, main)
    yield from _described(input, main)


def _complete(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    yield from _compared(str(input.get("IfMatch") or ""), main.bucket, main.key)


def _compared(etag: str, bucket: str, key: str) -> Iterator[Need]:
    """If-Match shows whether the object has an ETag, so it needs to read the object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    if etag and etag != "*":
        yield Need("s3:GetObject", bucket, key)


def _copy(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    yield from source_needs(input)
    if _copies_annotations(input):
        yield Need("s3:PutObjectAnnotation", main.bucket, main.key, of_annotations=True)
    yield from _described(input, main)


def _part_copy(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    yield from source_needs(input)


def _create_bucket(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    if not ACL_MEMBERS.isdisjoint(input):
        yield Need("s3:PutBucketAcl", main.bucket)
    if input.get("ObjectLockEnabledForBucket"):
        yield Need("s3:PutBucketVersioning", main.bucket)
        yield Need("s3:PutBucketObjectLockConfiguration", main.bucket)
    if input.get("ObjectOwnership"):
        yield Need("s3:PutBucketOwnershipControls", main.bucket)
    if (input.get("CreateBucketConfiguration") or {}).get("Tags"):
        yield Need("s3:TagResource", main.bucket)


def _delete(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    yield from _bypass(input, main)
    yield from _complete(input, main)


def _bypass(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    if input.get("BypassGovernanceRetention"):
        yield Need("s3:BypassGovernanceRetention", main.bucket, main.key, main.version_id)


def _attributes(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    """GetObjectAttributes is a HeadObject and a ListParts in one, and needs to read the object."""
    action = action_of("GetObject", "object", of_version=bool(main.version_id))
    yield Need(action, main.bucket, main.key, main.version_id)


def _rename(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    """Of each key that the source may mean: whichever exists is renamed."""
    for source in parse_rename_source(str(input.get("RenameSource") or ""), main.bucket):
        for action in ("s3:GetObject", "s3:DeleteObject"):
            yield Need(action, main.bucket, source)
    yield Need("s3:PutObject", main.bucket, main.key)


def _log(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    enabled = (input.get("BucketLoggingStatus") or {}).get("LoggingEnabled") or {}
    yield from _written(enabled.get("TargetBucket"), enabled.get("TargetPrefix"))


def _report(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    configuration = input.get("InventoryConfiguration") or {}
    yield from _exported((configuration.get("Destination") or {}).get("S3BucketDestination"))


def _analyze(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    analysis = (input.get("AnalyticsConfiguration") or {}).get("StorageClassAnalysis") or {}
    destination = (analysis.get("DataExport") or {}).get("Destination") or {}
    yield from _exported(destination.get("S3BucketDestination"))


def _replicate(input: Mapping[str, Any], main: Need) -> Iterator[Need]:
    for rule in (input.get("ReplicationConfiguration") or {}).get("Rules") or ():
        yield from _written((rule.get("Destination") or {}).get("Bucket"), "")


def _exported(destination: Mapping[str, Any] | None) -> Iterator[Need]:
    if destination:
        yield from _written(destination.get("Bucket"), destination.get("Prefix"))


def _written(bucket: Any, prefix: Any) -> Iterator[Need]:
    """What a setting needs that has objects written into another bucket, under a prefix.

    At AWS the policy of that bucket has to grant it to the service that writes. Here nobody has
    objects written where it may not write itself. bucket: its name or ARN.
    """
    if bucket:
        yield Need("s3:PutObject", str(bucket).rpartition(":")[2], f"{prefix or ''}*")


def _locking(main: Need, action: str) -> Need:
    """A lock keeps the owner of the bucket from deleting the object, so it is never granted along
    with the permission to write.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    return Need(f"s3:{action}", main.bucket, main.key)


def _beside(main: Need, action: str) -> Need:
    return Need(f"s3:{action}", main.bucket, main.key, is_secondary=True)


_FURTHER: Mapping[str, Callable[[Mapping[str, Any], Need], Iterator[Need]]] = {
    "CompleteMultipartUpload": _complete,
    "CopyObject": _copy,
    "CreateBucket": _create_bucket,
    "CreateMultipartUpload": _described,
    "DeleteObject": _delete,
    "GetObjectAttributes": _attributes,
    "PutBucketAnalyticsConfiguration": _analyze,
    "PutBucketInventoryConfiguration": _report,
    "PutBucketLogging": _log,
    "PutBucketReplication": _replicate,
    "PutObject": _put,
    "PutObjectRetention": _bypass,
    "RenameObject": _rename,
    "UploadPartCopy": _part_copy,
}
