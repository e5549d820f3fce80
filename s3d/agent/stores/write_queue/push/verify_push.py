"""Integrity of a push: staged bytes are verified before they are sent, the remote's copy after.

A file may have been damaged since it was written. A small payload is hashed before it is sent. A
large one is hashed while it is sent, and iteration raises at the end when the hash is wrong: the
remote store holds back the last bytes of a body until the iteration has ended, so the remote never
completes such an object.

The remote's copy is compared by ETag, else by checksum, else by reading it back: a remote that
encrypts with its own keys, or splits objects differently, returns ETags other than ours.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from enum import Enum, auto
from typing import Any, Protocol

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.checksums import ALGORITHMS, hasher, multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import NO_TRAILERS, Body, BytesBody, Members
from s3d.agent.s3.object_headers import OPTIONAL
from s3d.agent.storage.records import STANDARD, Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle

BodyOf = Callable[[Layout], Body]
"""Opens the staged bytes of a layout; the caller closes the body. Raises InternalError for files
that are lost."""
SMALL = 256 << 10
"""Up to this size (bytes) a payload is read into memory first, so that it can be sent again."""
_INLINE = 64 << 10
"""Up to this size (bytes) a chunk is hashed on the loop, without a thread."""
_LOST = frozenset((errno.ENOENT, errno.EIO, errno.ESTALE, errno.ENOTDIR, errno.EISDIR))
"""Errors of a file that is permanently lost, unlike those of a process that lacks resources."""
CLOCK_TOLERANCE = 2.0
"""Seconds that the remote may date our write before its acceptance."""

_FULL = "FULL_OBJECT"


class Hash(Protocol):
    """A hash object of hashlib."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class OnSent(Protocol):
    """Called as a push proceeds."""

    def __call__(self, size: int, *, is_there: bool = False) -> None:
        """size: further bytes that are being sent; is_there: or that the remote has already."""


class StagedDataCorrupt(S3Error):
    """The staged bytes are lost or damaged: they must not be pushed."""

    def __init__(self, reason: str) -> None:
        super().__init__("InternalError", reason)


class VerifiedBody:
    """A Body whose iteration raises StagedDataCorrupt at its end when the bytes are wrong."""

    def __init__(self, source: Body, md5: bytes, throttle: PushThrottle, on_sent: OnSent) -> None:
        self.size = source.size
        self._source = source
        self._md5 = md5
        self._throttle = throttle
        self._on_sent = on_sent

    @property
    def trailers(self) -> Mapping[str, str]:
        return NO_TRAILERS

    async def __aiter__(self) -> AsyncIterator[bytes]:
        md5 = hashlib.md5(usedforsecurity=False)
        async for chunk in read(self._source):
            await _update(md5, chunk)
            async for piece in self._throttle.slices(chunk):
                yield piece
                self._on_sent(len(piece))
        _check(md5, self._md5)

    async def aclose(self) -> None:
        await self._source.aclose()


async def verified_payload(
    source: Body, md5: bytes, *, throttle: PushThrottle, on_sent: OnSent
) -> Body:
    """The body to send for staged bytes; a small one is verified here and admitted by the throttle.

    on_sent: called by a large one; count_small() counts a small one. Raises StagedDataCorrupt.
    """
    if (source.size or 0) > SMALL:
        return VerifiedBody(source, md5, throttle, on_sent)
    if isinstance(source, BytesBody):
        data = source.data
    else:
        async with aclosing(source):
            data = b"".join([chunk async for chunk in read(source)])
    _check(hashlib.md5(data, usedforsecurity=False), md5)
    await throttle.admit(len(data))
    return BytesBody(data)


@contextmanager
def count_small(body: Body, on_sent: OnSent) -> Iterator[None]:
    """Around the request that sends a small payload: count it, unless the remote could not be
    reached. Otherwise the queue would have an upload rate while the remote is away."""
    size = len(body.data) if isinstance(body, BytesBody) else 0
    try:
        yield
    except S3Error as error:
        cause = error.failure
        if not isinstance(cause, Unreachable) or cause.sent:
            on_sent(size)
        raise
    on_sent(size)


def open_staged(body_of: BodyOf, layout: Layout) -> Body:
    """The bytes of a layout, which may be empty. Raises StagedDataCorrupt."""
    if not layout.extents:
        return BytesBody(b"")
    with lost_as_corrupt():
        return body_of(layout)


async def md5_of(source: Body) -> bytes:
    """The MD5 of a payload, which is closed. Raises StagedDataCorrupt."""
    md5 = hashlib.md5(usedforsecurity=False)
    async with aclosing(source):
        async for chunk in read(source):
            await _update(md5, chunk)
    return md5.digest()


async def read(source: Body) -> AsyncIterator[bytes]:
    """The bytes of a staged payload. Raises StagedDataCorrupt when they are lost."""
    with lost_as_corrupt():
        async for chunk in source:
            yield chunk


@contextmanager
def lost_as_corrupt() -> Iterator[None]:
    """Translate errors of lost staged files into StagedDataCorrupt."""
    try:
        yield
    except S3Error as error:
        cause = error.failure
        is_other = isinstance(cause, OSError) and cause.errno not in _LOST
        if isinstance(error, StagedDataCorrupt) or is_other:
            raise
        raise StagedDataCorrupt(error.message) from error


async def _update(md5: Hash, chunk: bytes) -> None:
    if len(chunk) > _INLINE:
        await asyncio.to_thread(md5.update, chunk)
    else:
        md5.update(chunk)


