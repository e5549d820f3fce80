"""Whether the remote has what was accepted: by ETag, else by checksum, else by reading it back.

A remote that encrypts with keys of its own, or cuts objects anew, gives other ETags than ours.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from enum import Enum, auto
from typing import Any

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.checksums import ALGORITHMS, hasher, multipart_etag
from s3d.agent.s3.messages import Body, Members
from s3d.agent.s3.object_headers import OPTIONAL
from s3d.agent.storage.records import STANDARD, ObjectRecord, Stored
from s3d.agent.stores.write_queue.remote_calls import BodyOf, staged

_FULL = "FULL_OBJECT"

SKEW = 2.0
"""Seconds that the remote may date a write of ours before its acceptance."""


class IntegrityCheck(Enum):
    """What an answer says about the content."""

    SAME = auto()
    OTHER = auto()
    OPEN = auto()
    """Nothing."""


def same_etag(one: str, other: str) -> bool:
    """Whether they agree, quoted or not."""
    return bool(one) and one.strip('"') == other.strip('"')


def judge(record: ObjectRecord, answer: Members) -> IntegrityCheck:
    """Of the answer of a write or of HeadObject with ChecksumMode."""
    if same_etag(answer.get("ETag", ""), record.etag):
        return IntegrityCheck.SAME
    if answer.get("ContentLength", record.size) != record.size:
        return IntegrityCheck.OTHER
    checksum = record.checksum
    theirs = answer.get(f"Checksum{checksum.algorithm}") if checksum is not None else None
    if checksum is None or theirs is None or answer.get("ChecksumType", _FULL) != checksum.kind:
        return IntegrityCheck.OPEN
    return IntegrityCheck.SAME if theirs == checksum.value else IntegrityCheck.OTHER


async def prove(
    inner: ObjectStore, body_of: BodyOf, place: Members, stored: Stored
) -> tuple[bool, str]:
    """(whether the remote has it, its ETag there), when the answer of the write left that open.

    place: Bucket and Key. Raises S3Error when the remote cannot be asked.
    """
    head = await S3Client(inner).output("HeadObject", {**place, "ChecksumMode": "ENABLED"})
    etag = str(head.get("ETag", ""))
    proof = judge(stored.record, head)
    if proof is not IntegrityCheck.OPEN:
        return proof is IntegrityCheck.SAME, etag
    algorithm = next((each for each in ALGORITHMS if head.get(f"Checksum{each}")), None)
    if algorithm is not None and head.get("ChecksumType", _FULL) == _FULL:
        ours = await _checksum(staged(body_of, stored.layout), algorithm)
        return ours == head[f"Checksum{algorithm}"], etag
    async with aclosing(payload(await S3Client(inner).call("GetObject", place))) as body:
        return same_etag(await etag_of(body, stored), stored.record.etag), etag


async def etag_of(body: Body, stored: Stored) -> str:
    """The ETag that S3 gives these bytes, cut into the parts of the stored object."""
    ends = [part.size for part in stored.layout.parts] or [stored.record.size]
    hashes: list[Any] = []
    left = 0
    async for chunk in body:
        view = memoryview(chunk)
        while view:
            while not left and len(hashes) < len(ends):
                left = ends[len(hashes)]
                hashes.append(_md5())
            piece = view[:left] if left else view  # more than there should be spoils the last hash
            await asyncio.to_thread(hashes[-1].update, piece)
            left, view = max(0, left - len(piece)), view[len(piece) :]
    hashes += [_md5() for _ in ends[len(hashes) :]]
    if not stored.layout.parts:
        return str(hashes[0].hexdigest())
    return multipart_etag([hash.digest() for hash in hashes])


def is_ours(stored: Stored, head: Members, *, same_bytes: bool = False) -> bool:
    """Whether HeadObject shows what a write of ours would have left: a lost answer's work.

    same_bytes: it was proven that the bytes are the same, whatever the ETag.

    Content alone does not say so: the key may have had the same bytes under another description,
    or from an earlier write. Tags and ACLs are not shown; a write that brings any is better
    repeated, and so is every other of which this cannot be told for certain.
    """
    record, about = stored.record, stored.record.about
    if about.tags or about.acl is not None or head.get("TagCount"):
        return False
    modified = head.get("LastModified")
    return (
        (same_bytes or same_etag(head.get("ETag", ""), record.etag))
        and head.get("ContentLength") == record.size
        and modified is not None
        and modified.timestamp() >= record.modified - SKEW
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
