"""What a route of the control API is, what its handler gets, and how errors become answers."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from s3d.agent.core.failures import Refused
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.disk import is_disk_full
from s3d.shared import control
from s3d.shared.control import Problem
from s3d.shared.errors import S3dError

logger = logging.getLogger(__name__)

T = TypeVar("T")

HINTS: Mapping[str, str] = {
    "NoSuchBucket": "list the buckets with: s3d ls",
    "BucketNotEmpty": "remove its objects and their versions first: s3d rb --force",
    "InvalidBucketName": "3 to 63 lower-case letters, digits, dots and hyphens",
    "SlowDown": "free some space on the disk, or let the write queue drain: s3d drain",
    "InternalError": "see the agent's log",
}
"""Error code -> what to do."""


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route; there are no others. query: the words that it knows."""

    method: str
    path: str
    handler: Callable[[Call], Awaitable[web.StreamResponse]]
    query: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a route, its query already checked."""

    request: web.Request
    query: Mapping[str, str]

    @property
    def bucket(self) -> str:
        return self.request.match_info["bucket"]

    @property
    def key(self) -> str:
        """Raises InvalidArgument when it is not given."""
        key = self.query.get("key", "")
        if not key:
            raise S3Error("InvalidArgument", "The query word key is missing.")
        return key

    def number(self, name: str, default: int, highest: int) -> int:
        """A query word from 1 to highest. Raises InvalidArgument."""
        text = self.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= highest:
            raise S3Error("InvalidArgument", f"{name} must be a number from 1 to {highest}.")
        return int(text)

    async def data(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises IncompleteBody when it breaks off."""
        try:
            async for chunk in self.request.content.iter_any():
                yield chunk
        except (ConnectionError, web.RequestPayloadError) as error:
            raise S3Error("IncompleteBody") from error

    async def body(self, kind: type[T]) -> T:
        """The JSON body; unknown fields are refused. Raises InvalidRequest."""
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
            raise S3Error("InvalidRequest", f"The body is not understood: {error}") from error


def answer(value: msgspec.Struct, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=control.encode(value), status=status, content_type=control.JSON)


async def respond(route: Route, request: web.Request) -> web.StreamResponse:
    """Run the route's handler; whatever it raises becomes a Problem."""
    request_id = uuid.uuid4().hex[:16].upper()
    try:
        response = await route.handler(Call(request, _query(request, route.query)))
    except ControlError as error:
        response = problem(error.status, error.problem, request_id)
    except S3Error as error:
        bucket = request.match_info.get("bucket") or request.query.get("bucket", "")
        response = problem(error.status, _of_s3_error(error, bucket), request_id)
    except S3dError as error:
        said = Problem("InvalidRequest", error.title, error.detail, error.remedy)
        response = problem(400, said, request_id)
    except (ConnectionError, web.HTTPException):
        raise
    except Exception:
        logger.exception("control call failed path=%s request_id=%s", request.path, request_id)
        said = Problem("InternalError", "the agent failed", hint=HINTS["InternalError"])
        response = problem(500, said, request_id)
    return response


class ControlError(Exception):
    """An error that is the control API's own and not S3's."""

    def __init__(self, status: int, code: str, title: str, hint: str = "") -> None:
        self.status = status
        self.problem = Problem(code, title, hint=hint, retryable=status >= 500)
        super().__init__(title)


def problem(status: int, what: Problem, request_id: str = "") -> web.Response:
    """An error answer."""
    what = msgspec.structs.replace(what, request_id=request_id)
    return web.Response(
        body=control.encode(what),
        status=status,
        content_type=control.PROBLEM_JSON,
        headers={control.REQUEST_ID_HEADER: request_id} if request_id else None,
    )


def _of_s3_error(error: S3Error, bucket: str) -> Problem:
    title = error.message.rstrip(".")
    hint = HINTS.get(error.code, "")
    if error.status >= 500 and isinstance(error.failure, Refused):  # it is the remote that failed
        hint = "the remote answered so; s3d status shows how it is"
    elif is_disk_full(error):
        hint = "free some space on the disk that it names, or set S3D_LOCAL_DIR to another disk"
    return Problem(error.code, title, _detail(error, bucket), hint, error.status >= 500)


def _detail(error: S3Error, bucket: str) -> str:
    """What it is about, as people write it, and what else is known."""
    more = dict(error.detail)
    about = [str(more.pop("BucketName"))] if "BucketName" in more else []
    if bucket and "Key" in more:
        about = [f"{bucket}/{more.pop('Key')}"]
    return ", ".join([*about, *(f"{name}: {value}" for name, value in more.items())])


def _query(request: web.Request, known: frozenset[str]) -> dict[str, str]:
    """The query's words. Raises InvalidArgument for bad UTF-8 and for words unknown or repeated."""
    raw = request.raw_path.partition("?")[2]
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise S3Error("InvalidArgument", "The query is not UTF-8.") from error
    query = dict(pairs)
    if len(query) < len(pairs):
        raise S3Error("InvalidArgument", "A query word is given twice.")
    for word in query.keys() - known:
        raise S3Error("InvalidArgument", f"This route has no query word {word}.")
    return query
