"""The bodies of objects: received into blobs, and opened for a reader."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from s3d.agent.s3 import checksums
from s3d.agent.s3.encryption import CustomerKey
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request
from s3d.agent.storage.blobs import INLINE, Blobs, Draft
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.decrypted_body import DecryptedBody
from s3d.agent.storage.encrypted_blocks import BlobDecryptor
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ELSEWHERE, Checksum, Encryption, Layout, Stored, cut
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.local.object_keys import ObjectKeys, WriteKey

MAX_SIZE = 5 << 30
"""Bytes of one PUT, one part or one copy."""


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
    md5 = hashlib.md5(usedforsecurity=False)
    hasher = checksums.hasher(algorithm) if algorithm else None
    hashes = (md5, hasher) if hasher else (md5,)
    encryptor = None if key is None else key.encryptor(part)
    draft = await blobs.receive(body, hashes, inline=inline, encryptor=encryptor)
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


ByteRange = tuple[int, int]
"""Start and size, in bytes."""


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
