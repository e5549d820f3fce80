"""Typed verbs over ObjectStore.call for callers inside the agent: control, sync, mounts.

Whoever uses these sees boto3's members no more. Raises S3Error as the store does.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.address import check_bucket_name, check_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.s3.object_headers import ATTRIBUTES, header_text, member_value
from s3d.shared.control import BucketInfo, Listing, ObjectInfo

ABSENT = "*"
"""As if_match of put: there must be no such object yet."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an object carries beside its data."""

    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case HTTP name, of object_headers.ATTRIBUTES."""
    storage_class: str | None = None

    def members(self) -> Members:
        """Of PutObject. Raises InvalidArgument for an Expires that is no HTTP date."""
        members = [(ATTRIBUTES[name], text) for name, text in self.headers.items()]
        found: Members = {member: member_value(member, text) for member, text in members}
        own: Members = {
            "ContentType": self.content_type,
            "Metadata": dict(self.metadata),
            "Tagging": urlencode(self.tags),
            "StorageClass": self.storage_class,
        }
        return found | {name: value for name, value in own.items() if value}


PLAIN = Attributes()


class S3Client:
    """The store, spoken to in Python."""

    def __init__(self, store: ObjectStore, *, fresh: bool = False) -> None:
        """fresh: nothing that was kept of the remote is good enough."""
        self._store = store
        self._fresh = fresh
        self._tagging = asyncio.Lock()

    async def buckets(self) -> list[BucketInfo]:
        """Names and dates of all buckets, by name."""
        found = (await self._call("ListBuckets")).output.get("Buckets", ())
        return [BucketInfo(row["Name"], row["CreationDate"].timestamp()) for row in found]

    async def create_bucket(self, bucket: str) -> None:
        check_bucket_name(bucket)
        await self._call("CreateBucket", Bucket=bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Raises BucketNotEmpty."""
        await self._call("DeleteBucket", Bucket=bucket)

    async def versioning(self, bucket: str) -> str:
        """ "" (never enabled), Enabled or Suspended."""
        output = (await self._call("GetBucketVersioning", Bucket=bucket)).output
        return str(output.get("Status", ""))

    async def head(self, bucket: str, key: str, *, version: str = "") -> ObjectInfo | None:
        """The object without its data and tags; None when there is none. Raises NoSuchBucket."""
        try:
            response = await self._call(
                "HeadObject", Bucket=bucket, Key=key, VersionId=version, ChecksumMode="ENABLED"
            )
        except S3Error as error:
            if error.status != 404 or error.code == "NoSuchBucket":
                raise
            return None
        return _info(bucket, key, response.output)

    async def get(
        self, bucket: str, key: str, *, byte_range: str = "", if_match: str = "", version: str = ""
    ) -> tuple[ObjectInfo, Body]:
        """The object and its data; the caller closes the body.

        byte_range: as in HTTP ("bytes=0-99"); the body's size tells how much came.
        """
        response = await self._call(
            "GetObject",
            Bucket=bucket,
            Key=key,
            Range=byte_range,
            IfMatch=if_match,
            VersionId=version,
            ChecksumMode="ENABLED",
        )
        return _info(bucket, key, response.output), response.body or BytesBody(b"")

    async def put(
        self,
        bucket: str,
        key: str,
        body: Body,
        attributes: Attributes = PLAIN,
        *,
        if_match: str = "",
        md5: str = "",
    ) -> ObjectInfo:
        """Store an object, and tell of it as it is there. See store()."""
        size = body.size
        etag, version = await self.store(bucket, key, body, attributes, if_match=if_match, md5=md5)
        stored = await self.head(bucket, key, version=version)
        if stored is not None and stored.etag == etag:
            return stored
        return ObjectInfo(bucket, key, size or 0, etag, time.time())  # replaced by now

    async def store(
        self,
        bucket: str,
        key: str,
        body: Body,
        attributes: Attributes = PLAIN,
        *,
        if_match: str = "",
        md5: str = "",
    ) -> tuple[str, str]:
        """Store an object; its ETag, and its version id or "".

        if_match: the ETag of the one to be replaced, or ABSENT. md5: of the body in Base64, which
        the store compares. The body is closed in any case.
        """
        async with aclosing(body):
            condition = "IfNoneMatch" if if_match == ABSENT else "IfMatch"
            members = {**attributes.members(), condition: if_match, "ContentMD5": md5}
            if body.size is not None:
                members["ContentLength"] = body.size
            response = await self._call("PutObject", body, Bucket=bucket, Key=key, **members)
        return response.output["ETag"], response.output.get("VersionId", "")

    async def copy(
        self, bucket: str, source: str, key: str, *, if_match: str, version: str = ""
    ) -> str:
        """Copy within a bucket, to a key that is free; the copy's ETag.

        if_match: ETag of the source. Raises PreconditionFailed.
        """
        check_key(source)
        place = f"{bucket}/{quote(source)}" + (f"?versionId={version}" if version else "")
        response = await self._call(
            "CopyObject",
            Bucket=bucket,
            Key=key,
            CopySource=place,
            CopySourceIfMatch=if_match,
            IfNoneMatch=ABSENT,
        )
        return str(response.output["CopyObjectResult"]["ETag"])

    async def copy_to(
        self, bucket: str, source: str, to_bucket: str, key: str, *, if_match: str,
        is_absent: bool = False,
    ) -> None:  # fmt: skip
        """Copy to any place, over what is there. if_match: ETag of the source.

        is_absent: raise PreconditionFailed when there is something.
        """
        check_key(source)
        await self._call(
            "CopyObject",
            Bucket=to_bucket,
            Key=key,
            CopySource=f"{bucket}/{quote(source)}",
            CopySourceIfMatch=if_match,
            IfNoneMatch=ABSENT if is_absent else "",
        )

    async def delete(self, bucket: str, key: str, *, if_match: str = "", version: str = "") -> None:
        """No error when there is no such object, as in S3."""
        await self._call(
            "DeleteObject", Bucket=bucket, Key=key, IfMatch=if_match, VersionId=version
        )

    async def page(
        self, bucket: str, prefix: str = "", *, delimiter: str = "", cursor: str = "", limit: int
    ) -> Listing:
        """One page; the next begins at its cursor. "": nothing follows.

        Raises InternalError for a page that is not the last and does not say how to go on: what it
        lacks would be taken for deleted.
        """
        output = (
            await self._call(
                "ListObjectsV2",
                Bucket=bucket,
                Prefix=prefix,
                Delimiter=delimiter,
                ContinuationToken=cursor,
                MaxKeys=limit,
            )
        ).output
        return Listing(
            [_row(bucket, row) for row in output.get("Contents", ())],
            [row["Prefix"] for row in output.get("CommonPrefixes", ())],
            _next_cursor(output, cursor, output.get("NextContinuationToken", "")),
        )

    async def versions_of(self, bucket: str, key: str, *, limit: int) -> Listing:
        """Those of one key, the newest first; at most so many, and delete markers among them."""
        page = await self.versions(bucket, key, limit=limit)
        found = [info for info in page.objects if info.key == key]
        found.sort(key=lambda info: (not info.is_latest, -info.last_modified))
        return Listing(found, [])

    async def restore(self, bucket: str, key: str, version: str) -> None:
        """Make an older version the newest, with its metadata and tags. Raises NoSuchVersion."""
        place = f"{bucket}/{quote(key)}?versionId={quote(version)}"
        await self._call("CopyObject", Bucket=bucket, Key=key, CopySource=place)

    async def versions(
        self, bucket: str, prefix: str = "", *, cursor: str = "", limit: int
    ) -> Listing:
        """One page of all versions and delete markers; a marker has no ETag."""
        marker, _, key = cursor.partition(" ")
        output = (
            await self._call(
                "ListObjectVersions",
                Bucket=bucket,
                Prefix=prefix,
                KeyMarker=key,
                VersionIdMarker=marker,
                MaxKeys=limit,
            )
        ).output
        rows = [*output.get("Versions", ()), *output.get("DeleteMarkers", ())]
        markers = [output.get(name, "") for name in ("NextVersionIdMarker", "NextKeyMarker")]
        following = _next_cursor(output, cursor, " ".join(markers) if all(markers) else "")
        return Listing([_row(bucket, row) for row in rows], [], following)

    async def list(
        self, bucket: str, prefix: str = "", *, delimiter: str = ""
    ) -> AsyncIterator[ObjectInfo | str]:
        """Objects and, with a delimiter, common prefixes (as str), in S3's order."""
        cursor = ""
        while True:
            page = await self.page(bucket, prefix, delimiter=delimiter, cursor=cursor, limit=1_000)
            rows: list[ObjectInfo | str] = [*page.objects, *page.prefixes]
            for row in sorted(rows, key=_name):
                yield row
            cursor = page.cursor
            if not cursor:
                return

    async def tags(self, bucket: str, key: str = "", *, version: str = "") -> dict[str, str]:
        """Of the object, or of the bucket."""
        try:
            if key:
                response = await self._call(
                    "GetObjectTagging", Bucket=bucket, Key=key, VersionId=version
                )
            else:
                response = await self._call("GetBucketTagging", Bucket=bucket)
        except S3Error as error:
            if error.code != "NoSuchTagSet":
                raise
            return {}
        return {tag["Key"]: tag["Value"] for tag in response.output.get("TagSet", ())}

    async def set_tags(
        self, bucket: str, key: str, changes: Mapping[str, str | None]
    ) -> dict[str, str]:
        """Change tags of the object, or of the bucket if key is "", and keep the others.

        None takes a tag off. The whole set afterwards. A change over S3 at the same moment can be
        lost, since S3 only knows how to replace the set; changes made here never are.
        """
        async with self._tagging:
            tags = await self.tags(bucket, key)
            wanted = {k: v for k, v in {**tags, **changes}.items() if v is not None}
            if wanted != tags:
                await self._replace_tags(bucket, key, wanted)
            return wanted

    async def _replace_tags(self, bucket: str, key: str, tags: Mapping[str, str]) -> None:
        """An empty tag set is none: S3 has a call of its own for that."""
        place: Members = {"Bucket": bucket, "Key": key} if key else {"Bucket": bucket}
        operation = "PutObjectTagging" if key else "PutBucketTagging"
        if tags:
            tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
            place["Tagging"] = {"TagSet": tag_set}
        else:
            operation = operation.replace("Put", "Delete")
        await self._call(operation, **place)

    async def _call(
        self, operation: str, body: Body | None = None, **members: Any
    ) -> S3Response[Any]:
        """Ask the store; members that are "" are left out."""
        if "Key" in members:
            check_key(members["Key"])
        given = {name: value for name, value in members.items() if value != ""}
        request_id = uuid.uuid4().hex[:16].upper()
        return await self._store.call(
            S3Request(
                operations()[operation], given, body, request_id=request_id, fresh=self._fresh
            )
        )


