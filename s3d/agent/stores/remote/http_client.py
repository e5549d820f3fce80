"""One signed request over HTTP, and the head of its response.

It knows connections and time-outs, but neither retries nor what a response means. A body in memory
is sent on a connection of http1_pool.py; streamed bodies, and all requests through a proxy, are
sent by aiohttp, which knows CONNECT, chunked bodies and Expect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
from yarl import URL

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.messages import BytesBody
from s3d.agent.stores.remote.addressing import Location, Target
from s3d.agent.stores.remote.client_span import ClientSpans, note_response
from s3d.agent.stores.remote.error_mapping import MAX_ERROR_SIZE, is_refusal, read_refusal
from s3d.agent.stores.remote.http1_pool import Http1Pool, http1_message
from s3d.agent.stores.remote.http_transport import (
    HOP_BY_HOP,
    AiohttpBody,
    Settings,
    as_unreachable,
    new_session,
    proxy_for,
    translated,
)
from s3d.agent.stores.remote.remote_messages import (
    BodySource,
    RemoteRequest,
    RemoteResponse,
    ResponseBody,
)
from s3d.agent.stores.remote.request_body import PhaseTimeout, RequestBody
from s3d.agent.stores.remote.traffic_limit import LimitedBody

CONTINUE_SIZE = 256 * 1024
"""Size from which a request has Expect: 100-continue: a refusal
that arrives in the middle of a body is often lost together with the connection."""
CONTINUE_WAIT = 5.0
"""Seconds to wait for 100 Continue; then the body is sent without it."""
CONTINUE_PAUSE = 600.0
"""Seconds without Expect after a remote did not answer it."""
INLINE_SIZE = 64 * 1024
"""Bytes of a body that is written to the socket in one piece."""

SignedParts = tuple[Target, Location, list[tuple[str, str]]]
"""The endpoint, the address, and the headers with the signature."""
Sign = Callable[[RemoteRequest], Awaitable[SignedParts]]
"""Raises Unreachable."""


class HttpClient:
    """Connections to one remote; they are opened at the first request."""

    def __init__(self, settings: Settings, sign: Sign, spans: ClientSpans | None = None) -> None:
        self._settings = settings
        self._sign = sign
        self._spans = spans or ClientSpans()
        self._expects_from = 0.0
        self._connections = Http1Pool(settings)
        self._pooled: aiohttp.ClientSession | None = None
        self._unpooled: aiohttp.ClientSession | None = None

    async def exchange(
        self, request: RemoteRequest, time_limit: float, *, reuse: bool = True
    ) -> RemoteResponse:
        """Send the request; return when the head of the response is there, or all of an error.

        time_limit: seconds, see HealthMonitor.time_limit(). reuse: of a pooled connection. Raises
        Unreachable, and what the request's body raises.
        """
        if request.trace is None:
            return await self._exchange(request, time_limit, reuse=reuse)
        parts = request.op.name, request.trace, request.bucket, request.key
        with self._spans.request(*parts) as span:
            if span is not None:
                request = replace(request, trace=span.context)
            response = await self._exchange(request, time_limit, reuse=reuse)
            if span is not None:
                note_response(span, response.status, response.by_name, response.host)
            return response

    async def _exchange(
        self, request: RemoteRequest, time_limit: float, *, reuse: bool
    ) -> RemoteResponse:
        body, traffic = request.body, self._settings.traffic
        if isinstance(body, bytes) and len(body) <= INLINE_SIZE:
            if traffic.is_active:
                await traffic.send(len(body))
            try:
                async with asyncio.timeout(time_limit):
                    return await self._send_bytes(request, body, reuse=reuse)
            except TimeoutError as error:
                raise as_unreachable(error) from error
        return await self._exchange_stream(request, time_limit, reuse=reuse)

    async def _send_bytes(
        self, request: RemoteRequest, body: bytes, *, reuse: bool
    ) -> RemoteResponse:
        target, location, headers = await self._signed(request)
        if proxy_for(target.scheme, target.host) is not None:
            parts = target, location, headers
            with translated():
                return await self._send(request, parts, body or None, reuse=reuse, expect=False)
        path = location.raw_path
        if request.raw_query:
            path = f"{path}?{request.raw_query}"
        if not reuse:
            headers.append(("connection", "close"))
        response = await self._connections.request(
            (target.scheme, location.host),
            http1_message(request.method, path, headers, body),
            is_head_request=request.method == "HEAD",
            reuse=reuse,
        )
        return await self._receive(request, response.status, response.headers, response, location)

    async def _exchange_stream(
        self, request: RemoteRequest, time_limit: float, *, reuse: bool
    ) -> RemoteResponse:
        traffic = self._settings.traffic
        large = request.length is None or request.length >= CONTINUE_SIZE
        expect = large and time.monotonic() >= self._expects_from
        timeout = PhaseTimeout(time_limit)
        body = BytesBody(request.body) if isinstance(request.body, bytes) else request.body
        limited = LimitedBody(body, traffic) if traffic.is_active and body is not None else body
        sending = RequestBody(limited, timeout)
        try:
            with translated():
                async with timeout.limit(CONTINUE_WAIT if expect else time_limit):
                    parts = await self._signed(request)
                    return await self._send(request, parts, sending, reuse=reuse, expect=expect)
        except Unreachable as cause:
            if sending.error is not None:
                raise sending.error from cause
            if expect and not sending.started and cause.reason is Reason.TIMEOUT:
                self._expects_from = time.monotonic() + CONTINUE_PAUSE
                return await self._exchange_stream(request, time_limit, reuse=reuse)
            raise

    async def close(self) -> None:
        """Close all connections; a request after that opens new ones."""
        await self._connections.close()
        for session in (self._pooled, self._unpooled):
            if session is not None:
                await session.close()
        self._pooled = self._unpooled = None

    async def _signed(self, request: RemoteRequest) -> SignedParts:
        """The endpoint, the address and all headers of a request. Raises Unreachable."""
        target, location, headers = await self._sign(request)
        if request.trace is not None:
            headers += self._spans.headers(request.trace)
        if request.length is not None and (request.length or request.method in ("PUT", "POST")):
            headers.append(("content-length", str(request.length)))
        return target, location, headers

    async def _send(
        self,
        request: RemoteRequest,
        parts: SignedParts,
        data: Any,
        *,
        reuse: bool,
        expect: bool,
    ) -> RemoteResponse:
        """Send a request by aiohttp."""
        target, location, headers = parts
        url = f"{target.scheme}://{location.host}{location.raw_path}"
        if request.raw_query:
            url = f"{url}?{request.raw_query}"
        try:
            response = await self._session(reuse=reuse).request(
                request.method,
                URL(url, encoded=True),
                data=data,
                headers=headers,
                expect100=expect,
                allow_redirects=False,
                proxy=proxy_for(target.scheme, target.host),
            )
        except UnicodeEncodeError as error:
            raise ValueError("a header is not UTF-8") from error
        lower = [(name.lower(), value) for name, value in response.headers.items()]
        source = AiohttpBody(response)
        return await self._receive(request, response.status, lower, source, location)

    async def _receive(
        self,
        request: RemoteRequest,
        status: int,
        headers: list[tuple[str, str]],
        source: BodySource,
        location: Location,
    ) -> RemoteResponse:
        """The response; of an error, all of it."""
        settings = self._settings
        body = ResponseBody(
            source,
            _body_size(request.method, status, headers),
            remote=settings.url,
            silence=settings.timeouts.silence,
            traffic=settings.traffic,
        )
        kept = tuple(header for header in headers if header[0] not in HOP_BY_HOP)
        received = RemoteResponse(status, kept, body, host=location.host)
        if is_refusal(status):
            received.document = await body.read(MAX_ERROR_SIZE)
            received.refusal = read_refusal(status, received.by_name, received.document)
        return received

    def _session(self, *, reuse: bool) -> aiohttp.ClientSession:
        if reuse:
            if self._pooled is None:
                self._pooled = new_session(self._settings, reuse=True)
            return self._pooled
        if self._unpooled is None:
            self._unpooled = new_session(self._settings, reuse=False)
        return self._unpooled


def _body_size(method: str, status: int, headers: list[tuple[str, str]]) -> int | None:
    """Bytes of the body of a response; None: it ends where it ends."""
    if method == "HEAD" or status in (204, 304):
        return 0
    text = next((value for name, value in headers if name == "content-length"), "")
    return int(text) if text.isdigit() else None
