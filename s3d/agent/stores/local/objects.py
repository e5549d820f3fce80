"""Objects: put, get, head, delete.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.conditions import byte_range, check_delete, check_write, range_applies
from s3d.agent.s3.encryption import MEMBERS as ENCRYPTION_MEMBERS
from s3d.agent.s3.encryption import CustomerKey
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import CREATED_POST, CREATED_PUT
from s3d.agent.s3.get_response import (
    NOT_MODIFIED,
    apply_response_overrides,
    not_modified,
    set_content_range,
)
from s3d.agent.s3.messages import Body, Members, RequestContext, S3Request, S3Response
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord, Description, ObjectRecord, Remembered, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.append import Appender
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import (
    check_bypass,
    check_object_lock,
    check_version_id,
    condition_of,
    find_bucket,
    find_version,
    has_default_retention,
)
from s3d.agent.stores.local.object_bodies import (
    ByteRange,
    Received,
    check_digest,
    look_and_open,
    receive,
)
from s3d.agent.stores.local.object_description import (
    checksum_members,
    description_of,
    is_locked,
    object_members,
    part_checksum_members,
    storage_class,
    stored_members,
)
from s3d.agent.stores.local.object_keys import ObjectKeys, customer_key_of_read
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.publish import Publisher

MAX_DELETES = 1_000

_PLAIN = frozenset({"Bucket", "Key", "ChecksumMode"})
"""Members of a request for the whole of an object, whatever it is."""


class _ReadResponse(NamedTuple):
    """The response to a GET or HEAD; span None: no body (304 Not Modified)."""

    stored: Stored
    output: Members
    span: ByteRange | None
    status: int | None
    rendered_headers: dict[str, str] | None = None
    customer_key: CustomerKey | None = None

    def response(self, body: Body | None = None) -> S3Response[Members]:
        return S3Response(self.output, body, self.status, rendered_headers=self.rendered_headers)


class _Plain(NamedTuple):
    """The cached response to a request of _PLAIN, while bucket is the bucket's record."""

    bucket: BucketRecord
    output: Members
    rendered_headers: dict[str, str]


