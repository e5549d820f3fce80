"""Routes of buckets, objects, tags and presigned URLs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from email.utils import formatdate
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from s3d.agent.core.client import IF_ABSENT, S3Client, versions_of_key
from s3d.agent.core.object_info import PROTECTION, ObjectAttributes
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.object_states import ObjectStates
from s3d.agent.s3.conditions import byte_range
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.s3.object_headers import ATTRIBUTES
from s3d.shared import control
from s3d.shared.control import (
    BucketList,
    Deletions,
    ObjectInfo,
    Presigned,
    PresignRequest,
    TagChanges,
    Tags,
    Versioning,
)
from s3d.shared.transfers import DeletionResult, TransferError

logger = logging.getLogger(__name__)

METADATA = "x-amz-meta-"
NOT_OFFERED = ("NotImplemented", "MethodNotAllowed")
"""Codes of a remote that lacks an operation."""
METHODS = ("GET", "HEAD", "PUT", "DELETE")
"""Methods of a presigned URL."""
VERSIONING = ("Enabled", "Suspended")
WEEK = 7 * 24 * 3600
TAGS_TIMEOUT = 4.0
"""Seconds to wait for tags of the remote."""
PAGE = frozenset({"prefix", "delimiter", "cursor", "limit"})
KEY = frozenset({"key"})
VERSION = frozenset({"key", "version"})

Presign = Callable[[PresignRequest, str, str], Presigned]
"""(request, bucket, key) -> the URL."""


class ObjectRoutes:
    """Routes to the store."""

    def __init__(
        self, objects: S3Client, presign: Presign, object_states: ObjectStates | None = None
    ) -> None:
        self._objects = objects
        self._presign = presign
        self._object_states = object_states

    def routes(self) -> list[Route]:
        bucket = "/v1/buckets/{bucket}"
        return [
            Route("GET", "/v1/buckets", self.buckets),
            Route("PUT", bucket, self.create_bucket),
            Route("DELETE", bucket, self.delete_bucket),
            Route("PUT", f"{bucket}/versioning", self.set_versioning),
            Route("GET", f"{bucket}/tags", self.tags, KEY),
            Route("PATCH", f"{bucket}/tags", self.change_tags, KEY),
            Route("GET", f"{bucket}/objects", self.list, PAGE | {"standing"}),
            Route("POST", f"{bucket}/objects:delete", self.delete_many),
            Route("GET", f"{bucket}/versions", self.versions, PAGE - {"delimiter"} | KEY),
            Route("GET", f"{bucket}/object", self.get, VERSION),
            Route("HEAD", f"{bucket}/object", self.head, VERSION),
            Route("PUT", f"{bucket}/object", self.put, KEY),
            Route("DELETE", f"{bucket}/object", self.delete, VERSION),
            Route("POST", f"{bucket}/object:presign", self.presign, KEY),
            Route("POST", f"{bucket}/object:restore", self.restore, VERSION),
        ]

    async def buckets(self, call: Call) -> web.Response:
        return answer(BucketList(await self._objects.buckets()))

    async def create_bucket(self, call: Call) -> web.Response:
        await self._objects.create_bucket(call.bucket)
        return web.Response(status=201)

    async def delete_bucket(self, call: Call) -> web.Response:
        await self._objects.delete_bucket(call.bucket)
        return web.Response(status=204)

    async def set_versioning(self, call: Call) -> web.Response:
        versioning = await call.body(Versioning)
        if versioning.status not in VERSIONING:
            raise S3Error("InvalidArgument", f"status must be one of {', '.join(VERSIONING)}.")
        configuration = {"Status": versioning.status}
        members = {"Bucket": call.bucket, "VersioningConfiguration": configuration}
        await self._objects.output("PutBucketVersioning", members)
        return web.Response(status=204)

    async def tags(self, call: Call) -> web.Response:
        """Answer the tags of the bucket, or of an object."""
        key = call.query.get("key", "")
        return answer(Tags(await get_tags(self._objects, call.bucket, key)))

    async def change_tags(self, call: Call) -> web.Response:
        """Add and remove tags; those that are not named stay."""
        changes = await call.body(TagChanges)
        if both := changes.set.keys() & set(changes.unset):
            raise S3Error("InvalidRequest", f"{min(both)} is in both set and unset.")
        tags = {**changes.set, **dict.fromkeys(changes.unset)}
        return answer(
            Tags(await self._objects.set_tags(call.bucket, call.query.get("key", ""), tags))
        )

    async def list(self, call: Call) -> web.Response:
        """One page; with standing=1, the state of its keys in queue and cache."""
        page = await self._objects.page(
            call.bucket,
            call.query.get("prefix", ""),
            delimiter=call.query.get("delimiter", ""),
            cursor=call.query.get("cursor", ""),
            limit=call.page_limit,
        )
        if self._object_states is not None and call.query.get("standing", "") == "1":
            states = self._object_states.key_states(
                call.bucket, (info.key for info in page.objects)
            )
            page = msgspec.structs.replace(page, key_states=states)
        return answer(page)

    async def versions(self, call: Call) -> web.Response:
        """One page; with key, the versions of one key, the newest first."""
        if call.query.get("key", ""):
            limit = call.page_limit
            return answer(await versions_of_key(self._objects, call.bucket, call.key, limit=limit))
        return answer(
            await self._objects.versions(
                call.bucket,
                call.query.get("prefix", ""),
                cursor=call.query.get("cursor", ""),
                limit=call.page_limit,
            )
        )

    async def get(self, call: Call) -> web.StreamResponse:
        """The data, streamed. Takes Range and If-Match."""
        headers = call.request.headers
        info, body = await self._objects.get(
            call.bucket,
            call.key,
            byte_range=headers.get("Range", ""),
            if_match=headers.get("If-Match", ""),
            version=call.query.get("version", ""),
        )
        async with aclosing(body):
            part = byte_range(headers.get("Range"), info.size)
            if part is None:
                return await call.stream(body, _headers(info), size=body.size)
            first, last = part[0], sum(part) - 1
            content_range = {"Content-Range": f"bytes {first}-{last}/{info.size}"}
            return await call.stream(
                body, _headers(info) | content_range, size=body.size, status=206
            )

    async def head(self, call: Call) -> web.Response:
        info = await self._objects.head(
            call.bucket, call.key, version=call.query.get("version", "")
        )
        if info is None:
            raise S3Error("NoSuchKey", Key=call.key)
        return web.Response(headers={**_headers(info), "Content-Length": str(info.size)})

    async def put(self, call: Call) -> web.Response:
        """Takes the headers of ObjectAttributes, If-Match and If-None-Match: *."""
        request = call.request
        size = request.content_length
        if size is None and not request.body_exists:
            size = 0
        info = await self._objects.put(
            call.bucket,
            call.key,
            StreamBody(call.data(), size),
            _attributes(request),
            if_match=_condition(request),
        )
        return web.Response(status=201, headers=_identity(info))

    async def delete(self, call: Call) -> web.Response:
        await self._objects.delete(
            call.bucket,
            call.key,
            if_match=call.request.headers.get("If-Match", ""),
            version=call.query.get("version", ""),
        )
        return web.Response(status=204)

    async def delete_many(self, call: Call) -> web.Response:
        """Delete objects and versions; those that fail are in the answer."""
        objects = (await call.body(Deletions)).objects
        if not 1 <= len(objects) <= control.MAX_PAGE or not all(key for key, _ in objects):
            raise S3Error(
                "InvalidArgument", f"objects must be 1 to {control.MAX_PAGE} pairs with a key."
            )
        errors = await delete_many(self._objects, call.bucket, objects)
        failures = {
            number: TransferError(error.code, error.message, status=error.status)
            for number, error in errors.items()
        }
        return answer(DeletionResult(failures))

    async def restore(self, call: Call) -> web.Response:
        """Copy an older version over the current one."""
        version = call.required("version")
        try:
            await self._objects.restore(call.bucket, call.key, version)
        except S3Error as error:
            if error.code != "InvalidArgument":  # an id that no version can have
                raise
            raise S3Error("NoSuchVersion", Key=call.key, VersionId=version) from error
        info = await self._objects.head(call.bucket, call.key)
        if info is None:
            raise S3Error("NoSuchKey", Key=call.key)
        return answer(info)

    async def presign(self, call: Call) -> web.Response:
        presign = await call.body(PresignRequest)
        if presign.method not in METHODS:
            raise S3Error("InvalidArgument", f"method must be one of {', '.join(METHODS)}.")
        if not 1 <= presign.expires <= WEEK:
            raise S3Error("InvalidArgument", f"expires must be from 1 to {WEEK} seconds.")
        return answer(self._presign(presign, call.bucket, call.key))


async def get_tags(objects: S3Client, bucket: str, key: str = "") -> dict[str, str]:
    """The tags. Raises S3Error ServiceUnavailable after TAGS_TIMEOUT: the caller has the object
    itself, and should not wait long for less."""
    try:
        async with asyncio.timeout(TAGS_TIMEOUT):
            return await objects.tags(bucket, key)
    except TimeoutError:
        message = f"The remote did not return the tags within {TAGS_TIMEOUT:g} s."
        raise S3Error("ServiceUnavailable", message) from None


def _attributes(request: web.Request) -> ObjectAttributes:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return ObjectAttributes(
        content_type=headers.get("content-type"),
        metadata={
            name.removeprefix(METADATA): value
            for name, value in headers.items()
            if name.startswith(METADATA)
        },
        tags=dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True)),
        headers={name: headers[name] for name in ATTRIBUTES if name in headers},
        storage_class=headers.get("x-amz-storage-class"),
        protection={name: headers[name] for name in PROTECTION if name in headers},
    )


def _condition(request: web.Request) -> str:
    if "If-None-Match" not in request.headers:
        return request.headers.get("If-Match", "")
    if request.headers["If-None-Match"] != IF_ABSENT:
        raise S3Error("NotImplemented", "If-None-Match can only be *.")
    return IF_ABSENT


def _identity(info: ObjectInfo) -> dict[str, str]:
    return {"ETag": info.etag, control.OBJECT_HEADER: control.encode_ascii(info)}


def _headers(info: ObjectInfo) -> dict[str, str]:
    return {
        **info.headers,
        **_identity(info),
        "Content-Type": info.content_type or "binary/octet-stream",
        "Last-Modified": formatdate(info.last_modified, usegmt=True),
        "Accept-Ranges": "bytes",
    }


async def delete_many(
    objects: S3Client, bucket: str, places: Sequence[tuple[str, str]]
) -> Mapping[int, S3Error]:
    """Delete up to 1,000 keys or versions (key, version id) with one request. Returns the errors by
    the place in the list. A remote without DeleteObjects gets a request for each."""
    rows = [{"Key": key, **({"VersionId": id} if id else {})} for key, id in places]
    members = {"Bucket": bucket, "Delete": {"Objects": rows, "Quiet": True}}
    try:
        output = await objects.output("DeleteObjects", members)
    except S3Error as error:
        if error.code not in NOT_OFFERED:
            raise
        return await _delete_each(objects, bucket, places)
    errors: dict[int, S3Error] = {}
    for row in output.get("Errors") or ():
        refusal = S3Error(row["Code"], row.get("Message", ""), Key=row["Key"])
        fits = ((row["Key"], row.get("VersionId", "")), (row["Key"], ""))
        errors |= {number: refusal for number, place in enumerate(places) if place in fits}
    return errors


async def _delete_each(
    objects: S3Client, bucket: str, places: Sequence[tuple[str, str]]
) -> Mapping[int, S3Error]:
    errors = {}
    for number, (key, version) in enumerate(places):
        try:
            await objects.delete(bucket, key, version=version)
        except S3Error as error:
            errors[number] = error
    return errors
