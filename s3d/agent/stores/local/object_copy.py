"""CopyObject and UploadPartCopy: no byte is copied, both sides hold the same blobs.

A copy is a plain object, whatever its source was, and the ETag of a plain object and of a part is
the MD5 of its bytes. Where that is not known already (the source came in parts, or a range is
wanted) the bytes are read and hashed, in threads, before the commit; so also for a checksum that
the source has not. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.core.context import internal_request
from s3d.agent.core.store import operation
from s3d.agent.s3 import checksums
from s3d.agent.s3.address import check_key, parse_copy_source
from s3d.agent.s3.conditions import check_copy_source, check_write, resolve_copy_range
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, Members, S3Request, S3Response
from s3d.agent.s3.object_headers import ENCRYPTION, NOT_COPIED
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    BucketRecord,
    Checksum,
    Description,
    Layout,
    ObjectRecord,
    Stored,
    cut,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import (
    check_object_lock,
    condition_of,
    find_bucket,
    find_upload,
    find_version,
    shown_version,
)
from s3d.agent.stores.local.multipart import PartWriter, check_part_number
from s3d.agent.stores.local.object_bodies import MAX_SIZE, ByteRange, look_and_open, receive
from s3d.agent.stores.local.object_description import (
    checksum_members,
    description_of,
    encryption,
    is_locked,
    moment,
    storage_class,
    stored_members,
)
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.publish import Publisher

_CHANGES = ("StorageClass", "WebsiteRedirectLocation", *ENCRYPTION)
"""Members any of which makes a copy of an object onto itself a change."""


class _Source(NamedTuple):
    """The object of x-amz-copy-source, and the range of its bytes."""

    bucket: BucketRecord
    stored: Stored
    span: ByteRange

    @property
    def record(self) -> ObjectRecord:
        return self.stored.record

    @property
    def layout(self) -> Layout:
        """The layout of the requested bytes."""
        whole = self.stored.layout
        return Layout(cut(whole.extents, *self.span), whole.inline)

    def members(self) -> Members:
        shown = shown_version(self.bucket, self.record)
        return {"CopySourceVersionId": shown["VersionId"]} if shown else {}


class _Digest(NamedTuple):
    """The known digests of a run of bytes."""

    of: int
    """The seq of the version that has them."""
    etag: str
    checksum: Checksum | None


class _Shared(NamedTuple):
    """Bytes of another object that a part will share."""

    size: int
    layout: Layout
    etag: str
    checksum: Checksum | None

    def enter(self, tx: Transaction) -> Layout:
        if not tx.incref(self.layout.extents):
            raise _replaced_meanwhile()
        return self.layout


class CopyOps:
    """Handlers of copies."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        publisher: Publisher,
        parts: PartWriter,
        ownership: Ownership,
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._publisher = publisher
        self._parts = parts
        self._ownership = ownership

    @operation("CopyObject")
    async def copy_object(self, request: S3Request[Members]) -> S3Response[Members]:
        check_key(request.key)
        _check_directives(request.input)
        given = description_of(request.input)
        digest = await self._digest(request.input)
        return S3Response(await self._index.write(partial(self._copy, request, given, digest)))

    @operation("UploadPartCopy")
    async def upload_part_copy(self, request: S3Request[Members]) -> S3Response[Members]:
        """The bytes of a small source are written again: a multipart object is all files."""
        input = request.input
        number = check_part_number(input)
        upload = self._index.read_inline(
            lambda reader: find_upload(reader, request.bucket, request.key, input["UploadId"])
        )
        source, body = look_and_open(
            self._index, self._blobs, partial(_find, input), _source_name(input)
        )
        assert body is not None
        async with aclosing(body):
            algorithm = upload.checksum_algorithm
            if source.stored.layout.inline or not source.span[1]:
                plain = internal_request(request.context, "UploadPart", {}, body)
                received = await receive(self._blobs, plain, algorithm=algorithm, inline=0)
                part = await self._parts.put(request, number, received, received.draft.discard)
            else:
                digest = await _digest(source, body, algorithm)
                shared = _Shared(source.span[1], source.layout, digest.etag, digest.checksum)
                part = await self._parts.put(request, number, shared)
        result = {"ETag": part.etag, "LastModified": moment(part.modified)}
        if part.checksum is not None:
            result[checksums.member_of(part.checksum.algorithm)] = part.checksum.value
        output = {"CopyPartResult": result, **source.members(), **encryption(upload.description)}
        return S3Response(output)

    async def _digest(self, input: Mapping[str, Any]) -> _Digest:
        """A copy of the whole source, with its own kind of checksum or the requested one."""
        source, body = look_and_open(
            self._index, self._blobs, partial(_find, input), _source_name(input)
        )
        assert body is not None
        async with aclosing(body):
            kept = source.record.checksum
            algorithm = input.get("ChecksumAlgorithm") or (kept.algorithm if kept else "")
            return await _digest(source, body, algorithm)

    def _copy(
        self, request: S3Request[Members], given: Description, digest: _Digest, tx: Transaction
    ) -> Members:
        input = request.input
        bucket = find_bucket(tx, request.bucket)
        if is_locked(given):
            check_object_lock(tx, bucket)
        source = _find(input, tx)
        if digest.of != source.record.seq:
            raise _replaced_meanwhile()
        _check_sense(tx, request, source)
        check_write(input, condition_of(tx.current(bucket.name, request.key.encode())))
        record = ObjectRecord(
            key=request.key,
            size=source.record.size,
            etag=digest.etag,
            storage_class=storage_class(input),
            checksum=digest.checksum,
            description=_copied_description(input, given, source.record.description),
        )
        record = self._ownership.owned(tx, bucket, request, record)
        tx.incref(source.layout.extents)
        copied = self._publisher.put(tx, bucket, record, source.layout, context=request.context)
        return {
            "CopyObjectResult": _result(copied),
            **source.members(),
            **stored_members(bucket, copied, composed=True),
        }