def _check(md5: Hash, expected: bytes) -> None:
    if md5.digest() != expected:
        raise StagedDataCorrupt("the staged bytes differ from those that were accepted")


class IntegrityCheck(Enum):
    """What an answer proves about the content."""

    SAME = auto()
    OTHER = auto()
    UNKNOWN = auto()


def compare_answer(record: ObjectRecord, answer: Members) -> IntegrityCheck:
    """Compare the answer of a write, or of HeadObject with ChecksumMode, with the staged object."""
    if same_etag(answer.get("ETag", ""), record.etag):
        return IntegrityCheck.SAME
    if answer.get("ContentLength", record.size) != record.size:
        return IntegrityCheck.OTHER
    checksum = record.checksum
    theirs = answer.get(f"Checksum{checksum.algorithm}") if checksum is not None else None
    if checksum is None or theirs is None or answer.get("ChecksumType", _FULL) != checksum.kind:
        return IntegrityCheck.UNKNOWN
    return IntegrityCheck.SAME if theirs == checksum.value else IntegrityCheck.OTHER


async def compare_content(
    remote: S3Client, body_of: BodyOf, place: Members, stored: Stored
) -> tuple[bool, str]:
    """Compare checksums, else the bytes: (whether the remote has the object, its ETag there).

    For an answer that is UNKNOWN. place: Bucket and Key. Raises S3Error when the remote cannot be
    asked.
    """
    head = await remote.output("HeadObject", {**place, "ChecksumMode": "ENABLED"})
    etag = str(head.get("ETag", ""))
    check = compare_answer(stored.record, head)
    if check is not IntegrityCheck.UNKNOWN:
        return check is IntegrityCheck.SAME, etag
    algorithm = next((each for each in ALGORITHMS if head.get(f"Checksum{each}")), None)
    if algorithm is not None and head.get("ChecksumType", _FULL) == _FULL:
        ours = await _checksum(open_staged(body_of, stored.layout), algorithm)
        return ours == head[f"Checksum{algorithm}"], etag
    async with aclosing(payload(await remote.call("GetObject", place))) as body:
        return same_etag(await etag_of(body, stored), stored.record.etag), etag


async def check_pushed(
    remote: S3Client, body_of: BodyOf, place: Members, stored: Stored, answer: Members
) -> str:
    """The remote's ETag of an object, by the answer of its write. Raises BadDigest."""
    check, etag = compare_answer(stored.record, answer), str(answer.get("ETag", ""))
    same = check is IntegrityCheck.SAME
    if check is IntegrityCheck.UNKNOWN:
        same, etag = await compare_content(remote, body_of, place, stored)
    if not same:
        raise S3Error("BadDigest", "the remote stored other bytes than were sent to it")
    return etag or stored.record.etag


async def etag_of(body: Body, stored: Stored) -> str:
    """The ETag that S3 gives these bytes when they are split into the stored object's parts."""
    ends = [part.size for part in stored.layout.parts] or [stored.record.size]
    hashes: list[Any] = []
    left = 0
    async for chunk in body:
        view = memoryview(chunk)
        while view:
            while not left and len(hashes) < len(ends):
                left = ends[len(hashes)]
                hashes.append(_md5())
            piece = view[:left] if left else view  # surplus bytes make the last hash wrong
            await asyncio.to_thread(hashes[-1].update, piece)
            left, view = max(0, left - len(piece)), view[len(piece) :]
    hashes += [_md5() for _ in ends[len(hashes) :]]
    if not stored.layout.parts:
        return str(hashes[0].hexdigest())
    return multipart_etag([hash.digest() for hash in hashes])


def is_our_write(stored: Stored | None, head: Members, *, same_bytes: bool = False) -> bool:
    """Whether HeadObject shows the result of our write whose response was lost.

    stored: None for a delete. head: empty for an absent key.
    same_bytes: compare_content has proven that the bytes are the same, whatever the ETag.

    Equal content alone proves nothing: the key may have had the same bytes with another
    description, or from an earlier write. HeadObject does not show tags and ACLs, so a write that
    sets any returns False and is repeated.
    """
    if stored is None:
        return not head
    record, about = stored.record, stored.record.description
    if about.tags or about.acl is not None or head.get("TagCount"):
        return False
    modified = head.get("LastModified")
    return (
        (same_bytes or same_etag(head.get("ETag", ""), record.etag))
        and head.get("ContentLength") == record.size
        and modified is not None
        and modified.timestamp() >= record.modified - CLOCK_TOLERANCE
        and head.get("StorageClass", STANDARD) == record.storage_class
        and (head.get("Metadata") or {}) == about.metadata
        and all(head.get(name) == about.headers.get(name) for name in (*OPTIONAL, *about.headers))
    )


async def _checksum(body: Body, algorithm: str) -> str:
    running = hasher(algorithm)
    async with aclosing(body):
        async for chunk in body:
            await asyncio.to_thread(running.update, chunk)
    return running.b64()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def copied_etag(record: ObjectRecord, answer: Members, head: Members | None) -> str:
    """The ETag of a copy that the remote has made. answer: of CopyObject. head: of HeadObject
    afterwards; None: it is denied. Raises BadDigest when the copy is not what was copied."""
    etag = str((answer.get("CopyObjectResult") or {}).get("ETag", ""))
    is_same = head is None or (
        head.get("ContentLength") == record.size and same_etag(str(head.get("ETag", "")), etag)
    )
    if not is_same:
        raise S3Error("BadDigest", "the copy at the remote differs from its source")
    return etag
