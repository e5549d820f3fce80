"""The source of a copy: the object of x-amz-copy-source, and its bytes to be shared with the copy.

Raises like GetObject. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from s3d.agent.s3 import checksums
from s3d.agent.s3.conditions import check_copy_source, resolve_copy_range
from s3d.agent.s3.encryption import COPY_SOURCE, CustomerKey
from s3d.agent.s3.errors import S3Error, delete_marker_as_source
from s3d.agent.s3.get_response import ByteRange
from s3d.agent.s3.messages import Body, Members
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    BucketRecord,
    Checksum,
    Encryption,
    Layout,
    ObjectRecord,
    Stored,
    cut,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import find_bucket, find_version, shown_version
from s3d.agent.stores.local.object_keys import WriteKey, customer_key_of_read
from s3d.agent.stores.local.object_puts import MAX_SIZE, hides_md5, opaque_etag


class CopySource(NamedTuple):
    """The object of x-amz-copy-source, and the range of its bytes."""

    bucket: BucketRecord
    stored: Stored
    span: ByteRange
    customer_key: CustomerKey | None

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


class SourceReplaced(Exception):
    """The bytes that a copy was to share are those of an older version now."""


class SharedContent(NamedTuple):
    """Bytes of another object that a copy will share."""

    size: int
    layout: Layout
    etag: str
    checksum: Checksum | None
    encryption: Encryption | None

    def discard(self) -> None:
        """Nothing was written."""

    def enter(self, tx: Transaction) -> Layout:
        if not tx.incref(self.layout.extents):
            raise SourceReplaced()
        return self.layout


def is_shared(source: CopySource, key: WriteKey | None) -> bool:
    """Whether the copy is encrypted as its source is."""
    return source.record.encryption == (None if key is None else key.encryption)


async def share(
    source: CopySource, body: Body, algorithm: str, key: WriteKey | None, *, default: str
) -> SharedContent:
    """The requested bytes with their ETag and checksum; they are read only if necessary.

    default: the checksum that a copy has when no algorithm is requested; the bytes are not read for
    it alone, so the copy of an object that was stored without a checksum has none, either.
    """
    record, size, wanted = source.record, source.span[1], algorithm or default
    has_etag = hides_md5(key) or "-" not in record.etag
    if size == record.size and has_etag and _has(record, algorithm):
        etag = opaque_etag() if hides_md5(key) else record.etag
        checksum = record.checksum if wanted and _has(record, wanted) else None
        return SharedContent(size, source.layout, etag, checksum, record.encryption)
    md5 = hashlib.md5(usedforsecurity=False)
    hasher = checksums.hasher(wanted) if wanted else None

    def update(chunk: bytes) -> None:
        md5.update(chunk)
        if hasher is not None:
            hasher.update(chunk)

    async for chunk in body:
        await asyncio.to_thread(update, chunk)
    checksum = Checksum(wanted, hasher.b64()) if hasher else None
    etag = opaque_etag() if hides_md5(key) else f'"{md5.hexdigest()}"'
    return SharedContent(size, source.layout, etag, checksum, record.encryption)


def _has(record: ObjectRecord, algorithm: str) -> bool:
    """Whether the checksum of this algorithm over all its bytes is known, or none is wanted."""
    checksum = record.checksum
    return not algorithm or (
        checksum is not None and checksum.algorithm == algorithm and checksum.kind == "FULL_OBJECT"
    )


def find_source(input: Mapping[str, Any], reader: Reader) -> CopySource:
    """Find the source of a copy. Raises like GetObject, and PreconditionFailed."""
    name, key, version_id = parse_copy_source(input["CopySource"])
    bucket = find_bucket(reader, name)
    try:
        stored = find_version(reader, bucket, key, version_id)
    except S3Error as error:
        if error.code != "MethodNotAllowed":
            raise
        raise delete_marker_as_source() from error
    record = stored.record
    customer_key = customer_key_of_read(input, record, COPY_SOURCE)
    check_copy_source(input, record.etag, record.modified)
    span = resolve_copy_range(input.get("CopySourceRange"), record.size)
    if span[1] > MAX_SIZE:
        message = "The specified copy source is larger than the maximum allowable size for a copy "
        raise S3Error("InvalidRequest", f"{message}source: {MAX_SIZE}")
    return CopySource(bucket, stored, span, customer_key)


def source_name(input: Mapping[str, Any]) -> str:
    bucket, key, _ = parse_copy_source(input["CopySource"])
    return f"{bucket}/{key}"


def check_unchanged(source: CopySource, now: CopySource) -> None:
    """Raise SourceReplaced when the source has another version than the one that was read."""
    if now.record.seq != source.record.seq:
        raise SourceReplaced()
