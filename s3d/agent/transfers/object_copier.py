"""Copies one object from one store to another with its parts, headers and tags, and verifies it.

It never overwrites: an object that the target has under the same key may be newer.
"""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

from s3d.agent.core.client import S3Client, payload
from s3d.agent.core.store import ObjectStore
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import UploadPlan
from s3d.agent.s3.checksums import ALGORITHMS
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, Members
from s3d.agent.s3.object_headers import TRANSFERABLE
from s3d.agent.transfers.stored_parts import StoredParts

OWNER = "migration"
"""Of the uploads; there is one migration at a time."""
EXISTS = "ObjectAlreadyExists"
"""An error code of s3d: the target has another object with this key."""
_MD5 = re.compile(r'"([0-9a-f]{32})"')
_PARTS = re.compile(r'"[0-9a-f]{32}-(\d+)"')
_NO_MD5 = ("aws:kms", "aws:kms:dsse")
"""Encryption with which an ETag is not a digest of the bytes."""


class CopyResult(Enum):
    """What became of it."""

    COPIED = "copied"
    THERE = "there"


@dataclass(frozen=True, slots=True)
class ObjectCopier:
    """From source to target."""

    source: ObjectStore
    target: ObjectStore
    parts: PartTransfers
    """Sends objects in parts to the target."""

    async def copy(self, bucket: str, key: str) -> CopyResult:
        """Raises S3Error: EXISTS, BadDigest when what arrived is not what was sent, and others."""
        place = {"Bucket": bucket, "Key": key}
        head = await S3Client(self.source).output("HeadObject", place | {"ChecksumMode": "ENABLED"})
        there = await self._look(place)
        if there is not None:
            if same(head, there):
                return CopyResult.THERE
            raise S3Error(EXISTS, "the remote has another object with this key")
        headers = {name: head[name] for name in (*TRANSFERABLE, "Metadata") if head.get(name)}
        tags = (await S3Client(self.source).output("GetObjectTagging", place)).get("TagSet") or ()
        if tags:
            headers["Tagging"] = urlencode({tag["Key"]: tag["Value"] for tag in tags})
        parts = _PARTS.fullmatch(head["ETag"])
        if parts:
            await self._in_parts(place, headers, head, int(parts[1]))
        else:
            await self._at_once(place, headers, head)
        there = await self._look(place)
        if there is None or not same(head, there):
            raise S3Error("BadDigest", "the remote stored other bytes than were sent to it")
        return CopyResult.COPIED

    async def is_there(self, bucket: str, key: str) -> str:
        """The ETag at the source, when the target has the same object; else ""."""
        place = {"Bucket": bucket, "Key": key}
        head, there = (
            await S3Client(self.source).output("HeadObject", place),
            await self._look(place),
        )
        return str(head["ETag"]) if there is not None and same(head, there) else ""

    async def _look(self, place: Members) -> Members | None:
        try:
            return await S3Client(self.target).output("HeadObject", place)
        except S3Error as error:
            if error.status != 404:
                raise
            return None

    async def _at_once(self, place: Members, headers: Members, head: Members) -> None:
        members = place | headers | {"ContentLength": head["ContentLength"]}
        md5 = _MD5.fullmatch(head["ETag"])
        if md5 and head.get("ServerSideEncryption") not in _NO_MD5:
            members["ContentMD5"] = base64.b64encode(bytes.fromhex(md5[1])).decode()
        if head.get("ChecksumType") != "COMPOSITE":
            names = (f"Checksum{algorithm}" for algorithm in ALGORITHMS)
            members |= {name: head[name] for name in names if head.get(name)}
        try:
            body = await self._read(place)
            await S3Client(self.target).output("PutObject", members | {"IfNoneMatch": "*"}, body)
        except S3Error as error:
            if error.code != "NotImplemented":
                raise
            await S3Client(self.target).output("PutObject", members, await self._read(place))

    async def _in_parts(self, place: Members, headers: Members, head: Members, count: int) -> None:
        """With the same parts, so that the ETag is the same. After a crash the next migration
        continues; an upload that is cancelled is aborted: its parts would cost money."""
        source = StoredParts(self.source, place, head["ETag"])
        plan = UploadPlan(place, headers, {}, await source.spans(count), head["ETag"])
        try:
            await self.parts.upload(OWNER, plan, source, lambda size: None)
        except asyncio.CancelledError:
            await self.parts.abandon(OWNER, place)
            raise

    async def _read(self, members: Members) -> Body:
        return payload(await S3Client(self.source).call("GetObject", members))


def same(one: Members, other: Members) -> bool:
    """Whether two HeadObject responses describe the same bytes, as far as they show."""
    if one["ContentLength"] != other["ContentLength"]:
        return False
    hidden = any(head.get("ServerSideEncryption") in _NO_MD5 for head in (one, other))
    return hidden or bool(one["ETag"] == other["ETag"])
