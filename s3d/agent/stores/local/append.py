"""PutObject with WriteOffsetBytes: bytes are added behind an existing object.

AWS has it in directory buckets only; here it works in every bucket without versioning. The bytes
that are there already are not read again, so the ETag is not the MD5 of the whole: like that of a
multipart object it is made of the parts' digests, with their number behind it. Bytes that are
appended to an encrypted object are encrypted as it is, whatever the default of the bucket.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-buckets-objects-append.html
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from s3d.agent.s3 import checksums
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response
from s3d.agent.storage.blobs import INLINE, Blobs, Draft
from s3d.agent.storage.encrypted_blocks import BlobDecryptor
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord, Checksum, Extent, Layout, Stored
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.lookup import condition_of, find_bucket
from s3d.agent.stores.local.object_description import stored_members
from s3d.agent.stores.local.object_keys import ObjectKeys, WriteKey, customer_key_members
from s3d.agent.stores.local.object_puts import Received, receive
from s3d.agent.stores.local.version_writer import VersionWriter

MAX_APPENDS = 10_000
"""Appends to one object, and what it was created with."""


class _Appended(NamedTuple):
    """The bytes of an object with what was appended: old extents, and new drafts behind them."""

    shared: tuple[Extent, ...]
    drafts: tuple[Draft, ...]

    def enter(self, tx: Transaction) -> Layout:
        """Add the new bytes to the index and a reference to the old ones."""
        tx.incref(self.shared)
        for draft in self.drafts:
            tx.add_blob(draft.blob, draft.size, draft.data)
        extents = (*self.shared, *(draft.extent for draft in self.drafts))
        return Layout(extents, inline=bool(self.drafts) and self.drafts[0].data is not None)

    def discard(self) -> None:
        for draft in self.drafts:
            draft.discard()


class Appender:
    """Appends to objects."""

    def __init__(
        self, index: Index, blobs: Blobs, keys: ObjectKeys, version_writer: VersionWriter
    ) -> None:
        self._index = index
        self._keys = keys
        self._blobs = blobs
        self._version_writer = version_writer

    async def append(self, request: S3Request[Members]) -> S3Response[Members] | None:
        """The response; None: the object does not exist yet and the offset is 0, so it is a put.

        Raises InvalidWriteOffset when the offset is not the size of the object, TooManyParts,
        InvalidRequest for another encryption, and NotImplemented in a bucket with versioning.
        """
        current = self._index.read_inline(partial(_admit, request))
        if current is None:
            return None
        key = self._keys.of_append(request, current.record)
        shown = customer_key_members(request.input, current.record.encryption)
        checksum = current.record.checksum
        default = "" if checksum is None else checksum.algorithm
        received = await receive(self._blobs, request, default=default, key=key)
        if not received.size:
            return S3Response(
                {**stored_members(current.record), "Size": current.record.size, **shown}
            )
        try:
            appended = await self._append_to(current.layout, received.draft, key)
        except S3Error:
            received.draft.discard()
            raise
        publish = partial(self._publish, request, current, received, appended)
        return S3Response(await self._index.write(publish, appended.discard) | shown)

    async def _append_to(self, layout: Layout, draft: Draft, key: WriteKey | None) -> _Appended:
        """Small objects stay rows of the index; an object is either one row or files only."""
        old = b""
        if layout.inline:
            found = self._index.read_inline(lambda reader: reader.data(layout.extents[0]))
            if found is None:
                raise _changed_meanwhile()
            old = _plain(found, layout.extents[0], key)
        new = None if draft.data is None else _plain(draft.data, draft.extent, key)
        is_small = len(old) + draft.size <= INLINE and (layout.inline or not layout.extents)
        if is_small and new is not None:
            return _Appended((), (await self._written(old + new, key, INLINE),))
        drafts = [draft if new is None else await self._written(new, key, 0)]
        if old:
            drafts.insert(0, await self._written(old, key, 0))
        return _Appended(() if layout.inline else layout.extents, tuple(drafts))

    async def _written(self, data: bytes, key: WriteKey | None, inline: int) -> Draft:
        encryptor = None if key is None else key.encryptor()
        return await self._blobs.receive(BytesBody(data), (), inline=inline, encryptor=encryptor)

    def _publish(
        self,
        request: S3Request[Members],
        current: Stored,
        received: Received,
        appended: _Appended,
        tx: Transaction,
    ) -> Members:
        bucket = find_bucket(tx, request.bucket)
        now = _admit(request, tx)
        if now is None or now.record.seq != current.record.seq:
            raise _changed_meanwhile()
        record = replace(
            current.record,
            size=current.record.size + received.size,
            etag=_etag(current.record.etag, received.etag),
            checksum=_checksum(current, received),
        )
        stored = self._version_writer.put(
            tx,
            bucket,
            record,
            appended.enter(tx),
            context=request.context,
            annotated_as=(bucket.name, current.record),
        )
        return {**stored_members(stored), "Size": stored.size}


def _admit(request: S3Request[Members], reader: Reader) -> Stored | None:
    """The object that the request may append to; None: it is to be created."""
    bucket = find_bucket(reader, request.bucket)
    _check_bucket(bucket)
    current = reader.current(bucket.name, request.key.encode())
    check_write(request.input, condition_of(current))
    offset, size = int(request.input["WriteOffsetBytes"]), current.record.size if current else 0
    if offset != size:
        raise S3Error("InvalidWriteOffset", WriteOffsetBytes=offset, ActualObjectSize=size)
    if current is not None and _appends(current.record.etag) >= MAX_APPENDS:
        raise S3Error("TooManyParts")
    return current


def _plain(stored: bytes, extent: Extent, key: WriteKey | None) -> bytes:
    """The bytes of an extent, of what is stored of it in a row of the index."""
    if key is None or extent.data_key is None:
        return stored[: extent.size]
    return BlobDecryptor(key.wrapping_key, extent.data_key).decrypt(stored, 0, extent.size)


def _check_bucket(bucket: BucketRecord) -> None:
    if bucket.versioning:
        raise S3Error("NotImplemented", "Appending needs a bucket without versioning")


def _appends(etag: str) -> int:
    count = unquoted(etag).partition("-")[2]
    return int(count) if count else 1


def _etag(old: str, new: str) -> str:
    digest = bytes.fromhex(unquoted(old).partition("-")[0]) + bytes.fromhex(unquoted(new))
    whole = hashlib.md5(digest, usedforsecurity=False).hexdigest()
    return f'"{whole}-{_appends(old) + 1}"'


def _checksum(current: Stored, received: Received) -> Checksum | None:
    """The checksum of both together, where it is a CRC of one kind; other hashes do not combine."""
    old, new = current.record.checksum, received.checksum
    if old is None or new is None or old.algorithm != new.algorithm:
        return None
    is_crc = checksums.FULL_OBJECT in checksums.ALGORITHMS[old.algorithm].kinds
    if not is_crc or old.kind != checksums.FULL_OBJECT:
        return None
    runs = [(old.value, current.record.size), (new.value, received.size)]
    return Checksum(old.algorithm, checksums.full_object(old.algorithm, runs))


def _changed_meanwhile() -> S3Error:
    return S3Error("ConditionalRequestConflict", "The object changed while bytes were appended.")
