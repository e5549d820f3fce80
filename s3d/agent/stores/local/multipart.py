"""Multipart uploads: create, upload a part, complete, abort.

Completing an upload only lists the extents of its parts: no bytes are read or written.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from s3d.agent.core.store import operation
from s3d.agent.s3.checksums import COMPOSITE
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.encryption import SSE_C
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import etag_of_completion, same_etag
from s3d.agent.s3.event_names import CREATED_MULTIPART
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.s3.part_sizes import MAX_PARTS
from s3d.agent.s3.policy_conditions import CONDITION_MEMBERS
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    BucketRecord,
    Checksum,
    Layout,
    ObjectRecord,
    PartRecord,
    UploadRecord,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local import complete
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import (
    check_object_lock,
    condition_of,
    find_bucket,
    find_upload,
    release_upload,
)
from s3d.agent.stores.local.object_description import (
    checksum_members,
    description_of,
    encryption,
    is_locked,
    moment,
    storage_class,
    stored_members,
)
from s3d.agent.stores.local.object_keys import (
    ObjectKeys,
    check_completion,
    completion_headers,
    customer_key_members,
)
from s3d.agent.stores.local.object_puts import check_digest, receive
from s3d.agent.stores.local.ownership import Ownership, note_owner
from s3d.agent.stores.local.setting_rules import check_elements
from s3d.agent.stores.local.version_writer import VersionWriter


class PartSource(Protocol):
    """The source of a part: a received body, or bytes of another object."""

    @property
    def size(self) -> int: ...

    @property
    def etag(self) -> str: ...

    @property
    def checksum(self) -> Checksum | None: ...

    def enter(self, tx: Transaction) -> Layout:
        """Add references to the bytes for the part, and return their layout."""


class PartWriter:
    """Adds parts to unfinished uploads."""

    def __init__(self, index: Index, clock: Callable[[], float]) -> None:
        self._index = index
        self._clock = clock

    async def put(
        self,
        request: S3Request[Members],
        number: int,
        taken: PartSource,
        undo: Callable[[], None] | None = None,
    ) -> PartRecord:
        """Add a part, replacing one of the same number. Raises NoSuchUpload."""
        return await self._index.write(partial(self._put, request, number, taken), undo)

    def _put(
        self, request: S3Request[Members], number: int, taken: PartSource, tx: Transaction
    ) -> PartRecord:
        upload_id = request.input["UploadId"]
        find_upload(tx, request.bucket, request.key, upload_id)
        extents = taken.enter(tx).extents
        part = PartRecord(number, taken.size, taken.etag, self._clock(), extents, taken.checksum)
        replaced = tx.part(upload_id, number)
        if replaced is not None:
            tx.decref(Layout(replaced.extents))
        tx.put_part(request.bucket, upload_id, part, replaced)
        return part


class MultipartOps:
    """Handlers of multipart uploads."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        keys: ObjectKeys,
        version_writer: VersionWriter,
        parts: PartWriter,
        *,
        ownership: Ownership,
        expiration: Expiration,
        default_checksum: str,
        clock: Callable[[], float],
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._keys = keys
        self._version_writer = version_writer
        self._parts = parts
        self._ownership = ownership
        self._expiration = expiration
        self._default_checksum = default_checksum
        self._clock = clock

    @operation("CreateMultipartUpload")
    async def create_multipart_upload(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        check_key(request.key)
        algorithm, kind = complete.checksum_of_upload(input)
        now = self._clock()
        description = description_of(input, now)
        self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
        chosen = self._keys.requested(request)
        key = None if chosen is None else await self._keys.of_write(chosen)
        upload = UploadRecord(
            id=f"{int(now * 1e6):016x}{secrets.token_hex(16)}",
            key=request.key,
            initiated=now,
            storage_class=storage_class(input),
            description=self._keys.described(description, chosen),
            checksum_algorithm=algorithm,
            checksum_kind=kind,
            encryption=None if key is None else key.encryption,
            condition_members={name: input[name] for name in CONDITION_MEMBERS & input.keys()},
        )

        def create(tx: Transaction) -> None:
            bucket = find_bucket(tx, request.bucket)
            if is_locked(upload.description):
                check_object_lock(tx, bucket)
            tx.put_upload(bucket.name, self._ownership.owned_upload(tx, bucket, request, upload))

        await self._index.write(create)
        output: Members = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload.id}
        output |= self._expiration.members_of_upload(request.bucket, upload)
        if algorithm:
            output |= {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        if chosen is not None:
            output |= chosen.response_members()
        return S3Response({**output, **encryption(upload.description)})

    @operation("UploadPart")
    async def upload_part(self, request: S3Request[Members]) -> S3Response[Members]:
        """Parts are always files, however small, so that a multipart object consists of files
        only."""
        input = request.input
        number = check_part_number(input)
        upload = self._index.read_inline(
            lambda reader: find_upload(reader, request.bucket, request.key, input["UploadId"])
        )
        if is_locked(upload.description):
            check_digest(request, "Part")
        key = self._keys.of_part(request, upload)
        received = await receive(
            self._blobs,
            request,
            algorithm=upload.checksum_algorithm,
            must_be_sent=upload.checksum_kind == COMPOSITE,
            default=default_of_parts(upload, self._default_checksum),
            inline=0,
            key=key,
            part=number,
        )
        part = await self._parts.put(request, number, received, received.draft.discard)
        output = {
            "ETag": part.etag,
            **checksum_members(part.checksum),
            **encryption(upload.description),
            **customer_key_members(input, upload.encryption),
        }
        output.pop("ChecksumType", None)
        return S3Response(output)

    @operation("CompleteMultipartUpload")
    async def complete_multipart_upload(self, request: S3Request[Members]) -> S3Response[Members]:
        if request.body is not None and (request.body.size or 0) > INLINE:
            await asyncio.to_thread(check_elements, request)
        else:
            check_elements(request)
        requested = complete.wanted_parts(request.input)
        output = await self._index.write(partial(self._publish, request, requested))
        output |= self._expiration.members_of(request.bucket, request.key)
        return S3Response(output, headers=completion_headers(request.input))

    @operation("AbortMultipartUpload")
    async def abort_multipart_upload(self, request: S3Request[Members]) -> S3Response[Members]:
        def abort(tx: Transaction) -> None:
            upload = find_upload(tx, request.bucket, request.key, request.input["UploadId"])
            initiated = request.input.get("IfMatchInitiatedTime")
            if initiated is not None and initiated != moment(upload.initiated):
                raise S3Error("PreconditionFailed", Condition="x-amz-if-match-initiated-time")
            release_upload(request.bucket, upload, tx)

        await self._index.write(abort, frees=True)
        return S3Response({})

    def _publish(
        self,
        request: S3Request[Members],
        requested: Sequence[Mapping[str, Any]],
        tx: Transaction,
    ) -> Members:
        input = request.input
        bucket, key = find_bucket(tx, input["Bucket"]), input["Key"].encode()
        upload = tx.upload(bucket.name, key, input["UploadId"])
        if upload is None:
            return _completed(tx, bucket, input)
        check_completion(input, upload)
        parts = tx.parts(upload.id)
        chosen = complete.choose(parts, requested, upload)
        complete.check_size(chosen, input)
        checksum = complete.checksum_of_object(upload, chosen, input)
        check_write(input, condition_of(tx.current(bucket.name, key)))
        record, layout = complete.assemble(upload, chosen, checksum)
        note_owner(tx, bucket, record.owner)
        tx.drop_upload(bucket.name, upload)
        for part in set(parts) - set(chosen):
            tx.decref(Layout(part.extents))
        completed = self._version_writer.put(
            tx, bucket, record, layout, context=request.context, event=CREATED_MULTIPART
        )
        return _answer(bucket, completed)


def default_of_parts(upload: UploadRecord, default: str) -> str:
    """The checksum that is computed of parts without one: none with SSE-C.

    As AWS was measured: https://github.com/localstack/localstack/pull/12401
    """
    encryption = upload.encryption
    return "" if encryption is not None and encryption.method == SSE_C else default


def check_part_number(input: Mapping[str, Any]) -> int:
    """Raises InvalidArgument."""
    number = int(input["PartNumber"])
    if not 1 <= number <= MAX_PARTS:
        raise S3Error(
            "InvalidArgument",
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    return number


def _completed(reader: Reader, bucket: BucketRecord, input: Mapping[str, Any]) -> Members:
    """Repeat the response, if the object is still the result of this upload and of these parts.

    A client that lost the first response repeats the request. Raises NoSuchUpload otherwise.
    """
    current = reader.object(bucket.name, input["Key"].encode())
    if (
        current is None
        or current.upload_id != input["UploadId"]
        or not same_etag(current.etag, etag_of_completion(input))
    ):
        raise S3Error("NoSuchUpload", UploadId=input["UploadId"])
    return _answer(bucket, current)


def _answer(bucket: BucketRecord, record: ObjectRecord) -> Members:
    return {
        "Location": f"/{bucket.name}/{quote(record.key)}",
        "Bucket": bucket.name,
        "Key": record.key,
        **stored_members(record),
    }
