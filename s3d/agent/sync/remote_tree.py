"""The objects below a prefix of one bucket. Requests bypass every cache.

An error that is not clearly about one object raises Unavailable: an object never counts as deleted
because the remote is unreachable or denies access.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import datetime

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import classify
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.core.path_names import is_reserved, why_no_path
from s3d.agent.large_objects.copied_parts import needs_parts
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import unquoted
from s3d.agent.s3.listing import BYTES, is_in_order, may_stream
from s3d.agent.s3.messages import Body, BytesBody, StreamBody
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    Content,
    FileAttributes,
    LargeObject,
    PathBlocked,
    Unavailable,
)
from s3d.agent.sync.large_objects import LargeObjects
from s3d.agent.sync.path_state import RemoteEntry, fits
from s3d.agent.sync.reasons import PASSING, translate_errors
from s3d.shared.control import ObjectInfo

MTIME, MODE = "mtime", "mode"
"""Metadata as rclone writes and reads it: seconds with a fraction, octal digits."""
SHA256, PARENT = "s3d-sha256", "s3d-parent"
PAGE = 1_000

_PLAIN = re.compile(r"(?:[a-zA-Z0-9_-][\w.-]{0,60}/){0,20}[a-zA-Z0-9_-][\w.-]{0,60}", re.ASCII)
_ARCHIVED = frozenset(("GLACIER", "DEEP_ARCHIVE"))


class BucketTree:
    """The objects of one bucket below one prefix, "" or with its slash."""

    def __init__(
        self,
        objects: S3Client,
        bucket: str,
        prefix: str,
        *,
        level: Callable[[], str] = lambda: "",
        order: Callable[[], str] = lambda: BYTES,
        beside: Callable[[str], str] = lambda path: f"{path} (conflict)",
        parts: PartTransfers | None = None,
    ) -> None:
        """objects: a client that reads past the read cache. level: what the remote makes of
        conditions. order: of its listings. beside: path of a conflict copy. parts: moves large
        objects, past the write queue; None: all are moved whole."""
        self._objects, self._bucket, self._prefix = objects, bucket, prefix
        self._level, self._order, self._beside = level, order, beside
        self._versioned: bool | None = None
        self._large = None if parts is None else LargeObjects(parts, bucket, prefix)

    async def look(self, path: str) -> RemoteEntry | None:
        with translate_errors():
            info = await self._objects.head(self._bucket, self._prefix + path)
        return None if info is None else self._remote(info)

    async def is_gone(self, path: str) -> bool:
        key, cursor = self._prefix + path, ""
        while True:
            with translate_errors(all_or_nothing=True):
                page = await self._objects.page(
                    self._bucket, key, delimiter="/", cursor=cursor, limit=PAGE
                )
            if any(info.key == key for info in page.objects):
                return False
            if not page.cursor:
                return True
            cursor = page.cursor

    async def tags(self, path: str) -> dict[str, str]:
        with translate_errors():
            try:
                return await self._objects.tags(self._bucket, self._prefix + path)
            except S3Error as error:
                if classify(error) in PASSING or error.code == "NoSuchBucket":
                    raise
                return {}

    async def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        """All objects, in the order of their keys. Where the remote lists in another order, the
        first page comes when the listing has been read to its end."""
        if may_stream(self._order()):
            after = ""
            async for found in self._pages():
                paths = [after, *(row.path for row in found)]
                if not is_in_order(path for path in paths if path):
                    raise Unavailable("the remote's listing is not in key order")
                after = paths[-1]
                yield _files(found)
            return
        rows = [row async for page in self._pages() for row in page]
        rows = await asyncio.to_thread(sorted, rows, key=_path)
        if not await asyncio.to_thread(is_in_order, [row.path for row in rows]):
            raise Unavailable("the remote lists a key twice")
        for start in range(0, len(rows), PAGE):
            yield _files(rows[start : start + PAGE])

    async def _pages(self) -> AsyncIterator[list[RemoteEntry]]:
        """The pages in the remote's order, up to the last one."""
        cursor = ""
        while True:
            with translate_errors(all_or_nothing=True):
                page = await self._objects.page(
                    self._bucket, self._prefix, cursor=cursor, limit=PAGE
                )
            yield [self._listed(info) for info in page.objects]
            cursor = page.cursor
            if not cursor:
                return

    async def put(
        self, path: str, content: Content | None, attributes: FileAttributes, condition: str
    ) -> RemoteEntry:
        headers = ObjectAttributes(_content_type(path), _metadata(attributes), attributes.tags)
        size = 0 if content is None else content.size
        try:
            with translate_errors():
                if content is not None and self._large is not None and self._large.takes(size):
                    etag = await self._large.put(path, content, headers, condition)
                else:
                    etag = await self._put_whole(path, content, headers, condition)
        except (Unavailable, PathBlocked) as error:
            if content is not None and content.is_torn:
                raise ConcurrentChange from error
            raise
        if self._level() == "B":
            await self._rescue(path, condition)
        return RemoteEntry(path, etag, size, time.time(), sha256=attributes.sha256)

    async def _put_whole(
        self, path: str, content: Content | None, headers: ObjectAttributes, condition: str
    ) -> str:
        body: Body = BytesBody(b"") if content is None else content.body()
        md5 = "" if content is None else base64.b64encode(bytes.fromhex(content.etag)).decode()
        etag, _ = await self._objects.store(
            self._bucket, self._prefix + path, body, headers, if_match=condition, md5=md5
        )
        return etag

    async def _rescue(self, path: str, condition: str) -> None:
        """For remotes that ignore conditions but have versions: the version before this write
        should be the one of the condition. Another one comes from a concurrent writer, and becomes
        a conflict copy."""
        key = self._prefix + path
        with translate_errors():
            page = await self._objects.versions(self._bucket, key, limit=PAGE)
            rows = [row for row in page.objects if row.key == key]
            rows.sort(key=lambda row: (row.last_modified, not row.etag), reverse=True)
            before = rows[1] if len(rows) > 1 else None
            if before is None or not before.etag or before.etag == condition:
                return
            await self._objects.copy(
                self._bucket, key, self._prefix + self._beside(path),
                if_match=before.etag, version=before.version_id or "",
            )  # fmt: skip

    async def get(self, path: str, etag: str, size: int) -> tuple[RemoteEntry, Body | LargeObject]:
        if self._large is not None and self._large.takes(size):
            with translate_errors():
                info, large = await self._large.get(path, etag)
            return self._remote(info), large
        with translate_errors():
            info, body = await self._objects.get(self._bucket, self._prefix + path, if_match=etag)
        if info.etag != etag:
            await body.aclose()
            raise ConcurrentChange
        return self._remote(info), StreamBody(_asked(body), body.size)

    async def delete(self, path: str, etag: str) -> None:
        with translate_errors():
            try:
                await self._objects.delete(self._bucket, self._prefix + path, if_match=etag)
            except S3Error as error:
                if error.code != "NoSuchKey":
                    raise
        if self._level() == "B":
            await self._rescue(path, etag)

    async def copy(self, source: str, etag: str, size: int, path: str) -> RemoteEntry:
        with translate_errors():
            if self._large is not None and needs_parts(size):
                await self._large.copy(source, etag, size, path)
            else:
                await self._objects.copy(
                    self._bucket, self._prefix + source, self._prefix + path, if_match=etag
                )
        copied = await self.look(path)
        if copied is None:
            raise ConcurrentChange
        return copied

    async def landed(self, path: str, sha256: str, etag: str) -> bool:
        """Needs a bucket with versions."""
        if not await self._has_versions():
            return False
        key = self._prefix + path
        with translate_errors():
            page = await self._objects.versions(self._bucket, key, limit=PAGE)
        return any(row.key == key and unquoted(row.etag) == etag for row in page.objects)

    async def _has_versions(self) -> bool:
        if self._versioned is None:
            self._versioned = False
            with suppress(S3Error):
                self._versioned = bool(await self._objects.versioning(self._bucket))
        return self._versioned

    def _listed(self, info: ObjectInfo) -> RemoteEntry:
        """The entry of a row of a listing, which has no metadata; most keys are plain."""
        path = info.key[len(self._prefix) :]
        is_plain = info.storage_class == "STANDARD" and _PLAIN.fullmatch(path)
        trouble = "" if is_plain else _trouble(path, info)
        return RemoteEntry(path, info.etag, info.size, info.last_modified, trouble=trouble)

    def _remote(self, info: ObjectInfo) -> RemoteEntry:
        path = info.key.removeprefix(self._prefix)
        metadata = info.metadata
        return RemoteEntry(
            path,
            info.etag,
            info.size,
            info.last_modified,
            sha256=metadata.get(SHA256, ""),
            mtime_ns=read_mtime(metadata.get(MTIME, "")),
            mode=read_mode(metadata.get(MODE, "")),
            parent=metadata.get(PARENT, ""),
            trouble=_trouble(path, info),
        )


