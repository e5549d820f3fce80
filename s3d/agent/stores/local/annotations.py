"""Annotations of objects: named texts of up to 1 MiB that go with a version.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/annotations-overview.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3 import checksums
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import matches_any
from s3d.agent.s3.listing import decode_token, encode_token
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response
from s3d.agent.storage.annotation_rows import (
    AnnotationRecord,
    annotation,
    annotation_page,
    drop_annotation,
    put_annotation,
)
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord, Encryption, ObjectRecord, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.annotation_encryption import (
    AnnotationEncryption,
    encrypted,
    encryption_members,
)
from s3d.agent.stores.local.lookup import find_bucket, find_version, put_revised
from s3d.agent.stores.local.object_description import checksum_members, moment
from s3d.agent.stores.local.object_puts import receive

MAX_ANNOTATIONS = 1_000
MAX_NAME = 512
"""Bytes of UTF-8."""
MAX_PAYLOAD = 1 << 20
"""Bytes."""
_PAGE = 1_000


class AnnotationOps:
    """Handlers of annotations."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        encryption: AnnotationEncryption,
        clock: Callable[[], float],
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._encryption = encryption
        self._clock = clock

    @operation("PutObjectAnnotation")
    async def put_object_annotation(self, request: S3Request[Members]) -> S3Response[Members]:
        name = _checked_name(request.input)
        size = request.body.size if request.body is not None else 0
        if size is not None and not 1 <= size <= MAX_PAYLOAD:
            raise _bad_size(size)
        _, found = self._index.read_inline(partial(_find, request.input))
        received = await receive(
            self._blobs, request, default=checksums.DEFAULT, inline=MAX_PAYLOAD
        )
        payload = received.draft.data
        if not payload:  # longer than it said, or empty
            received.draft.discard()
            raise _bad_size(received.size)
        try:
            payload.decode()
        except UnicodeDecodeError as error:
            raise S3Error("UnsupportedMediaType") from error
        key = await self._encryption.key_of(found.record.encryption)
        plain = AnnotationRecord(
            name, len(payload), received.etag, self._clock(), received.checksum
        )
        new, stored = encrypted(plain, payload, key)
        put = partial(_put, request.input, found.record.encryption, new, stored)
        bucket, record = await self._index.write(put)
        return S3Response(
            {
                "Key": record.key,
                "AnnotationName": name,
                "ETag": new.etag,
                **_version(bucket, record),
                **encryption_members(new),
                **checksum_members(new.checksum),
            }
        )

    @operation("GetObjectAnnotation")
    def get_object_annotation(self, request: S3Request[Members]) -> Completed[Members]:
        input = request.input
        name = _checked_name(input)

        def look(reader: Reader) -> tuple[Members, bytes]:
            bucket, stored = _find(input, reader)
            found = annotation(reader, bucket.name, stored.record, name)
            if found is None:
                raise S3Error("NoSuchAnnotation", AnnotationName=name)
            record, payload = found
            shows_checksum = input.get("ChecksumMode") == "ENABLED"
            return {
                "LastModified": moment(record.modified),
                "ContentLength": record.size,
                "ETag": record.etag,
                **_version(bucket, stored.record),
                **encryption_members(record),
                **(checksum_members(record.checksum) if shows_checksum else {}),
            }, self._encryption.decrypted(record, payload)

        output, payload = self._index.read_inline(look)
        return Completed(S3Response(output, BytesBody(payload)))

    @operation("ListObjectAnnotations")
    async def list_object_annotations(self, request: S3Request[Members]) -> S3Response[Members]:
        return S3Response(await self._index.read_in_thread(partial(_list, request.input)))

    @operation("DeleteObjectAnnotation")
    async def delete_object_annotation(self, request: S3Request[Members]) -> S3Response[Members]:
        """Succeeds without such an annotation, too: the reference names no error for it."""
        name = _checked_name(request.input)
        bucket, record = await self._index.write(partial(_delete, request.input, name))
        return S3Response(_version(bucket, record))


