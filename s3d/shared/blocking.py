"""The control API's synchronous client, for the command line.

It must import quickly: no asyncio, aiohttp, botocore or textual. One connection a call.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from s3d import __version__
from s3d.shared import control
from s3d.shared.control import (
    AgentStatus,
    BucketInfo,
    BucketList,
    Hello,
    Listing,
    ObjectInfo,
    ObjectStatus,
    Presigned,
    PresignRequest,
    Problem,
    TagChanges,
    Tags,
)
from s3d.shared.errors import (
    DeniedError,
    FullError,
    NotFoundError,
    NotRunningError,
    S3dError,
    UnavailableError,
    UsageError,
)
from s3d.shared.facts import LogList
from s3d.shared.unix_http import BLOCK, Answer, NotHTTP, exchange

TIMEOUT = 60.0
"""Seconds that a single read or write may take."""

ERRORS: dict[str, type[S3dError]] = {
    "AccessDenied": DeniedError,
    "AllAccessDisabled": DeniedError,
    "NoSuchBucket": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchVersion": NotFoundError,
    "NoSuchUpload": NotFoundError,
    "NotFound": NotFoundError,
    "SlowDown": FullError,
    "DiskFull": FullError,
    "NoSuchFile": NotFoundError,
    "PermissionDenied": DeniedError,
    "InvalidBucketName": UsageError,
    "InvalidTag": UsageError,
    "InvalidURI": UsageError,
    "KeyTooLongError": UsageError,
    "ServiceUnavailable": UnavailableError,
    control.NO_SUCH_TRANSFER: NotFoundError,
    control.NO_SUCH_FOLDER: NotFoundError,
    control.NO_REMOTE: UsageError,
}
"""Problem code -> the error that a person gets; S3dError for all others."""

T = TypeVar("T")


class ControlClient:
    """The agent on its socket. Every call raises NotRunningError when there is none.

    version is an S3 version id; headers are those of S3's PutObject (Content-Type, x-amz-meta-*,
    x-amz-tagging, If-None-Match, ...).
    """

    def __init__(self, socket: Path, *, timeout: float = TIMEOUT) -> None:
        self._socket = socket
        self._timeout = timeout

    def hello(self) -> Hello:
        return self.ask("GET", "/v1/hello", Hello)

    def status(self) -> AgentStatus:
        return self.ask("GET", "/v1/status", AgentStatus)

    def bucket_status(self, bucket: str) -> BucketInfo:
        """With the number and size of its objects and its tags."""
        return self.ask("GET", path_of("/v1/status", bucket=bucket), BucketInfo)

    def object_status(self, bucket: str, key: str) -> ObjectStatus:
        """With its metadata and tags, and how far it has come."""
        return self.ask("GET", path_of("/v1/status", bucket=bucket, key=key), ObjectStatus)

    def buckets(self) -> list[BucketInfo]:
        return self.ask("GET", "/v1/buckets", BucketList).buckets

    def create_bucket(self, bucket: str) -> None:
        self.call("PUT", _bucket(bucket)).close()

    def delete_bucket(self, bucket: str) -> None:
        self.call("DELETE", _bucket(bucket)).close()

    def list(
        self,
        bucket: str,
        prefix: str = "",
        *,
        delimiter: str = "",
        cursor: str = "",
        limit: int = control.MAX_PAGE,
    ) -> Listing:
        """One page; the next one begins at its cursor, which is empty on the last."""
        query = {"prefix": prefix, "delimiter": delimiter, "cursor": cursor, "limit": str(limit)}
        return self.ask("GET", path_of(f"{_bucket(bucket)}/objects", **query), Listing)

    def pages(self, bucket: str, prefix: str = "", *, delimiter: str = "") -> Iterator[Listing]:
        """All pages, one request each."""
        cursor = ""
        while True:
            page = self.list(bucket, prefix, delimiter=delimiter, cursor=cursor)
            yield page
            cursor = page.cursor
            if not cursor:
                return

    def version_pages(self, bucket: str) -> Iterator[Listing]:
        """All versions and delete markers of a bucket, one request a page."""
        cursor = ""
        while True:
            page = self.ask("GET", path_of(f"{_bucket(bucket)}/versions", cursor=cursor), Listing)
            yield page
            cursor = page.cursor
            if not cursor:
                return

    def get(
        self,
        bucket: str,
        key: str,
        *,
        start: int | None = None,
        size: int | None = None,
        version: str = "",
    ) -> tuple[ObjectInfo, Download]:
        """The object, or size bytes of it from start on; close the download."""
        headers = {} if start is None and size is None else {"Range": _range(start or 0, size)}
        answer = self.call("GET", _object(bucket, key, version), headers=headers)
        return _object_info(answer), Download(answer)

    def put(
        self,
        bucket: str,
        key: str,
        source: IO[bytes],
        size: int | None = None,
        headers: Mapping[str, str] = {},
    ) -> ObjectInfo:
        """Store what source holds from where it stands; size in bytes, None when it is unknown."""
        length = {} if size is None else {"Content-Length": str(size)}
        body = _blocks(source, size)
        with self.call("PUT", _object(bucket, key), body, {**headers, **length}) as answer:
            return _object_info(answer)

    def delete(self, bucket: str, key: str, version: str = "") -> None:
        """As in S3, it is no error when there is no such object."""
        self.call("DELETE", _object(bucket, key, version)).close()

    def tags(self, bucket: str, key: str = "") -> dict[str, str]:
        """Of the object, or of the bucket."""
        return self.ask("GET", _tags(bucket, key), Tags).tags

    def change_tags(
        self, bucket: str, key: str, set: Mapping[str, str], unset: Sequence[str] = ()
    ) -> dict[str, str]:
        """Add to and remove from the tags; the whole set afterwards. key "": of the bucket."""
        changes = TagChanges(dict(set), [*unset])
        return self.ask("PATCH", _tags(bucket, key), Tags, changes).tags

    def versions_of(self, bucket: str, key: str) -> Sequence[ObjectInfo]:
        """Of one object, the newest first."""
        path = path_of(f"{_bucket(bucket)}/versions", key=key)
        return self.ask("GET", path, Listing).objects

    def restore(self, bucket: str, key: str, version: str) -> ObjectInfo:
        """Make an older version the newest."""
        path = path_of(f"{_bucket(bucket)}/object:restore", key=key, version=version)
        return self.ask("POST", path, ObjectInfo)

    def logs(
        self, *, limit: int, since: int = 0, level: str = "", source: str = "", wait: str = ""
    ) -> LogList:
        """Lines of the log behind a number; from 0, the last of all. wait: so many seconds for
        another line."""
        words = {"level": level, "source": source, "limit": str(limit), "wait": wait}
        path = path_of("/v1/logs", since=str(since) if since else "", **words)
        return self.ask("GET", path, LogList)

    def presign(
        self, bucket: str, key: str, *, method: str = "GET", expires: int = 3600
    ) -> Presigned:
        """A URL that needs no credentials for so many seconds."""
        path = path_of(f"{_bucket(bucket)}/object:presign", key=key)
        return self.ask("POST", path, Presigned, PresignRequest(method, expires))

    def ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        """The answer of a route, JSON for JSON."""
        data = None if body is None else control.encode(body)
        headers = {} if data is None else {"Content-Type": control.JSON}
        with self.call(method, path, data, headers) as answer:
            try:
                content = answer.read()
            except OSError as error:
                raise _broken(self._socket, error) from error
            return _decode(content, kind)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """The answer of a route, which the caller closes. Raises S3dError for what is refused."""
        own = {control.CLIENT_HEADER: f"cli/{__version__}"}
        try:
            answer = exchange(
                self._socket, (method, path), {**own, **headers}, body, timeout=self._timeout
            )
            if answer.status < 400:
                return answer
            with answer:
                content = answer.read()
        except OSError as error:
            raise _broken(self._socket, error) from error
        raise _error(answer, content)


class Download(io.RawIOBase):
    """The bytes of an object as they come. Raises S3dError when they end too early."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._answer.readinto(buffer)
        except OSError as error:
            raise S3dError(
                "the agent hung up",
                f"{self._answer.left} bytes are missing",
                "try again; if it stays so, s3d check tells whether the object is damaged",
            ) from error

    def close(self) -> None:
        self._answer.close()
        super().close()


