"""PutObject: what the request says of the object, its body received into a blob, and its commit.

Parts, copies and annotations receive their bodies here, too.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.core.store import operation
from s3d.agent.s3 import checksums
from s3d.agent.s3.conditions import check_write
from s3d.agent.s3.encryption import MEMBERS as ENCRYPTION_MEMBERS
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import CREATED_POST, CREATED_PUT
from s3d.agent.s3.messages import BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.adopted_file import AdoptableFile
from s3d.agent.storage.blobs import INLINE, Blobs, Draft
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    BucketRecord,
    Checksum,
    Description,
    Encryption,
    Layout,
    ObjectRecord,
)
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.expiration import Expiration
from s3d.agent.stores.local.lookup import (
    check_object_lock,
    condition_of,
    find_bucket,
    has_default_retention,
)
from s3d.agent.stores.local.object_description import (
    description_of,
    is_locked,
    storage_class,
    stored_members,
)
from s3d.agent.stores.local.object_keys import ObjectKeys, WriteKey
from s3d.agent.stores.local.ownership import Ownership
from s3d.agent.stores.local.version_writer import VersionWriter

MAX_SIZE = 5 << 30
"""Bytes of one PUT, one part or one copy."""

Append = Callable[[S3Request[Members]], Awaitable[S3Response[Members] | None]]
"""Answers a PutObject with WriteOffsetBytes; None: it is to create the object."""


class PutOps:
    """The handler of PutObject."""

    def __init__(
        self,
        index: Index,
        blobs: Blobs,
        keys: ObjectKeys,
        version_writer: VersionWriter,
        *,
        append: Append,
        ownership: Ownership,
        expiration: Expiration,
        default_checksum: str,
        clock: Callable[[], float],
    ) -> None:
        """default_checksum: of objects that come without one; "": none. clock: Unix seconds."""
        self._index = index
        self._blobs = blobs
        self._keys = keys
        self._version_writer = version_writer
        self._append = append
        self._ownership = ownership
        self._expiration = expiration
        self._default_checksum = default_checksum
        self._clock = clock

    @operation("PutObject")
    async def put_object(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        check_key(request.key)
        description, kept_in = description_of(input, self._clock()), storage_class(input)
        if input.get("WriteOffsetBytes") is not None:
            appended = await self._append(request)
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
        stored = self._version_writer.put(
            tx,
            bucket,
            record,
            received.enter(tx),
            context=context,
            event=CREATED_POST if context.form is not None else CREATED_PUT,
        )
        return stored_members(stored)


def _admit(request: S3Request[Members], description: Description, reader: Reader) -> BucketRecord:
    """The bucket, if the object may be put into it now. Raises S3Error."""
    bucket, input = find_bucket(reader, request.bucket), request.input
    if is_locked(description):
        check_object_lock(reader, bucket)
    if "IfMatch" in input or "IfNoneMatch" in input:
        check_write(input, condition_of(reader.current(bucket.name, request.key.encode())))
    return bucket


# ---------------------------------------------------------------- receiving a body


class Received(NamedTuple):
    """A received body that matches its declared digests."""

    draft: Draft
    etag: str
    checksum: Checksum | None
    encryption: Encryption | None = None

    @property
    def size(self) -> int:
        return self.draft.size

    def discard(self) -> None:
        """Remove its file: no row will name it."""
        self.draft.discard()

    def enter(self, tx: Transaction) -> Layout:
        """Add its bytes to the index, and return their layout."""
        draft = self.draft
        if not draft.size:
            return Layout()
        tx.add_blob(draft.blob, draft.size, draft.data)
        return Layout((draft.extent,), inline=draft.data is not None)


async def receive(
    blobs: Blobs,
    request: S3Request[Members],
    *,
    algorithm: str = "",
    must_be_sent: bool = False,
    default: str = "",
    inline: int = INLINE,
    key: WriteKey | None = None,
    part: int = 0,
) -> Received:
    """Read the body to its end. Raises BadDigest when it does not match a declared digest.

    algorithm: a checksum to compute in any case; must_be_sent: only if the client sends it, too,
    else InvalidRequest. default: one to compute when neither names one; "": none. key: encrypts the
    bytes, for the part of this number. An error leaves no files behind.
    """
    input, body = request.input, request.body or BytesBody(b"")
    if (body.size or 0) > MAX_SIZE:
        raise S3Error("EntityTooLarge", ProposedSize=body.size or 0, MaxSizeAllowed=MAX_SIZE)
    promised_md5 = _promised_md5(input)
    promised = checksums.expected(input, {})
    offered = promised[0] if promised else _announced(request)
    algorithm = _agreed(algorithm, offered, must_be_sent=must_be_sent) or default
    start = body.hashed if isinstance(body, AdoptableFile) else None
    hashes = checksums.BodyHashes(algorithm, None if start is None else start.hashes)
    encryptor = None if key is None else key.encryptor(part)
    draft = await blobs.receive(body, (hashes,), inline=inline, encryptor=encryptor)
    md5, hasher = hashes.md5, hashes.checksum
    try:
        if promised_md5 not in (None, md5.digest()):
            raise _bad_md5(promised_md5, md5.digest())
        checksum = Checksum(algorithm, hasher.b64()) if hasher else None
        if body.trailers:
            promised = checksums.expected(input, body.trailers)
        _check(promised, checksum)
    except S3Error:
        draft.discard()
        raise
    etag = opaque_etag() if hides_md5(key) else f'"{md5.hexdigest()}"'
    return Received(draft, etag, checksum, None if key is None else key.encryption)


def check_digest(request: S3Request[Members], what: str) -> None:
    """Raise InvalidRequest when a client sends neither Content-MD5 nor a checksum.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
    what: Object or Part. Forms have no such headers, and the agent itself needs none.
    """
    context, input = request.context, request.input
    if context.principal is None or context.form is not None or "ContentMD5" in input:
        return
    if checksums.expected(input, {}) is None and not _announced(request):
        raise S3Error(
            "InvalidRequest",
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put "
            f"{what} requests with Object Lock parameters",
        )


def hides_md5(key: WriteKey | None) -> bool:
    """Whether an ETag must not show the MD5 of what this key encrypts."""
    return key is not None and key.etag_is_no_md5


def opaque_etag() -> str:
    """An ETag that says nothing about the bytes, in the form of an MD5 as AWS's."""
    return f'"{secrets.token_hex(16)}"'


