"""Request payloads as the stores read them: decoded and verified."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator, Mapping
from typing import Any

from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.limits import DOCUMENT_SIZE, HASH_BLOCK, INLINE_HASH
from s3d.agent.frontends.http.request_reader import AuthorizedRequest
from s3d.agent.s3 import checksums
from s3d.agent.s3.chunked import Decoder
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.s3.signature_elements import EMPTY_SHA256, PayloadKind
from s3d.agent.s3.sigv4 import Verified

BODILESS = ("GET", "HEAD")

DIGEST_REQUIRED = frozenset(
    {"DeleteObjects", "PutObjectLegalHold", "PutObjectLockConfiguration", "PutObjectRetention"}
)
"""Operations that AWS refuses without a Content-MD5 or a checksum, whatever was signed."""

_CHECKSUM_OF_OBJECT = frozenset({"CompleteMultipartUpload"})
"""Operations whose x-amz-checksum-* headers are about the object and not about the document.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""


class Upload:
    """The streaming body of a request. Iteration fails unless all digests match.

    Raises S3Error: IncompleteBody, RequestTimeout, XAmzContentSHA256Mismatch, and what the chunk
    decoder finds. 100 Continue is sent when the first piece is read.
    """

    __slots__ = ("_decoder", "_exchange", "_expected", "_heavy", "_sha256", "size")

    def __init__(self, exchange: Exchange, authorized: AuthorizedRequest) -> None:
        self._exchange = exchange
        self.size: int | None = authorized.size
        payload = authorized.verified.payload
        self._expected = payload.sha256
        self._sha256 = hashlib.sha256() if payload.kind is PayloadKind.SIGNED else None
        self._decoder: Decoder | None = None
        self._heavy = payload.kind.chunks_signed
        if payload.kind.streaming:
            declared = declared_trailers(authorized.head.headers)
            self._decoder = Decoder(authorized.verified, authorized.size, declared)

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._decoder.trailers if self._decoder else NO_TRAILERS

    def now(self) -> bytes | None:
        """The whole payload if it is small and has arrived, else None: see messages.at_once."""
        body = self._exchange.body
        if not body.is_complete or body.received > INLINE_HASH:
            return None
        data = self._exchange.read_now()
        if self._decoder:
            data = self._decoder.feed(data)
        if self._sha256:
            self._sha256.update(data)
        self._check_end()
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        size = 0
        while data := await self._exchange.read():
            if self._decoder:
                data = await self._decode(self._decoder, data)
            if self._sha256 is None:
                if data:
                    yield data
                continue
            held.append(data)
            size += len(data)
            if size >= HASH_BLOCK:
                await _hash(self._sha256, held, size)
                for piece in held:
                    yield piece
                held, size = [], 0
        if self._sha256:
            await _hash(self._sha256, held, size)
        self._check_end()
        for piece in held:
            yield piece

    async def aclose(self) -> None:
        """The connection discards what was not read."""

    async def _decode(self, decoder: Decoder, data: bytes) -> bytes:
        if self._heavy and len(data) > INLINE_HASH:
            return await asyncio.to_thread(decoder.feed, data)
        return decoder.feed(data)

    def _check_end(self) -> None:
        if self._decoder:
            self._decoder.finish()
        elif self._exchange.received != self.size:
            raise S3Error("IncompleteBody")
        if self._sha256 and self._sha256.hexdigest() != self._expected:
            raise _sha256_mismatch(self._expected, self._sha256.hexdigest())


async def read_document(exchange: Exchange) -> bytes:
    """The whole payload of an operation that takes a document. Raises MaxMessageLengthExceeded."""
    pieces: list[bytes] = []
    while data := await exchange.read():
        pieces.append(data)
        if exchange.received > DOCUMENT_SIZE:
            raise S3Error("MaxMessageLengthExceeded", MaxMessageLengthBytes=DOCUMENT_SIZE)
    return b"".join(pieces)


def check_document(authorized: AuthorizedRequest, document: bytes) -> None:
    """Compare a document with every digest that the request declares.

    Raises S3Error: XAmzContentSHA256Mismatch, BadDigest, InvalidDigest, InvalidRequest (an
    operation that needs a digest has none).
    """
    _check_sha256(authorized.verified, document)
    if not document and authorized.op.method in BODILESS:
        return
    headers = authorized.head.headers
    md5 = headers.get("content-md5")
    if md5 is not None:
        check_md5(md5, hashlib.md5(document, usedforsecurity=False).digest())
    promised = None if authorized.op.name in _CHECKSUM_OF_OBJECT else _promised(headers)
    if promised:
        algorithm, value = promised
        hasher = checksums.hasher(algorithm)
        hasher.update(document)
        if hasher.b64() != value:
            raise S3Error("BadDigest", f"The {algorithm} you specified did not match")
    if authorized.op.name in DIGEST_REQUIRED and md5 is None and not promised:
        if authorized.principal is ANONYMOUS:
            raise S3Error("AccessDenied")  # only known callers learn what the request lacks
        raise S3Error(
            "InvalidRequest",
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        )


def check_md5(header: str, digest: bytes) -> None:
    """Raises S3Error InvalidDigest (not an MD5) or BadDigest (of other bytes)."""
    try:
        expected = b64decode(header, validate=True)
    except (Base64Error, ValueError):
        expected = b""
    if len(expected) != 16:
        raise S3Error("InvalidDigest")
    if expected != digest:
        raise S3Error("BadDigest")


def declared_trailers(headers: Mapping[str, str]) -> list[str]:
    """Lower-case names that x-amz-trailer announces."""
    names = headers.get("x-amz-trailer", "").split(",")
    return [name.strip().lower() for name in names if name.strip()]


def announce_checksum(members: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Set ChecksumAlgorithm from x-amz-trailer: the store needs it before the body arrives."""
    if "ChecksumAlgorithm" not in members:
        for name in declared_trailers(headers):
            algorithm = checksums.algorithm_of(name)
            if algorithm:
                members["ChecksumAlgorithm"] = algorithm


def _promised(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """(algorithm, base64) of the checksum in the headers."""
    found = {}
    for name in headers:
        if name.startswith("x-amz-checksum-"):
            algorithm = checksums.algorithm_of(name)
            if algorithm:
                found[checksums.member_of(algorithm)] = headers[name]
    return checksums.expected(found, NO_TRAILERS) if found else None


def _check_sha256(verified: Verified, document: bytes) -> None:
    if verified.payload.kind is PayloadKind.SIGNED:
        computed = hashlib.sha256(document).hexdigest() if document else EMPTY_SHA256
        if computed != verified.payload.sha256:
            raise _sha256_mismatch(verified.payload.sha256, computed)


def _sha256_mismatch(expected: str, computed: str) -> S3Error:
    return S3Error(
        "XAmzContentSHA256Mismatch",
        ClientComputedContentSHA256=expected,
        S3ComputedContentSHA256=computed,
    )


async def _hash(digest: Any, pieces: list[bytes], size: int) -> None:
    if size > INLINE_HASH:
        await asyncio.to_thread(_update, digest, pieces)
    else:
        _update(digest, pieces)


def _update(digest: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)