def _path(row: RemoteEntry) -> str:
    return row.path


def _files(rows: Iterable[RemoteEntry]) -> list[RemoteEntry]:
    return [row for row in rows if row.path and not is_reserved(row.path)]


def _trouble(path: str, info: ObjectInfo) -> str:
    why = why_no_path(path) if path else ""
    if not why and path.endswith("/") and info.size:
        why = "a key that ends in a slash, with data"
    if not why and info.storage_class in _ARCHIVED:
        why = f"the object is archived ({info.storage_class})"
    return why


def _content_type(path: str) -> str | None:
    return None if path.endswith("/") else mimetypes.guess_type(path, strict=False)[0]


def _metadata(attributes: FileAttributes) -> dict[str, str]:
    found = {SHA256: attributes.sha256, PARENT: attributes.parent}
    if attributes.mtime_ns is not None:
        found[MTIME] = write_mtime(attributes.mtime_ns)
    if attributes.mode is not None:
        found[MODE] = f"{0o100000 | attributes.mode:o}"
    return {name: value for name, value in found.items() if value}


def write_mtime(mtime_ns: int) -> str:
    """Seconds since 1970 with all nanoseconds, as rclone writes them."""
    sign = "-" if mtime_ns < 0 else ""
    seconds, rest = divmod(abs(mtime_ns), 10**9)
    return f"{sign}{seconds}.{rest:09d}"


