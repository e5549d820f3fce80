"""A real store whose bodies arrive as those of a remote do: as streams, and slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from s3d.agent.core.store import Layer, ObjectStore, operation
from s3d.agent.s3.messages import Body, S3Request, S3Response, StreamBody

_CHUNK = 64 << 10


class Streamed(Layer):
    """Passes bodies on in small chunks, while `flows` is set."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.flows = asyncio.Event()
        self.flows.set()
        self.ranges: list[str] = []
        """Of each GetObject, without "bytes="; "" for the whole object."""
        self.begun, self.ended = asyncio.Event(), asyncio.Event()
        """A body was begun, or ended."""

    @operation("GetObject")
    async def get_object(self, request: S3Request[Any]) -> S3Response[Any]:
        self.ranges.append(str(request.input.get("Range", "")).removeprefix("bytes="))
        response = await self.inner.call(request)
        if response.body is not None:
            response.body = StreamBody(self._stream(response.body), response.body.size)
        return response

    async def _stream(self, body: Body) -> AsyncIterator[bytes]:
        self.begun.set()
        try:
            async with aclosing(body):
                async for chunk in body:
                    for start in range(0, len(chunk), _CHUNK):
                        await self.flows.wait()
                        yield chunk[start : start + _CHUNK]
        finally:
            self.ended.set()
