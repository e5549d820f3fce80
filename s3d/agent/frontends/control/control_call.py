"""Routes of the control API: their declaration, the parameters of a call, and responses.

One request goes this way:

1. control_server.py refuses other users and web pages, and finds the Route.
2. respond() checks the query against the words that the route declares, and calls its handler.
3. The handler reads parameters through Call and returns answer(VALUE) or a streamed response.
4. An exception of the handler becomes a Problem (problems.py).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from s3d.agent.frontends.control.problems import problem_response
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body
from s3d.shared import control

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAIT = 30.0
"""Seconds that one call may wait for something: less than clients wait for a response."""

Handler = Callable[["Call"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route; there are no others. query: the words that it accepts."""

    method: str
    path: str
    handler: Handler
    query: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a route. Each parameter is parsed here, and refused with InvalidArgument."""

    request: web.Request
    query: Mapping[str, str]
    """The query parameters that the route declares."""

    def segment(self, name: str) -> str:
        """The part of the path that the route names {name}."""
        return self.request.match_info[name]

    @property
    def bucket(self) -> str:
        return self.segment("bucket")

    @property
    def key(self) -> str:
        return self.required("key")

    def required(self, name: str) -> str:
        """A query word that must be given, and not be empty."""
        value = self.query.get(name, "")
        if not value:
            raise S3Error("InvalidArgument", f"The query parameter {name} is missing.")
        return value

    def number(self, name: str, default: int, highest: int) -> int:
        """A query word from 1 to highest."""
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= highest:
            raise S3Error("InvalidArgument", f"{name} must be a number from 1 to {highest}.")
        return int(text)

    @property
    def page_limit(self) -> int:
        """Rows of a page: the query word limit."""
        return self.number("limit", control.MAX_PAGE, control.MAX_PAGE)

    def sequence(self, name: str, meaning: str) -> int:
        """A query word that is a sequence number; 0 when it is not given. meaning: what it must
        be, for the error."""
        seq = sequence_of(self.query.get(name, "0"))
        if seq is None:
            raise S3Error("InvalidArgument", f"{name} must be {meaning}.")
        return seq

    @property
    def cursor(self) -> int:
        """The sequence number after which a page begins; 0 for the first page."""
        return (
            self.sequence("cursor", "the token of an earlier page")
            if self.query.get("cursor")
            else 0
        )

    @property
    def wait(self) -> float:
        """Seconds: the query word wait."""
        try:
            wait = float(self.query.get("wait", "0"))
        except ValueError:
            wait = -1.0
        if not 0 <= wait <= MAX_WAIT:
            raise S3Error("InvalidArgument", f"wait must be from 0 to {MAX_WAIT:.0f} seconds.")
        return wait

    async def wait_for(self, ended: Callable[[], Awaitable[Any]]) -> None:
        """Return once ended() has returned, or after the seconds of the query word wait."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.wait):
                await ended()

    async def data(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises IncompleteBody when the connection breaks."""
        try:
            async for chunk in self.request.content.iter_any():
                yield chunk
        except (ConnectionError, web.RequestPayloadError) as error:
            raise S3Error("IncompleteBody") from error

    async def body(self, kind: type[T]) -> T:
        """The JSON body; unknown fields are refused. Raises InvalidRequest, EntityTooLarge."""
        data = bytearray()
        async for chunk in self.data():
            data += chunk
            if len(data) > control.MAX_JSON:
                raise S3Error(
                    "EntityTooLarge", f"A JSON body has at most {control.MAX_JSON} bytes."
                )
        try:
            return control.decode(bytes(data), kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise S3Error("InvalidRequest", f"The body cannot be decoded: {error}") from error

    async def stream(
        self, body: Body, headers: Mapping[str, str], *, size: int | None, status: int = 200
    ) -> web.StreamResponse:
        """Send a body, which the caller closes. After its first byte an error can only cut the
        connection."""
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = size
        await response.prepare(self.request)
        try:
            async for chunk in body:
                await response.write(chunk)
            await response.write_eof()
        except ConnectionError:
            pass  # the client has gone
        except (S3Error, OSError):
            logger.exception("cannot read a body path=%s", self.request.path)
            if self.request.transport is not None:
                self.request.transport.abort()
        return response


def answer(value: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=control.encode(value), status=status, content_type=control.JSON)


def page_of(rows: Iterable[T], limit: int, cursor_of: Callable[[T], object]) -> tuple[list[T], str]:
    """The first rows, and the cursor of the next page; "" when this is the last one."""
    page = list(islice(rows, limit + 1))
    return page[:limit], str(cursor_of(page[limit - 1])) if len(page) > limit else ""


def sequence_of(text: str) -> int | None:
    """A sequence number; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


async def respond(route: Route, request: web.Request) -> web.StreamResponse:
    """Run the handler of the route; an exception that it raises becomes a Problem."""
    request_id = uuid.uuid4().hex[:16].upper()
    try:
        return await route.handler(Call(request, _query(request, route.query)))
    except (ConnectionError, web.HTTPException):
        raise
    except Exception as error:  # noqa: BLE001 - problem_response() logs those that are bugs
        bucket = request.match_info.get("bucket") or request.query.get("bucket", "")
        return problem_response(error, bucket=bucket, path=request.path, request_id=request_id)


def _query(request: web.Request, known: frozenset[str]) -> dict[str, str]:
    """The query's words. Raises InvalidArgument for bad UTF-8 and for words unknown or repeated."""
    raw = request.raw_path.partition("?")[2]
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise S3Error("InvalidArgument", "The query is not UTF-8.") from error
    query = dict(pairs)
    if len(query) < len(pairs):
        raise S3Error("InvalidArgument", "A query parameter is given twice.")
    for word in query.keys() - known:
        raise S3Error("InvalidArgument", f"This route has no query parameter {word}.")
    return query