def _info(bucket: str, key: str, output: Mapping[str, Any]) -> ObjectInfo:
    """Of the output of GetObject or HeadObject."""
    return ObjectInfo(
        bucket=bucket,
        key=key,
        size=whole_size(output),
        etag=output["ETag"],
        last_modified=output["LastModified"].timestamp(),
        content_type=output.get("ContentType", ""),
        storage_class=output.get("StorageClass", "STANDARD"),
        version_id=output.get("VersionId"),
        metadata=output.get("Metadata", {}),
        headers={
            name: header_text(output[member])
            for name, member in ATTRIBUTES.items()
            if member in output
        },
        checksums={
            member.removeprefix("Checksum"): value
            for member, value in output.items()
            if member.startswith("Checksum") and member != "ChecksumType"
        },
    )


def _next_cursor(output: Mapping[str, Any], cursor: str, following: str) -> str:
    """The cursor of the next page, "" behind the last one. cursor: of this page.

    IsTruncated alone decides whether a page is the last: it is the one member that every answer
    has. Raises InternalError when more follows and nothing leads there.
    """
    if not output.get("IsTruncated", bool(following)):
        return ""
    if not following or following == cursor:
        raise S3Error(
            "InternalError",
            "A page of the listing is not the last and does not say how it goes on.",
        )
    return following


def whole_size(output: Mapping[str, Any]) -> int:
    """Also when only a range of it came: bytes 0-9/SIZE."""
    content_range = output.get("ContentRange", "")
    return int(content_range.rpartition("/")[2]) if content_range else output["ContentLength"]


def _row(bucket: str, row: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        bucket=bucket,
        key=row["Key"],
        size=row.get("Size", 0),
        etag=row.get("ETag", ""),
        last_modified=row["LastModified"].timestamp(),
        storage_class=row.get("StorageClass", "STANDARD"),
        version_id=row.get("VersionId"),
        is_latest=row.get("IsLatest", False),
    )


def _name(row: ObjectInfo | str) -> bytes:
    return (row if isinstance(row, str) else row.key).encode()
