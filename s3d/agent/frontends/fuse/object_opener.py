"""Requests for the bytes of an object, always of one version of it. Belongs to the loop.

The version is known by the ETag of each answer, and not by an If-Match: the read cache would have
to forward a condition on an object that it does not hold.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context
from s3d.agent.frontends.fuse.held_file import HeldFile, arriving_file, hold_file
from s3d.agent.frontends.fuse.read_window import ReadWindow
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag
from s3d.agent.s3.messages import Body, MountHints, at_once
from s3d.shared.control import ObjectInfo

SMALL = 1 << 20
"""Bytes of an object that is always read as a whole."""
_IN_MEMORY = 256 << 10
"""Bytes of an object that is kept in memory instead of an open file."""

Content = bytes | HeldFile | ReadWindow
IsLocal = Callable[[str, str, int], Awaitable[bool]]
"""Whether an object of this bucket, key and size can be opened as a whole without a request."""


class Opened(NamedTuple):
    """An object, and its bytes; info is of the version that the bytes are of."""

    info: ObjectInfo
    content: Content | None
    """None: only windows are read."""


class Changed(S3Error):
    """The object has another version than the one that is read."""

    def __init__(self) -> None:
        super().__init__("PreconditionFailed", "The object was replaced while it was open.")


class ObjectOpener:
    """Opens objects, and fills windows."""

    def __init__(
        self,
        client: S3Client,
        *,
        is_local: IsLocal,
        spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], object],
    ) -> None:
        """spawn: runs work in the background, as LoopBridge.start does."""
        self._client = client
        self._is_local = is_local
        self._spawn = spawn

    async def is_read_at_once(self, bucket: str, key: str, size: int) -> bool:
        """Whether open() asks for the bytes; otherwise what a listing says of it is enough."""
        return size <= SMALL or await self._is_local(bucket, key, size)

    async def describe(self, bucket: str, key: str, shown: str = "") -> ObjectInfo:
        """The object as it is now, without its bytes. shown: see MountHints. Raises S3Error."""
        info = await self._client_for(shown).head(bucket, key)
        if info is None:
            raise S3Error("NoSuchKey", Key=key)
        return info

    async def open(self, bucket: str, key: str, shown: str = "") -> Opened:
        """The object as it is now. shown: see MountHints. Raises S3Error."""
        info, body = await self._client_for(shown).get(bucket, key)
        try:
            return Opened(info, await self._content(info, body))
        except BaseException:
            await body.aclose()
            raise

    async def fill(self, place: tuple[str, str], etag: str, window: ReadWindow) -> None:
        """Fetch the bytes of a window. Errors are those of the window: Changed, S3Error."""
        bucket, key = place
        try:
            info, body = await self._client_for(etag).get(
                bucket, key, byte_range=f"bytes={window.start}-{window.end - 1}"
            )
            if not same_etag(info.etag, etag) or body.size != window.end - window.start:
                await body.aclose()
                raise Changed
        except S3Error as error:
            window.fail(Changed() if error.status in (404, 416) else error)
            return
        arriving, held = arriving_file(body), hold_file(body)
        if arriving is not None:
            is_taken = await window.follow(arriving)
        elif held is not None:
            is_taken = window.hold(held)
        else:
            is_taken = True
            await window.fill(body)
        if not is_taken:
            await body.aclose()

    def _client_for(self, shown: str) -> S3Client:
        context = background_context(mount=MountHints(shown=shown))
        return S3Client(self._client.target, context)

    async def _content(self, info: ObjectInfo, body: Body) -> Content | None:
        if info.size <= _IN_MEMORY:
            data = await _read(body)
            await body.aclose()
            return data
        held = hold_file(body)
        if held is not None:
            return held
        if info.size > SMALL:
            await body.aclose()
            return None
        window = ReadWindow(0, info.size)
        self._spawn(partial(window.fill, body))
        return window


async def _read(body: Body) -> bytes:
    data = at_once(body)
    return b"".join([chunk async for chunk in body]) if data is None else data
