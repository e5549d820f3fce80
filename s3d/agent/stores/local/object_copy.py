"""CopyObject and UploadPartCopy: no byte is copied, both sides hold the same blobs, as long as the
same wrapping key opens them. Otherwise the bytes are written again, with the encryption that the
copy gets.

A copy is a plain object, whatever its source was, and the ETag of a plain object and of a part is
the MD5 of its bytes. Where that is not known already (the source came in parts, or a range is
wanted) the bytes are read and hashed, in threads, before the commit; so also for a checksum that
the source has not. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.core.context import internal_request
from s3d.agent.core.store import operation
from s3d.agent.s3 import checksums
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import CREATED_COPY
from s3d.agent.s3.messages import Body, Members, S3Request, S3Response
from s3d.agent.s3.object_headers import ENCRYPTION, NOT_COPIED
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    Description,
    ObjectRecord,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.annotation_encryption import AnnotationEncryption
from s3d.agent.stores.local.copy_source import (
    CopySource,
    SharedContent,
    SourceReplaced,
    check_unchanged,
    find_source,
    is_shared,
    share,
    source_name,
)
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import (
    check_object_lock,
    condition_of,
    find_bucket,
    find_upload,
)
from s3d.agent.stores.local.multipart import PartWriter, check_part_number, default_of_parts
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
    WriteKey,
    customer_key_members,
)
from s3d.agent.stores.local.object_puts import Received, receive
from s3d.agent.stores.local.object_reads import look_and_open
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.version_writer import VersionWriter

_CHANGES = (
    "StorageClass",
    "WebsiteRedirectLocation",
    "CopySourceSSECustomerAlgorithm",
    *ENCRYPTION,
)
"""Members any of which makes a copy of an object onto itself a change."""

_TRIES = 2
"""How often a copy shares bytes of a source that is replaced again and again; then it copies them,
from the file that it has open."""

_Content = SharedContent | Received


class _Annotated(NamedTuple):
    """A copy with annotations."""

    key: WriteKey | None
    """What they are encrypted with; None: nothing."""


class CopyOps:
    """Handlers of copies."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        keys: ObjectKeys,
        version_writer: VersionWriter,
        parts: PartWriter,
        *,
        annotations: AnnotationEncryption,
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
        self._annotations = annotations
        self._ownership = ownership
        self._expiration = expiration
        self._default_checksum = default_checksum
        self._clock = clock

    @operation("CopyObject")
    async def copy_object(self, request: S3Request[Members]) -> S3Response[Members]:
        check_key(request.key)
        _check_directives(request.input)
        given = description_of(request.input, self._clock())
        for _ in range(_TRIES):
            with suppress(SourceReplaced):
                return await self._copy_object(request, given, may_share=True)
        return await self._copy_object(request, given, may_share=False)

    @operation("UploadPartCopy")
    async def upload_part_copy(self, request: S3Request[Members]) -> S3Response[Members]:
        """The bytes of a small source are written again: a multipart object is all files."""
        number = check_part_number(request.input)
        for _ in range(_TRIES):
            with suppress(SourceReplaced):
                return await self._copy_part(request, number, may_share=True)
        return await self._copy_part(request, number, may_share=False)

    async def _copy_object(
        self, request: S3Request[Members], given: Description, *, may_share: bool
    ) -> S3Response[Members]:
        """may_share: False: the bytes are written again. Raises SourceReplaced unless they are."""
        input = request.input
        source, body = self._open(input)
        async with aclosing(body):
            self._index.read_inline(lambda reader: find_bucket(reader, request.bucket))
            chosen = self._keys.of_copy(request, source.record)
            key = None if chosen is None else await self._keys.of_write(chosen)
            known, default = source.record.checksum, self._default_checksum
            algorithm = input.get("ChecksumAlgorithm") or (known.algorithm if known else "")
            if may_share and is_shared(source, key):
                content: _Content = await share(source, body, algorithm, key, default=default)
            else:
                content = await self._written(
                    request, body, key, algorithm=algorithm, default=default
                )
        given = self._keys.described(given, chosen)
        annotated = await self._annotated(input, source, content)
        copy = partial(self._copy, request, given, source, content, annotated)
        output = await self._index.write(copy, content.discard)
        output |= self._expiration.members_of(request.bucket, request.key)
        return S3Response(output if chosen is None else output | chosen.response_members())

    async def _copy_part(
        self, request: S3Request[Members], number: int, *, may_share: bool
    ) -> S3Response[Members]:
        """As _copy_object."""
        input = request.input
        upload = self._index.read_inline(
            lambda reader: find_upload(reader, request.bucket, request.key, input["UploadId"])
        )
        key = self._keys.of_part(request, upload)
        source, body = self._open(input)
        async with aclosing(body):
            algorithm = upload.checksum_algorithm
            default = default_of_parts(upload, self._default_checksum)
            may_share = may_share and bool(source.span[1]) and not source.stored.layout.inline
            if may_share and is_shared(source, key):
                content: _Content = await share(source, body, algorithm, key, default=default)
            else:
                content = await self._written(
                    request, body, key, algorithm=algorithm, default=default, part=number
                )
            part = await self._parts.put(request, number, content, content.discard)
        result = {"ETag": part.etag, "LastModified": moment(part.modified)}
        if part.checksum is not None:
            result[checksums.member_of(part.checksum.algorithm)] = part.checksum.value
        output = {"CopyPartResult": result, **source.members(), **encryption(upload.description)}
        return S3Response(output | customer_key_members(input, upload.encryption))

    def _open(self, input: Mapping[str, Any]) -> tuple[CopySource, Body]:
        source, body = look_and_open(
            self._index, self._blobs, self._keys, partial(find_source, input), source_name(input)
        )
        assert body is not None
        return source, body

    async def _written(
        self,
        request: S3Request[Members],
        body: Body,
        key: WriteKey | None,
        *,
        algorithm: str,
        default: str,
        part: int = 0,
    ) -> Received:
        """The bytes of the source, written again; part: for a multipart object, in a file."""
        plain = internal_request(request.context, "UploadPart" if part else "PutObject", {}, body)
        inline = 0 if part else INLINE
        return await receive(
            self._blobs,
            plain,
            algorithm=algorithm,
            default=default,
            inline=inline,
            key=key,
            part=part,
        )

    async def _annotated(
        self, input: Mapping[str, Any], source: CopySource, content: _Content
    ) -> _Annotated | None:
        """A copy has the annotations of its source unless the request excludes them."""
        if input.get("AnnotationDirective") == "EXCLUDE" or not source.record.annotations:
            return None
        return _Annotated(await self._annotations.key_of(content.encryption))

    def _copy(
        self,
        request: S3Request[Members],
        given: Description,
        source: CopySource,
        content: _Content,
        annotated: _Annotated | None,
        tx: Transaction,
    ) -> Members:
        input = request.input
        bucket = find_bucket(tx, request.bucket)
        if is_locked(given):
            check_object_lock(tx, bucket)
        _check_now(tx, request, source, content)
        record = ObjectRecord(
            key=request.key,
            size=source.record.size,
            etag=content.etag,
            storage_class=storage_class(input),
            checksum=content.checksum,
            description=_copied_description(input, given, source.record.description),
            encryption=content.encryption,
        )
        record = self._ownership.owned(tx, bucket, request, record)
        copied = self._version_writer.put(
            tx,
            bucket,
            record,
            content.enter(tx),
            context=request.context,
            event=CREATED_COPY,
            annotated_as=None if annotated is None else (source.bucket.name, source.record),
        )
        if annotated is not None:
            self._annotations.encrypt_again(tx, bucket.name, copied, annotated.key)
        return {
            "CopyObjectResult": _result(copied),
            **source.members(),
            **stored_members(copied, composed=True),
        }


def _check_now(
    tx: Transaction, request: S3Request[Members], source: CopySource, content: _Content
) -> None:
    """Check again, in the commit, what may have changed while the bytes were copied."""
    if isinstance(content, SharedContent):
        check_unchanged(source, find_source(request.input, tx))
    if content.encryption is None:
        _check_sense(tx, request, source)
    current = tx.current(request.bucket, request.key.encode())
    check_write(request.input, condition_of(current))


def _check_directives(input: Mapping[str, Any]) -> None:
    for name, word in (("MetadataDirective", "metadata"), ("TaggingDirective", "tagging")):
        if input.get(name, "COPY") not in ("COPY", "REPLACE"):
            raise S3Error("InvalidArgument", f"Unknown {word} directive.")


def _check_sense(reader: Reader, request: S3Request[Members], source: CopySource) -> None:
    """Raise InvalidRequest for a copy of an object onto itself that would change nothing.

    A copy that is encrypted, by request or by default of the bucket, is always a change.
    """
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