def read_mtime(text: str) -> int | None:
    """Nanoseconds of what rclone, s3fs (seconds) and others (RFC 3339) write; None for the rest,
    and for a time that the baseline cannot store (path_state.fits)."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, dot, rest = digits.partition(".")
    if whole.isdecimal() and whole.isascii() and (not dot or (rest.isdecimal() and rest.isascii())):
        if len(whole) > 11:
            return None
        found = sign * (int(whole) * 10**9 + int(rest[:9].ljust(9, "0")))
        return found if fits(found) else None
    try:
        moment = datetime.fromisoformat(text)
        found = int(moment.timestamp()) * 10**9
    except (ValueError, OverflowError):
        return None
    return found if moment.tzinfo is not None and fits(found) else None


def read_mode(text: str) -> int | None:
    """Permission bits of what rclone (octal) and s3fs (decimal, with the type) write."""
    if not (text.isdecimal() and text.isascii()) or len(text) > 8:
        return None
    decimal = int(text)
    if decimal <= 0o177777 and decimal & 0o170000 in (0o100000, 0o040000):
        return decimal & 0o777
    try:
        return int(text, 8) & 0o777
    except ValueError:
        return None


async def _asked(body: Body) -> AsyncIterator[bytes]:
    try:
        with translate_errors():
            async for block in body:
                yield block
    finally:
        await body.aclose()
