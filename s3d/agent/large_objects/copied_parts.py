"""A copy of an object that is too large for one CopyObject: the store copies its parts.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/CopyingObjectsMPUapi.html
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import Moved, UploadPlan
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ENCRYPTION, TRANSFERABLE
from s3d.agent.s3.part_sizes import MAX_SINGLE, PartSpan, plan_parts

COPIED_PART = 512 << 20
"""Bytes of a part that the store copies itself."""


class CopySource(NamedTuple):
    """The version of an object that is copied."""

    bucket: str
    key: str
    size: int
    etag: str
    version: str = ""
    """Its version id; "" for the newest."""

    @property
    def members(self) -> Members:
        """The version as members of a read."""
        read: Members = {"Bucket": self.bucket, "Key": self.key, "IfMatch": self.etag}
        return read | ({"VersionId": self.version} if self.version else {})

    @property
    def text(self) -> str:
        """As CopySource of a copy."""
        version = f"?versionId={quote(self.version)}" if self.version else ""
        return f"{self.bucket}/{quote(self.key)}{version}"


def needs_parts(size: int) -> bool:
    """Whether a copy of this size cannot be one request."""
    return size > MAX_SINGLE


async def copy_in_parts(
    transfers: PartTransfers,
    owner: str,
    source: CopySource,
    place: Members,
    *,
    condition: Members,
    moved: Moved,
    client: S3Client,
    changed: Members | None = None,
) -> Members:
    """Copy an object with its headers, metadata and tags; the answer of the completion.

    place, condition: of the target. client: its multipart uploads go past the write queue. changed:
    members of CreateMultipartUpload that are not those of the source. Raises S3Error,
    PreconditionFailed when the source is another one by now.
    """
    head = await client.output("HeadObject", source.members)
    if head["ETag"] != source.etag:
        raise S3Error("PreconditionFailed", "The object was replaced meanwhile.")
    attributes = {name: head[name] for name in (*TRANSFERABLE, "Metadata") if head.get(name)}
    tags = await client.tags(source.bucket, source.key, version=source.version)
    if tags:
        attributes["Tagging"] = urlencode(tags)
    attributes |= await _encryption(client, place["Bucket"], head)
    attributes |= changed or {}
    parts = plan_parts(source.size, COPIED_PART)
    plan = UploadPlan(place, attributes, condition, parts, source.etag)
    return await transfers.upload(owner, plan, CopiedParts(source), moved, client=client)


async def _encryption(client: S3Client, bucket: str, head: Members) -> Members:
    """The members that encrypt a copy as its source is, if the bucket has no default of its own.

    AWS has one for each bucket, which decides then. Of an embedded store, CopyObject does the same.
    """
    encryption = {name: head[name] for name in ENCRYPTION if head.get(name)}
    if not encryption:
        return {}
    try:
        await client.output("GetBucketEncryption", {"Bucket": bucket})
    except S3Error as error:
        if error.code == "ServerSideEncryptionConfigurationNotFoundError":
            return encryption
    return {}


class CopiedParts:
    """The parts of an object that the store itself copies."""

    def __init__(self, source: CopySource) -> None:
        self._source: Members = {
            "CopySource": source.text,
            "CopySourceIfMatch": source.etag,
        }

    async def has_sent(self, part: PartSpan, etag: str) -> bool:
        """Only the part map knows."""
        return False

    async def send(self, client: S3Client, members: Members, part: PartSpan, moved: Moved) -> str:
        """Copy a part. Raises PreconditionFailed when the source is another one by now."""
        copied = members | self._source | {"CopySourceRange": part.byte_range}
        answer = await client.output("UploadPartCopy", copied)
        moved(part.size)
        return str(answer["CopyPartResult"]["ETag"])

    async def check(self) -> None:
        """Each part was copied on the condition that the source is the same."""
