"""The settings of buckets: kept as they were put and given back; a table, and six handlers for all.

What is kept is the very output of the Get operation, under the query word of the setting ("cors"),
or "word/Id" for the configurations that have an Id. A setting goes with its bucket.

KEPT and ENFORCED say which settings change what the store does. Tags, versioning and location are
not here: they are the business of tags.py, versions.py and buckets.py. Without a handler, so that
the answer is NotImplemented: the deprecated forms of lifecycle and notification, and the metadata
tables, which are made of services outside S3.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from s3d.agent.s3 import acl
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import decode_token, encode_token
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.model import Shape, service
from s3d.agent.store.index import Index
from s3d.agent.store.local import setting_rules as rules
from s3d.agent.store.reader import Reader
from s3d.agent.store.records import BucketRecord
from s3d.agent.store.store import Ready, operation
from s3d.agent.store.transaction import Transaction

Request = S3Request[Members]
Response = S3Response[Members]

PAGE = 100
"""Configurations in one answer of a List...Configurations."""

MAX_CONFIGURATIONS = 1000


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of setting, by the operations that put, get and delete it."""

    put: str
    get: str
    delete: str = ""
    absent: str | Members = ""
    """The error code, or the answer, when nothing was put."""
    check: Callable[[Any], None] | None = None
    """Rules beyond the model's; raises S3Error."""
    admit: Callable[[Reader, str, Any], None] | None = None
    """Rules about the bucket; raises S3Error."""
    implied: Callable[[BucketRecord], Members | None] | None = None
    """The answer that the bucket itself gives when nothing was put."""
    beside: Members = field(default_factory=dict)
    """Members of the answer that are put beside the payload, with their defaults."""


def _logging_target_exists(reader: Reader, bucket: str, status: Mapping[str, Any]) -> None:
    target = (status.get("LoggingEnabled") or {}).get("TargetBucket")
    if target is not None and reader.bucket(target) is None:
        raise S3Error("InvalidTargetBucketForLogging", TargetBucket=target)


def _born_with_lock(record: BucketRecord) -> Members | None:
    """CreateBucket can enable object lock."""
    enabled = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    return enabled if record.object_lock else None


def _is_versioned(reader: Reader, bucket: str, configuration: Any) -> None:
    record = reader.bucket(bucket)
    if record is None or record.versioning != "Enabled":
        message = "Versioning must be 'Enabled' on the bucket to apply this configuration"
        code = "InvalidBucketState" if "ObjectLockEnabled" in configuration else "InvalidRequest"
        raise S3Error(code, message)


SETTINGS: tuple[Setting, ...] = (
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
        "PutBucketEncryption",
        "GetBucketEncryption",
        "DeleteBucketEncryption",
        absent="ServerSideEncryptionConfigurationNotFoundError",
        check=rules.check_encryption,
    ),
    Setting(
        "PutBucketLifecycleConfiguration",
        "GetBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        absent="NoSuchLifecycleConfiguration",
        check=rules.check_lifecycle,
        beside={"TransitionDefaultMinimumObjectSize": "all_storage_classes_128K"},
    ),
    Setting(
        "PutBucketLogging",
        "GetBucketLogging",
        absent={},
        admit=_logging_target_exists,
    ),
    Setting(
        "PutBucketNotificationConfiguration",
        "GetBucketNotificationConfiguration",
        absent={},
    ),
    Setting(
        "PutBucketOwnershipControls",
        "GetBucketOwnershipControls",
        "DeleteBucketOwnershipControls",
        absent="OwnershipControlsNotFoundError",
        check=rules.check_ownership,
    ),
    Setting(
        "PutBucketPolicy",
        "GetBucketPolicy",
        "DeleteBucketPolicy",
        absent="NoSuchBucketPolicy",
        check=rules.check_policy,
    ),
    Setting(
        "PutBucketReplication",
        "GetBucketReplication",
        "DeleteBucketReplication",
        absent="ReplicationConfigurationNotFoundError",
        admit=_is_versioned,
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

FAMILIES = ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
"""Settings of which a bucket has several, by Id: Put, Get, Delete and List of each."""

ENFORCED = frozenset({"cors"})
"""Settings, by query word, that s3d acts upon: CORS, in the S3 endpoint."""

KEPT = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "policy",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "retention",
        "website",
    }
)
"""Settings, by query word, that are given back as they were put and change nothing."""

_BY_OPERATION: Mapping[str, Setting] = {
    name: setting
    for setting in SETTINGS
    for name in (setting.put, setting.get, setting.delete)
    if name
}


