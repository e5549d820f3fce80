"""Decodes the aws-chunked coding of uploads: unsigned, signed, and with trailers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html

A signed chunk of at most HELD_CHUNK bytes is handed out once its signature has been verified. A
larger one is hashed while its bytes are handed out, and a wrong signature is detected at its end.
So, as with every Body, nothing may be published before finish() has returned.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto

from s3d.agent.s3.checksums import algorithm_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.signature_elements import ALGORITHM, EMPTY_SHA256, PayloadKind, mac
from s3d.agent.s3.sigv4 import Seed, Verified

HELD_CHUNK = 1024 * 1024
"""Bytes of a signed chunk that are kept back until its signature has been verified."""
MIN_CHUNK = 8192
"""Bytes that each chunk but the last must have, as with AWS."""
MAX_BODY = 5 * 1024**3
"""Bytes of a PUT or of a part, decoded."""
MAX_LINE = 1024
"""Bytes of a line: a chunk's size and signature, or a trailer."""

_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})\r\n")
_SIGNED_SIZE = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})\r\n")
_TRAILER = re.compile(r"([A-Za-z0-9-]+):[ \t]*([!-~]+)[ \t]*")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Decoder:
    """Decodes one body, piece by piece; after an error it must not be used again.

    decoded_length: x-amz-decoded-content-length. declared_trailers: the names in x-amz-trailer.
    Raises S3Error: SignatureDoesNotMatch, IncompleteBody (the lengths disagree, or the end is
    missing), InvalidChunkSizeError, MalformedTrailerError, and InvalidRequest for bad framing.
    """

    def __init__(
        self, verified: Verified, decoded_length: int | None, declared_trailers: Collection[str]
    ) -> None:
        kind = verified.payload.kind
        if not kind.streaming:
            raise ValueError(f"{kind} is not aws-chunked")
        self._signed = kind.chunks_signed
        self._trailers = _Trailers(declared_trailers, kind)
        self._chain = _Chain(verified.seed) if verified.seed else None
        self._length = decoded_length
        self._decoded = 0
        self._chunk = MIN_CHUNK
        self._left = 0
        """Bytes of the current chunk that have not arrived."""
        self._signature = b""
        """What the current chunk's signature should be, as sent."""
        self._held: bytearray | None = None
        self._line = b""
        self._on_line: Callable[[bytes], None] | None = self._size_line

    @property
    def trailers(self) -> Mapping[str, str]:
        """Lower-case name -> value; complete after finish()."""
        return self._trailers.values

    def feed(self, data: bytes) -> bytes:
        """The decoded bytes that may be used now. The bytes of large chunks are not copied."""
        if len(data) <= self._left:
            return bytes(self._take(data))
        view, at = memoryview(data), 0
        usable: list[bytes | bytearray | memoryview] = []
        while at < len(data):
            if self._left:
                piece = view[at : at + self._left]
                usable.append(self._take(piece))
                at += len(piece)
            else:
                at = self._read_line(data, at)
        return b"".join(usable)

    def finish(self) -> None:
        """Call at the end of the body. Raises IncompleteBody when the coding has not ended."""
        if self._on_line is not None:
            raise S3Error("IncompleteBody", "The request body terminated unexpectedly")

    def _take(self, piece: bytes | memoryview) -> bytes | bytearray | memoryview:
        """Consume bytes of the current chunk; the bytes that may be used now."""
        self._left -= len(piece)
        if self._chain is None:
            return piece
        self._chain.update(piece)
        if self._held is not None:
            self._held += piece
        if self._left == 0:
            self._chain.check_chunk(self._signature)
        if self._held is None:
            return piece
        return self._held if self._left == 0 else b""

    def _read_line(self, data: bytes, at: int) -> int:
        """Consume bytes of a line and act on it when it is whole; where the next byte is."""
        if self._on_line is None:
            raise _malformed("there are bytes after its end")
        end = data.find(b"\n", at, at + MAX_LINE) + 1
        self._line += data[at : end or len(data)][: MAX_LINE + 1]
        if len(self._line) > MAX_LINE:
            raise _malformed(f"a line is longer than {MAX_LINE} bytes")
        if not end:
            return len(data)
        line, self._line = self._line, b""
        self._on_line(line)
        return end

    def _size_line(self, line: bytes) -> None:
        match = (_SIGNED_SIZE if self._signed else _SIZE).fullmatch(line)
        if match is None:
            if self._signed and _SIZE.fullmatch(line):
                raise S3Error("SignatureDoesNotMatch", "A chunk has no chunk-signature")
            raise _malformed("a chunk does not begin with its size")
        size = int(match[1], 16)
        self._signature = match[2] if self._signed else b""
        if size:
            self._begin_chunk(size)
        else:
            self._end_chunks()

    def _begin_chunk(self, size: int) -> None:
        if self._chunk < MIN_CHUNK:
            raise S3Error("InvalidChunkSizeError", Chunk=self._chunk)
        self._decoded += size
        if self._decoded > (MAX_BODY if self._length is None else self._length):
            raise self._wrong_length()
        self._chunk = self._left = size
        self._held = bytearray() if self._chain and size <= HELD_CHUNK else None
        self._on_line = self._data_end

    def _data_end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise _malformed("a chunk is longer than its size")
        self._on_line = self._size_line

    def _end_chunks(self) -> None:
        if self._length not in (None, self._decoded):
            raise self._wrong_length()
        if self._chain:
            self._chain.check_chunk(self._signature)
        self._on_line = self._trailer_line if self._trailers.are_expected else self._last_line

    def _trailer_line(self, line: bytes) -> None:
        match self._trailers.read(line, self._chain):
            case _After.END:
                self._end()
            case _After.LAST_LINE:
                self._on_line = self._last_line

    def _last_line(self, line: bytes) -> None:
        if line != b"\r\n":
            raise _malformed("it does not end in an empty line")
        self._end()

    def _end(self) -> None:
        self._trailers.check_complete()
        self._on_line = None

    def _wrong_length(self) -> S3Error:
        if self._length is None:
            return S3Error("EntityTooLarge", MaxSizeAllowed=MAX_BODY)
        return S3Error(
            "IncompleteBody", "The body does not have the x-amz-decoded-content-length bytes"
        )


