"""GetObject and HeadObject: the version, the conditions, and the bytes that are asked for.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from s3d.agent.core.store import Completed, operation
from s3d.agent.s3.conditions import byte_range, range_applies
from s3d.agent.s3.encryption import CustomerKey
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.get_response import (
    NOT_MODIFIED,
    ByteRange,
    apply_response_overrides,
    not_modified,
    set_content_range,
)
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.decrypted_body import DecryptedBody
from s3d.agent.storage.encrypted_blocks import BlobDecryptor
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ELSEWHERE, BucketRecord, Layout, Remembered, Stored, cut
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import find_bucket, find_version
from s3d.agent.stores.local.object_description import (
    checksum_members,
    object_members,
    part_checksum_members,
)
from s3d.agent.stores.local.object_keys import ObjectKeys, customer_key_of_read

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


class _Plain(NamedTuple):
    """The cached response to a request of _PLAIN, while bucket is the bucket's record."""

    bucket: BucketRecord
    output: Members
    rendered_headers: dict[str, str]


class ReadOps:
    """Handlers of GetObject and HeadObject."""

    def __init__(
        self, index: Index, blobs: Blobs, keys: ObjectKeys, expiration: Expiration
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._keys = keys
        self._expiration = expiration

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


# ---------------------------------------------------------------- the bytes


class LocatedBody(Protocol):
    """An object that was looked up, and the range of bytes to read."""

    @property
    def stored(self) -> Stored: ...

    @property
    def span(self) -> ByteRange | None:
        """None: no body."""

    @property
    def customer_key(self) -> CustomerKey | None:
        """The key that the request has for an object of SSE-C."""


F = TypeVar("F", bound=LocatedBody)


def look_and_open(
    index: Index, blobs: Blobs, keys: ObjectKeys, find: Callable[[Reader], F], name: str = ""
) -> tuple[F, Body | None]:
    """Look up an object with find, and open its bytes; the caller closes the body. name: of the
    object.

    Raises StoredDataCorrupt, KeyUnavailable.
    """
    while True:
        located = index.read_inline(find)
        if located.span is None:
            return located, None
        encryption, wrapping_key = located.stored.record.encryption, None
        if encryption is not None:
            wrapping_key = keys.wrapping_key(encryption, located.customer_key)
        try:
            body = _open(index, blobs, located, wrapping_key, name)
        except StoredDataCorrupt as error:
            blobs.report_damage(name, error.message)
            raise
        if body is not None:
            return located, body
        # A commit replaced it after it was put into the cache, which hears of that in the next turn
        # of the loop. What is in the index itself is newer.
        index.forget_all()


def _open(
    index: Index, blobs: Blobs, located: LocatedBody, wrapping_key: bytes | None, name: str
) -> Body | None:
    layout, (start, size) = located.stored.layout, located.span or (0, 0)
    if not size:
        return BytesBody(b"")
    if not layout.inline:
        extents = cut(layout.extents, start, size)
        if wrapping_key is not None:
            return DecryptedBody(blobs, extents, wrapping_key, name)
        return blobs.body(extents, name)
    if layout == ELSEWHERE:
        raise S3Error("SlowDown", "The object is being copied by the remote; try again.")
    (extent,) = layout.extents
    data = index.read_inline(lambda reader: reader.data(extent))
    if data is None:
        return None
    if wrapping_key is not None and extent.data_key is not None:
        return BytesBody(BlobDecryptor(wrapping_key, extent.data_key).decrypt(data, start, size))
    return BytesBody(data if size == len(data) else data[start : start + size])


def open_layout(index: Index, blobs: Blobs, layout: Layout) -> Body:
    """All bytes of a layout that the caller has a reference to; the caller closes the body.

    Raises InternalError when they are missing or damaged.
    """
    if not layout.extents:
        return BytesBody(b"")
    if not layout.inline:
        return blobs.body(layout.extents)
    (extent,) = layout.extents
    data = index.read_inline(lambda reader: reader.data(extent))
    if data is None:
        raise S3Error("InternalError", f"the bytes of blob {extent.blob} are gone")
    return BytesBody(data[extent.offset : extent.offset + extent.size])
