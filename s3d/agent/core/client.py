"""How code inside the agent calls a store: the control API, sync, transfers, and the layers.

The typed verbs hide boto3's members. Everything raises S3Error as the store does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from s3d.agent.core.context import background_context, internal_request
from s3d.agent.core.object_info import PLAIN, ObjectAttributes, listed_info, object_info
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, RequestContext, S3Response
from s3d.agent.s3.named_objects import check_bucket_name
from s3d.agent.s3.routing import check_key
from s3d.shared.control import BucketInfo, Listing, ObjectInfo
from s3d.shared.logs import current_request

IF_ABSENT = "*"
"""The if_match of a put that must not replace an object."""


class S3Client:
    """Calls one store: typed verbs for the usual operations, call() and output() for any."""

    def __init__(
        self,
        store: ObjectStore,
        context: RequestContext | None = None,
        *,
        bypass_cache: bool = False,
        bypass_queue: bool = False,
    ) -> None:
        """context: of the request that the calls are made for. None: they are made for no client,
        and each has a request id of its own. bypass_cache: every answer must be current.
        bypass_queue: multipart uploads go to the remote itself."""
        self.target = store
        """The store that is called."""
        self._context = context
        self._bypass_cache = bypass_cache
        self._bypass_queue = bypass_queue
        self._tagging = asyncio.Lock()

    async def call(
        self, operation: str, members: Members, body: Body | None = None
    ) -> S3Response[Any]:
        """Any operation by its AWS name. The caller closes the body of the response.

        Raises S3Error, and TimeoutError at the deadline of the context.
        """
        context = self._context
        if context is None:
            context = background_context(
                bypass_cache=self._bypass_cache, bypass_queue=self._bypass_queue
            )
        request = internal_request(context, operation, members, body)
        token = current_request.set(request)
        try:
            if context.deadline is None:
                return await self.target.call(request)
            async with asyncio.timeout_at(context.deadline):
                return await self.target.call(request)
        finally:
            current_request.reset(token)

    async def output(self, operation: str, members: Members, body: Body | None = None) -> Members:
        """The members of the response, whose payload is thrown away.

        The body that is sent is closed, also when the store has not read it: its file cannot be
        removed while it is open.
        """
        async with aclosing(body if body is not None else BytesBody(b"")):
            response = await self.call(operation, members, body)
        if response.body is not None:
            await response.body.aclose()
        return dict(response.output)

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
        """The object without its data and tags, or None. Raises NoSuchBucket."""
        try:
            response = await self._call(
                "HeadObject", Bucket=bucket, Key=key, VersionId=version, ChecksumMode="ENABLED"
            )
        except S3Error as error:
            if error.status != 404 or error.code == "NoSuchBucket":
                raise
            return None
        return object_info(bucket, key, response.output)

    async def get(
        self, bucket: str, key: str, *, byte_range: str = "", if_match: str = "", version: str = ""
    ) -> tuple[ObjectInfo, Body]:
        """The object and its data; the caller closes the body.

        byte_range: as in HTTP ("bytes=0-99"); the size of the body is that of the range.
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
        try:
            return object_info(bucket, key, response.output), payload(response)
        except S3Error:
            await payload(response).aclose()
            raise

    async def put(
        self,
        bucket: str,
        key: str,
        body: Body,
        attributes: ObjectAttributes = PLAIN,
        *,
        if_match: str = "",
        md5: str = "",
    ) -> ObjectInfo:
        """Store an object, and read back what is stored. See store()."""
        size = body.size
        etag, version = await self.store(bucket, key, body, attributes, if_match=if_match, md5=md5)
        stored = await self.head(bucket, key, version=version)
        if stored is not None and stored.etag == etag:
            return stored
        # Another writer has replaced it meanwhile.
        return ObjectInfo(bucket, key, size or 0, etag, time.time())

    async def store(
        self,
        bucket: str,
        key: str,
        body: Body,
        attributes: ObjectAttributes = PLAIN,
        *,
        if_match: str = "",
        md5: str = "",
    ) -> tuple[str, str]:
        """Store an object; its ETag, and its version id or "".

        if_match: the ETag of the object to replace, or IF_ABSENT. md5: Content-MD5 of the body,
        which the store verifies. The body is closed in any case.
        """
        async with aclosing(body):
            condition = "IfNoneMatch" if if_match == IF_ABSENT else "IfMatch"
            members = {**attributes.members(), condition: if_match, "ContentMD5": md5}
            if body.size is not None:
                members["ContentLength"] = body.size
            response = await self._call("PutObject", body, Bucket=bucket, Key=key, **members)
        return response.output["ETag"], response.output.get("VersionId", "")

    async def copy(
        self,
        bucket: str,
        source: str,
        key: str,
        *,
        if_match: str,
        version: str = "",
        to_bucket: str = "",
        overwrite: bool = False,
        attributes: Members | None = None,
    ) -> str:
        """Copy an object, by default within its bucket; the copy's ETag.

        if_match: ETag of the source. attributes: further members of CopyObject, for a copy that is
        to have other metadata or tags. Raises PreconditionFailed when the source is another one, or
        when there is an object at the target and it is not to be overwritten.
        """
        check_key(source)
        place = f"{bucket}/{quote(source)}" + (f"?versionId={version}" if version else "")
        response = await self._call(
            "CopyObject",
            Bucket=to_bucket or bucket,
            Key=key,
            CopySource=place,
            CopySourceIfMatch=if_match,
            IfNoneMatch="" if overwrite else IF_ABSENT,
            **(attributes or {}),
        )
        return str(response.output["CopyObjectResult"]["ETag"])

    async def delete(self, bucket: str, key: str, *, if_match: str = "", version: str = "") -> None:
        """No error when there is no such object, as in S3."""
        await self._call(
            "DeleteObject", Bucket=bucket, Key=key, IfMatch=if_match, VersionId=version
        )

    async def page(
        self, bucket: str, prefix: str = "", *, delimiter: str = "", cursor: str = "", limit: int
    ) -> Listing:
        """One page of a listing. Its cursor leads to the next one; "": it is the last.

        Raises InternalError for a page that is truncated and has no token for the next one:
        callers would take the keys that it lacks for deleted.
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
            [listed_info(bucket, row) for row in output.get("Contents", ())],
            [row["Prefix"] for row in output.get("CommonPrefixes", ())],
            _next_cursor(output, cursor, output.get("NextContinuationToken", "")),
        )

    async def restore(self, bucket: str, key: str, version: str) -> None:
        """Copy an older version over the newest, with metadata and tags. Raises NoSuchVersion."""
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
        return Listing([listed_info(bucket, row) for row in rows], [], following)

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
        """The tags of an object or, if key is "", of a bucket."""
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
        """Change some tags of an object, or of a bucket if key is ""; the whole set afterwards.

        changes: tag -> value, None to remove it. S3 can only replace a whole tag set, so a change
        that another client makes at the same moment can be lost; changes made with this object
        run one after the other.
        """
        async with self._tagging:
            tags = await self.tags(bucket, key)
            changed = {k: v for k, v in {**tags, **changes}.items() if v is not None}
            if changed != tags:
                operation, members = _tag_change(bucket, key, changed)
                await self._call(operation, **members)
            return changed

    async def _call(
        self, operation: str, body: Body | None = None, **members: Any
    ) -> S3Response[Any]:
        """As call(), without the members that are "". Raises KeyTooLongError and its like."""
        if "Key" in members:
            check_key(members["Key"])
        given = {name: value for name, value in members.items() if value != ""}
        return await self.call(operation, given, body)


async def versions_of_key(client: S3Client, bucket: str, key: str, *, limit: int) -> Listing:
    """The versions and delete markers of one key, the newest first; at most so many."""
    page = await client.versions(bucket, key, limit=limit)
    versions = [info for info in page.objects if info.key == key]
    versions.sort(key=lambda info: (not info.is_latest, -info.last_modified))
    return Listing(versions, [])


def payload(response: S3Response[Any]) -> Body:
    """The body of a response, an empty one if it has none. The caller closes it."""
    return response.body or BytesBody(b"")


def _tag_change(bucket: str, key: str, tags: Mapping[str, str]) -> tuple[str, Members]:
    """The operation that replaces a tag set. S3 has one of its own for an empty set."""
    members: Members = {"Bucket": bucket, "Key": key} if key else {"Bucket": bucket}
    operation = "ObjectTagging" if key else "BucketTagging"
    if not tags:
        return f"Delete{operation}", members
    tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
    return f"Put{operation}", {**members, "Tagging": {"TagSet": tag_set}}


def _next_cursor(output: Mapping[str, Any], cursor: str, following: str) -> str:
    """The cursor of the next page, "" after the last one. cursor: of this page.

    Only IsTruncated decides whether a page is the last: every response has it. Raises InternalError
    for a truncated page without a token, or with the token that led to this page.
    """
    if not output.get("IsTruncated", bool(following)):
        return ""
    if not following or following == cursor:
        raise S3Error(
            "InternalError",
            "A page of the listing is truncated but has no continuation token.",
        )
    return following


def _name(row: ObjectInfo | str) -> bytes:
    return (row if isinstance(row, str) else row.key).encode()
