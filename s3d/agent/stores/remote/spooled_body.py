"""A body whose size is unknown until its end, as the file of a browser form is.

S3 requires Content-Length, so the body is read to its end before it is sent: a small one into
memory, a larger one into a file that has no name, and so is gone after a crash.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO

from s3d.agent.s3.messages import Body, BytesBody

IN_MEMORY = 1 << 20
"""Bytes of a body that needs no file."""
_CHUNK_SIZE = 256 * 1024


class SpooledBody:
    """A Body from a file that is open at its start."""

    def __init__(self, file: IO[bytes], size: int, trailers: Mapping[str, str]) -> None:
        self.size = size
        self.trailers = trailers
        self._file = file

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(self._file.read, _CHUNK_SIZE):
            yield chunk

    async def aclose(self) -> None:
        self._file.close()


async def with_size(body: Body, folder: Path | None) -> Body:
    """The body with its size, read to its end if the size is unknown.

    folder: for the file; None: the folder for temporary files of the system. Raises what reading
    the body raises, and OSError when the file cannot be written; the body is closed then.
    """
    if body.size is not None:
        return body
    size = 0
    async with AsyncExitStack() as closing:
        closing.push_async_callback(body.aclose)
        where = None if folder is None else str(folder)
        file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=where)  # noqa: SIM115 -- the body's
        closing.callback(file.close)
        async for chunk in body:
            size += len(chunk)
            if size <= IN_MEMORY:
                file.write(chunk)
            else:
                await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        if size <= IN_MEMORY:
            return BytesBody(file.read())
        await body.aclose()
        closing.pop_all()
    return SpooledBody(file, size, body.trailers)