def _bad_md5(promised: bytes | None, computed: bytes) -> S3Error:
    return S3Error(
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
        ExpectedDigest=base64.b64encode(promised or b"").decode(),
        CalculatedDigest=base64.b64encode(computed).decode(),
    )


def _promised_md5(input: Mapping[str, Any]) -> bytes | None:
    text = input.get("ContentMD5")
    if text is None:
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.")
    return digest


def _announced(request: S3Request[Members]) -> str:
    """The algorithm of a checksum in the trailer, or of one that is requested by name.

    Raises InvalidRequest when a client announces a checksum and neither header nor trailer has it.
    """
    if request.wire is not None:
        is_announced = False
        for name, value in request.wire.headers:
            if name == "x-amz-trailer":
                for trailer in value.lower().split(","):
                    if computed := checksums.algorithm_of(trailer.strip()):
                        return computed
            elif name == "x-amz-sdk-checksum-algorithm":
                is_announced = True
        if is_announced:
            raise S3Error(
                "InvalidRequest",
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found.",
            )
    return str(request.input.get("ChecksumAlgorithm") or "").upper()


def _agreed(promised: str, offered: str, *, must_be_sent: bool) -> str:
    """Parts of an upload must have the checksum algorithm that was declared at its creation."""
    if promised and promised != offered and (offered or must_be_sent):
        message = f"expected checksum Type: {promised.lower()}, actual checksum Type: "
        raise S3Error(
            "InvalidRequest",
            f"Checksum Type mismatch occurred, {message}{offered.lower() or 'null'}",
        )
    return promised or offered


def _check(promised: tuple[str, str] | None, computed: Checksum | None) -> None:
    if promised is None:
        return
    algorithm, value = promised
    if computed is None or computed.algorithm != algorithm:
        message = f"The trailer x-amz-checksum-{algorithm.lower()} was not announced."
        raise S3Error("InvalidRequest", message)
    if computed.value != value:
        message = f"The {algorithm} you specified did not match the calculated checksum."
        raise S3Error("BadDigest", message)