class _After(Enum):
    """What follows a line among the trailers."""

    MORE = auto()
    """Another trailer, or their signature."""
    LAST_LINE = auto()
    """The empty line at the end."""
    END = auto()


class _Trailers:
    """The headers behind the last chunk, each declared by x-amz-trailer."""

    def __init__(self, declared: Collection[str], kind: PayloadKind) -> None:
        self.values: dict[str, str] = {}
        self.are_expected = kind is not PayloadKind.STREAMING_SIGNED
        self._are_signed = kind.chunks_signed
        self._had_empty_line = False
        self._declared = {name.strip().lower() for name in declared}
        if any(algorithm_of(name) is None for name in self._declared):
            raise S3Error(
                "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"
            )

    def read(self, line: bytes, chain: _Chain | None) -> _After:
        """A trailer, the signature of the trailers, or the empty line at the end.

        In AWS's examples, and from minio-go, a signed trailer ends in LF and an empty line stands
        between it and its signature; both forms are accepted.
        """
        text = line.decode("latin-1").rstrip("\r\n")
        if not text:
            return self._read_empty_line()
        match = _TRAILER.fullmatch(text)
        name, value = (match[1].lower(), match[2]) if match else ("", "")
        if name == _TRAILER_SIGNATURE and self._are_signed:
            if chain:
                chain.check_trailers(self.values, value)
            return _After.LAST_LINE
        if name not in self._declared or name in self.values:
            raise S3Error("MalformedTrailerError")
        self.values[name] = value
        return _After.MORE

    def check_complete(self) -> None:
        """Raise MalformedTrailerError unless every declared trailer has come."""
        if self._declared != self.values.keys():
            raise S3Error("MalformedTrailerError")

    def _read_empty_line(self) -> _After:
        if not self._are_signed:
            return _After.END
        if self._had_empty_line:
            raise S3Error("MalformedTrailerError")
        self._had_empty_line = True
        return _After.MORE


class _Chain:
    """The chain of signatures: each one signs a chunk and the signature before it."""

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._previous = seed.signature
        self._hash = hashlib.sha256()
        self.update = self._hash.update

    def check_chunk(self, signature: bytes) -> None:
        """Verify the chunk whose bytes went through update(), and begin the next."""
        digest = self._hash.hexdigest()
        self._check(f"{ALGORITHM}-PAYLOAD", f"{EMPTY_SHA256}\n{digest}", signature)
        self._hash = hashlib.sha256()
        self.update = self._hash.update

    def check_trailers(self, trailers: Mapping[str, str], signature: str) -> None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        digest = hashlib.sha256(lines.encode()).hexdigest()
        self._check(f"{ALGORITHM}-TRAILER", digest, signature.encode())

    def _check(self, what: str, digests: str, signature: bytes) -> None:
        seed = self._seed
        text = f"{what}\n{seed.date}\n{seed.scope}\n{self._previous}\n{digests}"
        right = mac(seed.key, text.encode())
        if not hmac.compare_digest(right.encode(), signature):
            raise S3Error("SignatureDoesNotMatch")
        self._previous = right


def _malformed(why: str) -> S3Error:
    return S3Error("InvalidRequest", f"The aws-chunked body is malformed: {why}")
