"""Buckets, objects and tags over the control API, for the command line and the terminal app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import aclosing
from email.utils import formatdate
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from s3d.agent.core.client import ABSENT, S3Client, versions_of_key
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.frontends.control.routing import Call, Route, answer
from s3d.agent.s3.conditions import byte_range
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, StreamBody
from s3d.agent.s3.object_headers import ATTRIBUTES
from s3d.shared import control
from s3d.shared.control import (
    BucketList,
    ObjectInfo,
    Presigned,
    PresignRequest,
    TagChanges,
    Tags,
)

logger = logging.getLogger(__name__)

METADATA = "x-amz-meta-"
METHODS = ("GET", "HEAD", "PUT", "DELETE")
"""What a presigned URL can be for."""
WEEK = 7 * 24 * 3600
TAGS_WITHIN = 5.0
"""Seconds that the remote has for tags."""
PAGE = frozenset({"prefix", "delimiter", "cursor", "limit"})
KEY = frozenset({"key"})
VERSION = frozenset({"key", "version"})

Presign = Callable[[PresignRequest, str, str], Presigned]
"""(request, bucket, key) -> the URL."""
Standing = Callable[[str, Iterable[str]], dict[str, str]]
"""(bucket, keys) -> key -> how it is with queue and cache, as a word."""


class ObjectRoutes:
    """The routes to the store."""

    def __init__(
        self, objects: S3Client, presign: Presign, standing: Standing = lambda bucket, keys: {}
    ) -> None:
        self._objects = objects
        self._presign = presign
        self._standing = standing

    def routes(self) -> list[Route]:
        bucket = "/v1/buckets/{bucket}"
        return [
            Route("GET", "/v1/buckets", self.buckets),
            Route("PUT", bucket, self.create_bucket),
            Route("DELETE", bucket, self.delete_bucket),
            Route("GET", f"{bucket}/tags", self.tags, KEY),
            Route("PATCH", f"{bucket}/tags", self.change_tags, KEY),
            Route("GET", f"{bucket}/objects", self.list, PAGE | {"standing"}),
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

    async def tags(self, call: Call) -> web.Response:
        """Of the bucket, or of an object."""
        key = call.query.get("key", "")
        return answer(Tags(await tags_within(self._objects, call.bucket, key)))

    async def change_tags(self, call: Call) -> web.Response:
        """Add and remove; what is not named stays."""
        changes = await call.body(TagChanges)
        if both := changes.set.keys() & set(changes.unset):
            raise S3Error("InvalidRequest", f"{min(both)} is both in set and in unset.")
        wanted = {**changes.set, **dict.fromkeys(changes.unset)}
        return answer(
            Tags(await self._objects.set_tags(call.bucket, call.query.get("key", ""), wanted))
        )

    async def list(self, call: Call) -> web.Response:
        """One page; with standing=1, how its keys are with queue and cache."""
        page = await self._objects.page(
            call.bucket,
            call.query.get("prefix", ""),
            delimiter=call.query.get("delimiter", ""),
            cursor=call.query.get("cursor", ""),
            limit=call.number("limit", control.MAX_PAGE, control.MAX_PAGE),
        )
        if call.query.get("standing", "") == "1":
            words = self._standing(call.bucket, (info.key for info in page.objects))
            page = msgspec.structs.replace(page, key_states=words)
        return answer(page)

    async def versions(self, call: Call) -> web.Response:
        """One page; or those of one key, the newest first."""
        if call.query.get("key", ""):
            limit = call.number("limit", control.MAX_PAGE, control.MAX_PAGE)
            return answer(await versions_of_key(self._objects, call.bucket, call.key, limit=limit))
        return answer(
            await self._objects.versions(
                call.bucket,
                call.query.get("prefix", ""),
                cursor=call.query.get("cursor", ""),
                limit=call.number("limit", control.MAX_PAGE, control.MAX_PAGE),
            )
        )

    async def get(self, call: Call) -> web.StreamResponse:
        """The data, streamed; what goes wrong after its first byte cuts the connection."""
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
            response = web.StreamResponse(status=206 if part else 200, headers=_headers(info))
            response.content_length = body.size
            if part:
                first, last = part[0], sum(part) - 1
                response.headers["Content-Range"] = f"bytes {first}-{last}/{info.size}"
            await response.prepare(call.request)
            await send(body, response, call.request)
        return response

    async def head(self, call: Call) -> web.Response:
        info = await self._objects.head(
            call.bucket, call.key, version=call.query.get("version", "")
        )
        if info is None:
            raise S3Error("NoSuchKey", Key=call.key)
        return web.Response(headers={**_headers(info), "Content-Length": str(info.size)})

    async def put(self, call: Call) -> web.Response:
        """Takes the headers of S3's PutObject that ObjectAttributes and its conditions know."""
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

    async def restore(self, call: Call) -> web.Response:
        """Make an older version the newest again."""
        version = call.query.get("version", "")
        if not version:
            raise S3Error("InvalidArgument", "The query word version is missing.")
        await self._objects.restore(call.bucket, call.key, version)
        info = await self._objects.head(call.bucket, call.key)
        if info is None:
            raise S3Error("NoSuchKey", Key=call.key)
        return answer(info)

    async def presign(self, call: Call) -> web.Response:
        wanted = await call.body(PresignRequest)
        if wanted.method not in METHODS:
            raise S3Error("InvalidArgument", f"method must be one of {', '.join(METHODS)}.")
        if not 1 <= wanted.expires <= WEEK:
            raise S3Error("InvalidArgument", f"expires must be from 1 to {WEEK} seconds.")
        return answer(self._presign(wanted, call.bucket, call.key))


async def tags_within(objects: S3Client, bucket: str, key: str = "") -> dict[str, str]:
    """The tags, unless the remote is silent: whoever asks has the object and need not wait long.

    Raises S3Error ServiceUnavailable.
    """
    try:
        async with asyncio.timeout(TAGS_WITHIN):
            return await objects.tags(bucket, key)
    except TimeoutError:
        message = f"The remote has not sent the tags within {TAGS_WITHIN:g} s."
        raise S3Error("ServiceUnavailable", message) from None


async def send(body: Body, response: web.StreamResponse, request: web.Request) -> None:
    """The status is out: from here on, an error can only cut the connection."""
    try:
        async for chunk in body:
            await response.write(chunk)
        await response.write_eof()
    except ConnectionError:
        return  # the client has gone
    except (S3Error, OSError):
        logger.exception("reading failed path=%s", request.path)
        if request.transport is not None:
            request.transport.abort()


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
    )


def _condition(request: web.Request) -> str:
    if "If-None-Match" not in request.headers:
        return request.headers.get("If-Match", "")
    if request.headers["If-None-Match"] != ABSENT:
        raise S3Error("NotImplemented", "If-None-Match can only be *.")
    return ABSENT


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