async def _digest(source: _Source, body: Body, algorithm: str) -> _Digest:
    """ETag and checksum of the requested bytes, which are read only if necessary."""
    record = source.record
    if source.span[1] == record.size and "-" not in record.etag and _has(record, algorithm):
        return _Digest(record.seq, record.etag, record.checksum if algorithm else None)
    md5 = hashlib.md5(usedforsecurity=False)
    hasher = checksums.hasher(algorithm) if algorithm else None

    def update(chunk: bytes) -> None:
        md5.update(chunk)
        if hasher is not None:
            hasher.update(chunk)

    async for chunk in body:
        await asyncio.to_thread(update, chunk)
    checksum = Checksum(algorithm, hasher.b64()) if hasher else None
    return _Digest(record.seq, f'"{md5.hexdigest()}"', checksum)


def _has(record: ObjectRecord, algorithm: str) -> bool:
    """Whether the checksum of this algorithm over all its bytes is known, or none is wanted."""
    checksum = record.checksum
    return not algorithm or (
        checksum is not None and checksum.algorithm == algorithm and checksum.kind == "FULL_OBJECT"
    )


def _find(input: Mapping[str, Any], reader: Reader) -> _Source:
    """Find the source of a copy. Raises like GetObject, and PreconditionFailed."""
    name, key, version_id = parse_copy_source(input["CopySource"])
    bucket = find_bucket(reader, name)
    try:
        stored = find_version(reader, bucket, key, version_id)
    except S3Error as error:
        if error.code != "MethodNotAllowed":
            raise
        message = "The source of a copy request may not specifically refer to a delete marker by "
        raise S3Error("InvalidRequest", message + "version id.") from error
    record = stored.record
    check_copy_source(input, record.etag, record.modified)
    span = resolve_copy_range(input.get("CopySourceRange"), record.size)
    if span[1] > MAX_SIZE:
        message = "The specified copy source is larger than the maximum allowable size for a copy "
        raise S3Error("InvalidRequest", f"{message}source: {MAX_SIZE}")
    return _Source(bucket, stored, span)


def _source_name(input: Mapping[str, Any]) -> str:
    bucket, key, _ = parse_copy_source(input["CopySource"])
    return f"{bucket}/{key}"


def _check_directives(input: Mapping[str, Any]) -> None:
    for name, word in (("MetadataDirective", "metadata"), ("TaggingDirective", "tagging")):
        if input.get(name, "COPY") not in ("COPY", "REPLACE"):
            raise S3Error("InvalidArgument", f"Unknown {word} directive.")


def _check_sense(reader: Reader, request: S3Request[Members], source: _Source) -> None:
    """Raise InvalidRequest for a copy of an object onto itself that would change nothing."""
    if (source.bucket.name, source.record.key) != (request.bucket, request.key):
        return
    current = reader.object(request.bucket, request.key.encode())
    if current is None or current.seq != source.record.seq:
        return
    if request.input.get("MetadataDirective") == "REPLACE":
        return
    if not any(request.input.get(name) for name in _CHANGES):
        raise S3Error(
            "InvalidRequest",
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.",
        )


def _copied_description(
    input: Mapping[str, Any], given: Description, source: Description
) -> Description:
    headers, metadata = given.headers, given.metadata
    if input.get("MetadataDirective") != "REPLACE":
        metadata = source.metadata
        headers = {k: v for k, v in source.headers.items() if k not in NOT_COPIED}
        headers |= {k: v for k, v in given.headers.items() if k in NOT_COPIED}
    tags = given.tags if input.get("TaggingDirective") == "REPLACE" else source.tags
    return Description(headers, metadata, tags)


def _result(copied: ObjectRecord) -> Members:
    return {
        "ETag": copied.etag,
        "LastModified": moment(copied.modified),
        **checksum_members(copied.checksum),
    }


def _replaced_meanwhile() -> S3Error:
    return S3Error("SlowDown", "the source of the copy was replaced while it was read; try again")