def _error(answer: Answer, content: bytes) -> S3dError:
    try:
        problem = control.decode(content, Problem)
    except msgspec.DecodeError:
        return S3dError(f"the agent answered {answer.status} {answer.reason}")
    kind = ERRORS.get(problem.code, DeniedError if answer.status == 403 else S3dError)
    return kind(problem.title, problem.detail, problem.hint)


def _broken(path: Path, error: Exception) -> S3dError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunningError("the agent is not running", str(path), "start it with: s3d run")
    if isinstance(error, PermissionError):
        return DeniedError("the agent's socket belongs to somebody else", str(path))
    if isinstance(error, TimeoutError):
        return S3dError("the agent does not answer", str(path), "see its log, or start it again")
    if isinstance(error, NotHTTP):
        return S3dError(
            "no proper answer", f"{path}: {error}", "see the agent's log, if it is the agent's"
        )
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return S3dError("the agent hung up", reason or type(error).__name__, "see its log")


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return control.decode(data, kind)
    except msgspec.DecodeError as error:
        raise S3dError(
            "cannot read the agent's answer", str(error), "restart the agent: it may be older"
        ) from error


def _object_info(answer: Answer) -> ObjectInfo:
    return _decode(answer.headers.get(control.OBJECT_HEADER.lower(), "").encode(), ObjectInfo)


def _blocks(source: IO[bytes], size: int | None) -> Iterator[bytes]:
    """Exactly size bytes, or all of them when that is None."""
    left = sys.maxsize if size is None else size
    while left and (block := source.read(min(BLOCK, left))):
        yield block
        left -= len(block)
    if left and size is not None:
        raise S3dError("the data ended too early", f"{left} of {size} bytes are missing")


def _range(start: int, size: int | None) -> str:
    return f"bytes={start}-" if size is None else f"bytes={start}-{start + size - 1}"


def path_of(path: str, **query: str) -> str:
    """With the query words that are not empty."""
    words = urlencode({name: value for name, value in query.items() if value}, quote_via=quote)
    return f"{path}?{words}" if words else path


def _bucket(bucket: str) -> str:
    return f"/v1/buckets/{quote(bucket, safe='')}"


def _object(bucket: str, key: str, version: str = "") -> str:
    return path_of(f"{_bucket(bucket)}/object", key=key, version=version)


def _tags(bucket: str, key: str) -> str:
    return path_of(f"{_bucket(bucket)}/tags", key=key)