class ObjectOps:
    """Handlers of the operations on objects, except listings, copies and multipart uploads."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        keys: ObjectKeys,
        publisher: Publisher,
        *,
        ownership: Ownership,
        expiration: Expiration,
        default_checksum: str,
        clock: Callable[[], float],
    ) -> None:
        """default_checksum: of objects that come without one; "": none. clock: Unix seconds."""
        self._index = index
        self._blobs = blobs
        self._keys = keys
        self._publisher = publisher
        self._ownership = ownership
        self._expiration = expiration
        self._default_checksum = default_checksum
        self._clock = clock
        self._appender = Appender(index, blobs, keys, publisher)

    @operation("PutObject")
    async def put_object(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        check_key(request.key)
        description, kept_in = description_of(input, self._clock()), storage_class(input)
        if input.get("WriteOffsetBytes") is not None:
            appended = await self._appender.append(request)
            if appended is not None:
                return appended
        # Before the body, so that a refusal costs no upload; again at the end, where it counts.
        if self._index.read_inline(partial(self._admit, request, description)):
            check_digest(request, "Object")
        is_silent = ENCRYPTION_MEMBERS.isdisjoint(input) and not self._keys.encrypts(request.bucket)
        chosen = None if is_silent else self._keys.requested(request)
        key = None if chosen is None else await self._keys.of_write(chosen)
        received = await receive(self._blobs, request, default=self._default_checksum, key=key)
        record = ObjectRecord(
            key=request.key,
            size=received.size,
            etag=received.etag,
            storage_class=kept_in,
            checksum=received.checksum,
            description=description if is_silent else self._keys.described(description, chosen),
            encryption=received.encryption,
        )
        publish = partial(self._publish, request, record, received)
        output = await self._index.write(
            publish, received.draft.discard, syncs_later=request.context.mount.syncs_later
        )
        if self._expiration.rules_of(request.bucket):
            output |= self._expiration.members_of(request.bucket, request.key)
        return S3Response(output if chosen is None else output | chosen.response_members())

    @operation("GetObject")
    def get_object(self, request: S3Request[Members]) -> Completed[Members]:
        input = request.input
        name = f"{input['Bucket']}/{input['Key']}"
        found, body = look_and_open(
            self._index, self._blobs, self._keys, partial(self._find, input), name
        )
        return Completed(
            S3Response(found.output, body, found.status, rendered_headers=found.rendered_headers)
        )

    @operation("HeadObject")
    def head_object(self, request: S3Request[Members]) -> Completed[Members]:
        found = self._index.read_inline(partial(self._find, request.input))
        return Completed(
            S3Response(found.output, status=found.status, rendered_headers=found.rendered_headers)
        )

    @operation("DeleteObject")
    async def delete_object(self, request: S3Request[Members]) -> S3Response[Members]:
        check_key(request.key)

        def delete(tx: Transaction) -> Members:
            bucket = find_bucket(tx, request.bucket)
            check_bypass(tx, bucket, request.input)
            return self._delete(tx, bucket, request.key, request.input, request.context)

        return S3Response(await self._index.write(delete, frees=True))

    @operation("DeleteObjects")
    async def delete_objects(self, request: S3Request[Members]) -> S3Response[Members]:
        """Each of them as DeleteObject would; all in one commit.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
        """
        wanted = request.input.get("Delete") or {}
        objects: Sequence[Mapping[str, Any]] = wanted.get("Objects") or ()
        if not 1 <= len(objects) <= MAX_DELETES or any(not one.get("Key") for one in objects):
            raise S3Error("MalformedXML")

        may_bypass = bool(request.input.get("BypassGovernanceRetention"))
        delete = partial(self._delete_all, request, objects, may_bypass)
        deleted, errors = await self._index.write(delete, frees=True)
        output: Members = {} if wanted.get("Quiet") else {"Deleted": deleted}
        return S3Response({**output, "Errors": errors} if errors else output)

    def _admit(self, request: S3Request[Members], description: Description, reader: Reader) -> bool:
        """Whether the object will be locked. Raises S3Error when it may not be put."""
        bucket = _admit(request, description, reader)
        self._ownership.of_new_object(reader, bucket, request)
        return is_locked(description) or has_default_retention(reader, bucket)

    def _publish(
        self,
        request: S3Request[Members],
        record: ObjectRecord,
        received: Received,
        tx: Transaction,
    ) -> Members:
        bucket = _admit(request, record.description, tx)
        record = self._ownership.owned(tx, bucket, request, record)
        context = request.context
        stored = self._publisher.put(
            tx,
            bucket,
            record,
            received.enter(tx),
            context=context,
            event=CREATED_POST if context.form is not None else CREATED_PUT,
        )
        return stored_members(stored)

    def _delete_all(
        self,
        request: S3Request[Members],
        objects: Sequence[Mapping[str, Any]],
        may_bypass: bool,
        tx: Transaction,
    ) -> tuple[list[Members], list[Members]]:
        """The result for each key: rows of deleted ones, rows of errors."""
        bucket = find_bucket(tx, request.bucket)
        check_bypass(tx, bucket, request.input)
        deleted, errors = [], []
        for one in objects:
            try:
                deleted.append(self._delete_one(tx, bucket, one, may_bypass, request.context))
            except S3Error as error:
                errors.append(_error_row(one, error))
        return deleted, errors

    def _delete_one(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        one: Mapping[str, Any],
        may_bypass: bool,
        context: RequestContext,
    ) -> Members:
        conditions = {
            "VersionId": one.get("VersionId"),
            "IfMatch": one.get("ETag"),
            "IfMatchLastModifiedTime": one.get("LastModifiedTime"),
            "IfMatchSize": one.get("Size"),
            "BypassGovernanceRetention": may_bypass,
        }
        check_key(one["Key"])
        given = {name: value for name, value in conditions.items() if value is not None}
        done = self._delete(tx, bucket, one["Key"], given, context)
        row = {"Key": one["Key"]}
        if one.get("VersionId"):
            row["VersionId"] = one["VersionId"]
        if done.get("DeleteMarker"):
            row |= {"DeleteMarker": True, "DeleteMarkerVersionId": done["VersionId"]}
        return row

    def _delete(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        key: str,
        input: Mapping[str, Any],
        context: RequestContext,
    ) -> Members:
        """DeleteObject inside an action; checks before it writes."""
        version_id = input.get("VersionId")
        if not version_id:
            check_delete({**input, "Key": key}, condition_of(tx.current(bucket.name, key.encode())))
            marker = self._publisher.delete(tx, bucket, key, context=context)
            # "whether (true) or not (false) the current version of the object is a delete marker"
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
            return _marker_members(marker) or {"DeleteMarker": False}
        check_version_id(version_id)
        stored = tx.version(bucket.name, key.encode(), version_id)
        if stored is None or not stored.record.delete_marker:
            check_delete({**input, "Key": key}, condition_of(stored))
        may_bypass = bool(input.get("BypassGovernanceRetention"))
        removed = self._publisher.delete_version(
            tx, bucket, key, version_id, may_bypass=may_bypass, context=context
        )
        if removed is not None and removed.delete_marker:
            return _marker_members(removed)
        return {"VersionId": version_id}

    def _find(self, input: Mapping[str, Any], reader: Reader) -> _ReadResponse:
        """The common part of GetObject and HeadObject: everything but the bytes.

        Nearly all requests for a hot object are the same, so that response is built once.
        """
        bucket = find_bucket(reader, input["Bucket"])
        stored = find_version(reader, bucket, input["Key"], input.get("VersionId"))
        if not isinstance(stored, Remembered) or not input.keys() <= _PLAIN:
            return self._judge(input, bucket, stored)
        shows_checksum = input.get("ChecksumMode") == "ENABLED"
        plain: _Plain | None = stored.made.get(shows_checksum)
        if plain is None or plain.bucket is not bucket:
            plain = _Plain(bucket, self._judge(input, bucket, stored).output, {})
            stored.made[shows_checksum] = plain
        return _ReadResponse(
            stored, plain.output, (0, stored.record.size), None, plain.rendered_headers
        )

    def _judge(
        self, input: Mapping[str, Any], bucket: BucketRecord, stored: Stored
    ) -> _ReadResponse:
        """Apply the conditions, overrides and range of a request to the object."""
        record = stored.record
        customer_key = customer_key_of_read(input, record)
        output = object_members(bucket, record)
        if not input.get("VersionId") and self._expiration.rules_of(bucket.name):
            output |= self._expiration.members(bucket.name, record)
        if customer_key is not None:
            output |= customer_key.members()
        unmodified = not_modified(input, output, record.modified)
        if unmodified is not None:
            return _ReadResponse(stored, unmodified, None, NOT_MODIFIED)
        apply_response_overrides(input, output)
        if record.description.tags:
            output["TagCount"] = len(record.description.tags)
        span = _span(input, stored, output)
        checksums = checksum_members(record.checksum)
        status = set_content_range(input, output, record.size, span, checksums)
        if input.get("PartNumber") is not None and input.get("ChecksumMode") == "ENABLED":
            output |= part_checksum_members(stored, input["PartNumber"])
        return _ReadResponse(
            stored, output, span or (0, record.size), status, customer_key=customer_key
        )


def _admit(request: S3Request[Members], description: Description, reader: Reader) -> BucketRecord:
    """The bucket, if the object may be put into it now. Raises S3Error."""
    bucket, input = find_bucket(reader, request.bucket), request.input
    if is_locked(description):
        check_object_lock(reader, bucket)
    if "IfMatch" in input or "IfNoneMatch" in input:
        check_write(input, condition_of(reader.current(bucket.name, request.key.encode())))
    return bucket


def _span(input: Mapping[str, Any], stored: Stored, output: Members) -> ByteRange | None:
    """The bytes that Range or PartNumber selects; None: the whole object."""
    header, number, record = input.get("Range"), input.get("PartNumber"), stored.record
    if header and not range_applies(input.get("IfRange"), record.etag, record.modified):
        header = None
    if number is None:
        return byte_range(header, stored.record.size) if header else None
    if header:
        message = "Cannot specify both Range header and partNumber query parameter"
        raise S3Error("InvalidRequest", message)
    parts = stored.layout.parts
    if not parts:
        if number != 1:
            raise S3Error("InvalidPartNumber", ActualPartCount=1, PartNumberRequested=number)
        return (0, stored.record.size) if stored.record.size else None
    output["PartsCount"] = len(parts)
    start = 0
    for part in parts:
        if part.number == number:
            return (start, part.size) if part.size else None
        start += part.size
    raise S3Error("InvalidPartNumber", ActualPartCount=len(parts), PartNumberRequested=number)


def _marker_members(marker: ObjectRecord | None) -> Members:
    if marker is None:
        return {}
    return {"DeleteMarker": True, "VersionId": marker.version_id}


def _error_row(one: Mapping[str, Any], error: S3Error) -> Members:
    row = {"Key": one["Key"], "Code": error.code, "Message": error.message}
    return {**row, "VersionId": one["VersionId"]} if one.get("VersionId") else row