class SettingOps:
    """Handlers of the settings of buckets."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        self._index = index
        self._clock = clock

    @operation(*(setting.put for setting in SETTINGS))
    async def put_setting(self, request: Request) -> Response:
        setting = _BY_OPERATION[request.op.name]
        value = _payload(request)
        if setting.check is not None:
            setting.check(value)
        beside = {
            name: request.input.get(name, default) for name, default in setting.beside.items()
        }
        answer = service().output_of(setting.get)
        kept = _encode({answer.payload: value} if answer.payload else value | beside)

        def put(tx: Transaction) -> None:
            _check_bucket(tx, request.bucket)
            if setting.admit is not None:
                setting.admit(tx, request.bucket, value)
            tx.put_setting(request.bucket, _word(request), kept)

        await self._index.write(put)
        return S3Response(beside)

    @operation(*(setting.get for setting in SETTINGS))
    def get_setting(self, request: Request) -> Ready[Members]:
        setting = _BY_OPERATION[request.op.name]
        kept = self._look(request.bucket, _word(request), setting.implied)
        if kept is not None:
            return Ready(S3Response(kept))
        if isinstance(setting.absent, str):
            raise S3Error(setting.absent, BucketName=request.bucket)
        return Ready(S3Response(dict(setting.absent)))

    @operation(*(setting.delete for setting in SETTINGS if setting.delete))
    async def delete_setting(self, request: Request) -> Response:
        return await self._write(request.bucket, _word(request), None)

    @operation("GetBucketPolicyStatus")
    def get_policy_status(self, request: Request) -> Ready[Members]:
        kept = self._look(request.bucket, "policy")
        if kept is None:
            raise S3Error("NoSuchBucketPolicy", BucketName=request.bucket)
        public = rules.is_public(json.loads(kept["Policy"]))
        return Ready(S3Response({"PolicyStatus": {"IsPublic": public}}))

    @operation("PutBucketAcl")
    async def put_bucket_acl(self, request: Request) -> Response:
        granted = acl.requested(request.input, acl.OWNER)
        if granted is None:
            raise S3Error("MissingSecurityHeader", MissingHeaderName="x-amz-acl")
        return await self._write(request.bucket, "acl", granted)

    @operation("GetBucketAcl")
    def get_bucket_acl(self, request: Request) -> Ready[Members]:
        return Ready(S3Response(self._look(request.bucket, "acl") or acl.private(acl.OWNER)))

    @operation(*(f"PutBucket{family}Configuration" for family in FAMILIES))
    async def put_configuration(self, request: Request) -> Response:
        value = _payload(request)
        if value["Id"] != request.input["Id"]:
            raise S3Error("InvalidConfigurationId")
        word, kept = _word(request), _encode(value)

        def put(tx: Transaction) -> None:
            _check_bucket(tx, request.bucket)
            others = _ids(tx.settings(request.bucket), word) - {value["Id"]}
            if len(others) >= MAX_CONFIGURATIONS:
                raise S3Error("TooManyConfigurations")
            tx.put_setting(request.bucket, f"{word}/{value['Id']}", kept)

        await self._index.write(put)
        return S3Response({})

    @operation(*(f"GetBucket{family}Configuration" for family in FAMILIES))
    def get_configuration(self, request: Request) -> Ready[Members]:
        kept = self._look(request.bucket, f"{_word(request)}/{request.input['Id']}")
        if kept is None:
            raise S3Error("NoSuchConfiguration")
        payload = service().output_of(request.op.name).payload
        return Ready(S3Response({str(payload): kept}))

    @operation(*(f"DeleteBucket{family}Configuration" for family in FAMILIES))
    async def delete_configuration(self, request: Request) -> Response:
        name = f"{_word(request)}/{request.input['Id']}"

        def delete(tx: Transaction) -> None:
            _check_bucket(tx, request.bucket)
            if tx.setting(request.bucket, name) is None:
                raise S3Error("NoSuchConfiguration")
            tx.put_setting(request.bucket, name, None)

        await self._index.write(delete)
        return S3Response({})

    @operation(*(f"ListBucket{family}Configurations" for family in FAMILIES))
    async def list_configurations(self, request: Request) -> Response:
        token = request.input.get("ContinuationToken")
        after = b"" if token is None else decode_token(token)
        word = _word(request)

        def look(reader: Reader) -> list[tuple[str, bytes]]:
            _check_bucket(reader, request.bucket)
            kept = reader.settings(request.bucket)
            ids = sorted(_ids(kept, word))
            return [(id, kept[f"{word}/{id}"]) for id in ids if id.encode() > after][: PAGE + 1]

        found = await self._index.read(look)
        output: Members = {"IsTruncated": len(found) > PAGE}
        if token is not None:
            output["ContinuationToken"] = token
        if len(found) > PAGE:
            output["NextContinuationToken"] = encode_token(found[PAGE - 1][0].encode())
        output[_list_member(service().output_of(request.op.name))] = [
            _decode(kept) for _, kept in found[:PAGE]
        ]
        return S3Response(output)

    def _look(
        self,
        bucket: str,
        name: str,
        implied: Callable[[BucketRecord], Members | None] | None = None,
    ) -> Members | None:
        """What is kept under the name, else what the bucket implies. Raises NoSuchBucket."""

        def look(reader: Reader) -> Members | None:
            record = _check_bucket(reader, bucket)
            kept = reader.setting(bucket, name)
            if kept is not None:
                return _decode(kept)
            return implied(record) if implied is not None else None

        return self._index.look(look)

    async def _write(self, bucket: str, name: str, value: Members | None) -> Response:
        kept = None if value is None else _encode(value)

        def put(tx: Transaction) -> None:
            _check_bucket(tx, bucket)
            tx.put_setting(bucket, name, kept)

        await self._index.write(put)
        return S3Response({})


_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Members] = msgspec.msgpack.Decoder(Members).decode


def _check_bucket(reader: Reader, bucket: str) -> BucketRecord:
    record = reader.bucket(bucket)
    if record is None:
        raise S3Error("NoSuchBucket", BucketName=bucket)
    return record


def _word(request: Request) -> str:
    """The query word of the setting that an operation is about."""
    return str(request.op.subresource)


def _payload(request: Request) -> Any:
    """What a Put puts, checked against the model. Raises MalformedXML."""
    shape = service().input_of(request.op.name)
    name = str(shape.payload)
    value = request.input.get(name)
    if value is None:
        raise S3Error("MalformedXML")
    rules.check_shape(value, shape.members[name].shape)
    return value


def _ids(settings: Mapping[str, bytes], word: str) -> set[str]:
    """The Ids of the configurations of a family."""
    family = f"{word}/"
    return {name.removeprefix(family) for name in settings if name.startswith(family)}


def _list_member(answer: Shape) -> str:
    """The member of a List...Configurations that holds them."""
    return next(name for name in answer.members if name.endswith("ConfigurationList"))