def _find(input: Mapping[str, Any], reader: Reader) -> tuple[BucketRecord, Stored]:
    """The version that is named. Raises PreconditionFailed for another ETag than ObjectIfMatch."""
    bucket = find_bucket(reader, input["Bucket"])
    stored = find_version(reader, bucket, input["Key"], input.get("VersionId"))
    condition = input.get("ObjectIfMatch")
    if condition is not None and not matches_any(condition, stored.record.etag):
        raise S3Error("PreconditionFailed", Condition="x-amz-object-if-match")
    return bucket, stored


def _put(
    input: Mapping[str, Any],
    encryption: Encryption | None,
    new: AnnotationRecord,
    stored_payload: bytes,
    tx: Transaction,
) -> tuple[BucketRecord, ObjectRecord]:
    """encryption: of the object that the annotation was encrypted for."""
    bucket, stored = _find(input, tx)
    record = stored.record
    if record.encryption != encryption:
        raise S3Error("OperationAborted")
    if annotation(tx, bucket.name, record, new.name) is None:
        if record.annotations >= MAX_ANNOTATIONS:
            raise S3Error("AnnotationLimitExceeded")
        record = replace(record, annotations=record.annotations + 1)
        put_revised(tx, bucket, stored, record)
    put_annotation(tx, bucket.name, record, new, stored_payload)
    return bucket, record


def _delete(
    input: Mapping[str, Any], name: str, tx: Transaction
) -> tuple[BucketRecord, ObjectRecord]:
    bucket, stored = _find(input, tx)
    record = stored.record
    if record.annotations and drop_annotation(tx, bucket.name, record, name):
        record = replace(record, annotations=record.annotations - 1)
        put_revised(tx, bucket, stored, record)
    return bucket, record


def _list(input: Mapping[str, Any], reader: Reader) -> Members:
    bucket, stored = _find(input, reader)
    prefix, token = input.get("AnnotationPrefix") or "", input.get("ContinuationToken")
    if len(prefix.encode()) > MAX_NAME:
        raise S3Error("InvalidPrefix")
    limit = min(_PAGE, int(input.get("MaxAnnotationResults") or _PAGE))
    after = decode_token(token).decode() if token else ""
    found = annotation_page(reader, bucket.name, stored.record, prefix, after, limit + 1)
    page = found[:limit]
    output: Members = {
        "Annotations": [_entry(record) for record in page],
        "Bucket": bucket.name,
        "Key": stored.record.key,
        "MaxAnnotationResults": limit,
        "AnnotationCount": len(page),
        **_version(bucket, stored.record),
    }
    if prefix:
        output["AnnotationPrefix"] = prefix
    if token is not None:
        output["ContinuationToken"] = token
    if len(found) > limit:
        output["NextContinuationToken"] = encode_token(page[-1].name.encode())
    return output


def _entry(record: AnnotationRecord) -> Members:
    entry: Members = {
        "AnnotationName": record.name,
        "LastModified": moment(record.modified),
        "ETag": record.etag,
        "Size": record.size,
    }
    if record.checksum is not None:
        entry["ChecksumAlgorithm"] = [record.checksum.algorithm]
    return entry


def _checked_name(input: Mapping[str, Any]) -> str:
    """Raises InvalidAnnotationName, AnnotationNameTooLong."""
    name = str(input["AnnotationName"])
    if not name or any(character < " " or character == "\x7f" for character in name):
        raise S3Error("InvalidAnnotationName")
    if len(name.encode()) > MAX_NAME:
        raise S3Error("AnnotationNameTooLong")
    return name


def _bad_size(size: int) -> S3Error:
    message = "An annotation has from 1 byte to 1 MiB."
    code = "EntityTooLarge" if size else "InvalidRequest"
    return S3Error(code, message, ProposedSize=size, MaxSizeAllowed=MAX_PAYLOAD)


def _version(bucket: BucketRecord, record: ObjectRecord) -> Members:
    return {"ObjectVersionId": record.version_id} if bucket.versioning else {}
