"""What proves that a downloaded file has the bytes of an object: its checksum, or its ETag.

A checksum of the whole object comes first, then the ETag: the MD5 of the bytes, or that of the MD5s
of the parts. With SSE-KMS and SSE-C, and at some servers, an ETag is no digest.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.sparse_file import Update, feed, md5_between
from s3d.agent.s3.checksums import ALGORITHMS, FULL_OBJECT, hasher, multipart_etag
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.messages import Members
from s3d.agent.s3.part_sizes import PartPlan

ETAG = "ETag"
_PARTS = re.compile(r"[0-9a-f]{32}-([1-9][0-9]{0,4})")
_MD5 = re.compile(r"[0-9a-f]{32}")
_NO_DIGEST = ("aws:kms", "aws:kms:dsse")
_STEP = 32 << 20
"""Bytes that are hashed in one visit to a thread; between two, the work can be cancelled."""


class ContentProof(NamedTuple):
    """A digest that a store has named. algorithm: of s3/checksums.py, ETAG, or "" for none."""

    algorithm: str = ""
    value: str = ""
    """base64 of a checksum; an ETag without quotes."""
    part_size: int = 0
    """Of an ETag of parts; 0: it is the MD5 of the bytes."""


async def find_proof(client: S3Client, bucket: str, key: str, etag: str) -> ContentProof:
    """The proof of an object. Raises S3Error, PreconditionFailed when it is another one by now."""
    place: Members = {"Bucket": bucket, "Key": key, "IfMatch": etag}
    head = await client.output("HeadObject", place | {"ChecksumMode": "ENABLED"})
    if head.get("ChecksumType", FULL_OBJECT) == FULL_OBJECT:
        for algorithm in ALGORITHMS:
            value = str(head.get(f"Checksum{algorithm}") or "")
            if value and "-" not in value:
                return ContentProof(algorithm, value)
    if head.get("ServerSideEncryption") in _NO_DIGEST or head.get("SSECustomerAlgorithm"):
        return ContentProof()
    return await _of_etag(client, place, unquoted(etag), int(head["ContentLength"]))


async def _of_etag(client: S3Client, place: Members, etag: str, size: int) -> ContentProof:
    if _MD5.fullmatch(etag):
        return ContentProof(ETAG, etag)
    count = _PARTS.fullmatch(etag)
    if count is None:
        return ContentProof()
    try:
        first = await client.output("HeadObject", place | {"PartNumber": 1})
    except S3Error as error:
        if error.status >= 500 or error.status == 412:
            raise
        return ContentProof()  # a store that does not know parts
    part_size = int(first["ContentLength"])
    if not part_size or len(PartPlan(size, part_size)) != int(count[1]):
        return ContentProof()  # the parts have different sizes
    return ContentProof(ETAG, etag, part_size)


async def digest_of(
    fd: int, size: int, proof: ContentProof, also: Sequence[Update] = ()
) -> str | None:
    """The value that the proof of a file of these bytes has; None where the file ends early.

    also: hashers that take the same bytes.
    """
    if proof.algorithm == ETAG and proof.part_size:
        return await _digest_of_parts(fd, PartPlan(size, proof.part_size), also)
    md5 = hashlib.md5(usedforsecurity=False)
    checksum = hasher(proof.algorithm) if proof.algorithm not in ("", ETAG) else None
    updates = list(also)
    if checksum is not None:
        updates.append(checksum.update)
    elif proof.algorithm == ETAG:
        updates.append(md5.update)
    if not await _feed(fd, 0, size, updates):
        return None
    if checksum is not None:
        return checksum.b64()
    return md5.hexdigest() if proof.algorithm else ""


async def _digest_of_parts(fd: int, parts: PartPlan, also: Sequence[Update]) -> str | None:
    md5s = []
    for part in parts:
        md5 = await asyncio.to_thread(md5_between, fd, part.start, part.stop)
        if md5 is None or not await _feed(fd, part.start, part.stop, also):
            return None
        md5s.append(md5)
    return multipart_etag(md5s)


async def _feed(fd: int, start: int, stop: int, updates: Sequence[Update]) -> bool:
    if not updates:
        return True
    for at in range(start, stop, _STEP):
        if not await asyncio.to_thread(feed, fd, at, min(at + _STEP, stop), updates):
            return False
    return True
