"""The client for calls that somebody waits for: no call waits long for a remote that is silent.

A remote that works on a request, and one that is away, look the same to the request. So when a
response takes long, a second, small request finds out whether the remote answers at all. If it
does, the call goes on for as long as it takes. If not, a read is answered from what is cached
here, and every other call fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, Members, S3Response
from s3d.agent.s3.model import operations

PATIENCE = 2.0
"""Seconds that a response may take before the remote is checked."""
CHECK_TIMEOUT = 1.5
"""Seconds that the remote has to answer the check."""

_NOT_CONFIRMED = "; the request was sent, and may still take effect"
LOCAL_TIMEOUT = 1.0
"""Seconds that the layers here have for an answer once the remote is known to be away."""

CheckRemote = Callable[[float, float], Awaitable[None]]
"""(seconds, since): return when the remote answers within so many seconds, or has answered
anything since that moment (time.monotonic). Raises S3Error ServiceUnavailable when it has not."""


class BoundedClient(S3Client):
    """An S3Client whose calls fail with ServiceUnavailable while the remote does not answer.

    A call with a body lasts as long as its caller takes to send the body. With bounds_uploads, it
    is bounded once the body was sent. That is wrong in front of a write queue, whose disk may be
    slow while the remote is away.
    """

    def __init__(
        self,
        store: ObjectStore,
        check: CheckRemote,
        *,
        bypass_cache: bool = False,
        bypass_queue: bool = False,
        patience: float = PATIENCE,
        bounds_uploads: bool = False,
    ) -> None:
        super().__init__(store, bypass_cache=bypass_cache, bypass_queue=bypass_queue)
        self._check = check
        self._patience = patience
        self._bounds_uploads = bounds_uploads
        self._checking: asyncio.Task[None] | None = None
        """The check that is under way. Reads that begin meanwhile have its result at once."""

    async def call(
        self, operation: str, members: Members, body: Body | None = None
    ) -> S3Response[Any]:
        if body is not None and not self._bounds_uploads:
            return await super().call(operation, members, body)
        watched = None if body is None or isinstance(body, BytesBody) else _WatchedBody(body)
        request = asyncio.get_running_loop().create_task(
            super().call(operation, members, watched or body), name=f"call {operation}"
        )
        try:
            if watched is not None:
                await _until_sent(request, watched.sent)
            began = time.monotonic()
            if self._checking is None or not _is_reading(operation):
                await asyncio.wait((request,), timeout=self._patience)
            if not request.done():
                checking = self._join_check(began)
                await asyncio.wait((request, checking), return_when=asyncio.FIRST_COMPLETED)
                if not request.done() and (error := checking.exception()) is not None:
                    await _abandon(request)
                    return await self._without_remote(operation, members, error)
            return await request
        except BaseException:
            await _abandon(request)
            raise

    async def _without_remote(
        self, operation: str, members: Members, error: BaseException
    ) -> S3Response[Any]:
        """The response that the layers here have while the remote is away, or the error.

        Only what changes nothing is called again.
        """
        if not isinstance(error, S3Error):
            raise error
        if not _is_reading(operation):
            raise _own(error, _NOT_CONFIRMED) from error.failure
        with suppress(TimeoutError):
            async with asyncio.timeout(LOCAL_TIMEOUT):
                return await super().call(operation, members)
        raise _own(error) from error.failure

    def _join_check(self, since: float) -> asyncio.Task[None]:
        """The check that is under way, or a new one."""
        if self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(
                _run_check(self._check, since), name="check the remote"
            )
            self._checking.add_done_callback(self._end_check)
        return self._checking

    def _end_check(self, done: asyncio.Task[None]) -> None:
        self._checking = None
        if not done.cancelled():
            done.exception()  # retrieved: the calls may all have got their responses by now


class _WatchedBody:
    """A body that reports when its last block was taken."""

    def __init__(self, body: Body) -> None:
        self._body, self.sent = body, asyncio.Event()

    @property
    def size(self) -> int | None:
        return self._body.size

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for block in self._body:
            yield block
        self.sent.set()

    async def aclose(self) -> None:
        await self._body.aclose()


async def _until_sent(request: asyncio.Task[S3Response[Any]], sent: asyncio.Event) -> None:
    """Wait until the whole body was taken, or the request has ended."""
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(sent.wait(), name="body")
        await asyncio.wait((request, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()


async def _run_check(check: CheckRemote, since: float) -> None:
    await check(CHECK_TIMEOUT, since)


def _is_reading(operation: str) -> bool:
    return operations()[operation].access in ("read", "list")


def _own(error: S3Error, more: str = "") -> S3Error:
    """A copy of the error for one caller. Callers that share a check must not raise the same
    object, since each adds its traceback and cause to it."""
    return S3Error(error.code, f"{error.message.rstrip('.')}{more}.", **error.detail)


async def _abandon(request: asyncio.Task[S3Response[Any]]) -> None:
    """Cancel a request whose response nobody will read."""
    request.cancel()
    await asyncio.wait((request,))
    if request.cancelled() or request.exception() is not None:
        return
    body = request.result().body
    if body is not None:
        with suppress(S3Error, OSError):
            await body.aclose()
