"""HTTP/1.1 over a Unix socket, one request per connection: what the control API's client needs.

The standard library's http.client is not used because importing it takes a third of the time that
`s3d status` may take.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

BLOCK = 256 << 10
LONGEST_LINE = 64 << 10
_WITH_BODY = ("PUT", "POST", "PATCH")
_NO_BODY = (204, 304)


class NotHTTP(ConnectionError):
    """The answer is not valid HTTP/1.1, or it ends too early."""


class ConnectionClosed(NotHTTP):
    """The server closed the connection before it began a line of its answer."""


class Answer(io.RawIOBase):
    """An answer: its head, and its body as a file. Header names are in lower case."""

    def __init__(
        self, connection: socket.socket, stream: io.BufferedReader, *, has_body: bool = True
    ) -> None:
        self._connection, self._stream = connection, stream
        self.status, self.reason = _status_line(stream)
        while 100 <= self.status < 200:  # interim answers such as 100 Continue
            _headers(stream)
            self.status, self.reason = _status_line(stream)
        self.headers = _headers(stream)
        self._is_chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        has_body = has_body and self.status not in _NO_BODY
        length = self.headers.get("content-length") if has_body else "0"
        if length is not None and not (length.isascii() and length.isdigit()):
            raise NotHTTP(f"the content length is {length!r}")
        if self._is_chunked:
            length = "0"  # of the chunk that is being read
        self.left = None if length is None else int(length)
        """Bytes of the body, or of the current chunk, still to read; None: until the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises NotHTTP when the body ends too early."""
        if self._is_chunked and not self.left:
            self._next_chunk()
        view = memoryview(buffer).cast("B")
        if self.left is not None:
            view = view[: self.left]
        count = self._stream.readinto1(view)
        if self.left is not None:
            if len(view) and not count:
                raise NotHTTP(f"{self.left} bytes are missing")
            self.left -= count
            if self._is_chunked and count and not self.left:
                _line(self._stream)  # the line break after a chunk
        return count

    def set_timeout(self, seconds: float) -> None:
        """How long each further read may take."""
        self._connection.settimeout(seconds)

    def close(self) -> None:
        self._stream.close()
        self._connection.close()
        super().close()

    def _next_chunk(self) -> None:
        size = _line(self._stream).partition(";")[0].strip()
        try:
            self.left = int(size, 16)
        except ValueError:
            raise NotHTTP(f"the chunk size is {size!r}") from None
        if not self.left:
            _headers(self._stream)  # trailers; the end of the body
            self._is_chunked = False


def exchange(
    path: Path,
    request: tuple[str, str],
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] | None = None,
    *,
    timeout: float,
) -> Answer:
    """Send a request, (method, target), and read the head of its answer. The caller closes it.

    A body of several blocks is sent in chunks unless headers have a Content-Length. timeout:
    seconds for each read and write. Raises OSError, and NotHTTP for an invalid answer.
    """
    wire = _wire(*request, headers, body)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        connection.connect(str(path))
        try:
            for block in wire:
                connection.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server may refuse a request before it has read the whole body
        return _read_answer(connection, has_body=request[0] != "HEAD")
    except BaseException:
        connection.close()
        raise


def _read_answer(connection: socket.socket, *, has_body: bool) -> Answer:
    stream = connection.makefile("rb")
    try:
        return Answer(connection, stream, has_body=has_body)
    except BaseException:
        stream.close()
        raise


def _wire(
    method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None
) -> Iterable[bytes]:
    lines = {"Host": "localhost", "Connection": "close", **headers}
    if body is None or isinstance(body, bytes):
        blocks: Iterable[bytes] = (body,) if body else ()
        if body or method in _WITH_BODY:
            lines["Content-Length"] = str(len(body or b""))
    elif "Content-Length" in headers:
        blocks = body
    else:
        blocks = _chunks(body)
        lines["Transfer-Encoding"] = "chunked"
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items())]
    if any("\r" in line or "\n" in line for line in head):
        raise ValueError("a header holds a line break")
    return chain(["\r\n".join([*head, "", ""]).encode("latin-1")], blocks)


def _chunks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if block:
            yield b"%x\r\n%b\r\n" % (len(block), block)
    yield b"0\r\n\r\n"


def _status_line(stream: io.BufferedReader) -> tuple[int, str]:
    version, _, rest = _line(stream).partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not (status.isdecimal() and len(status) == 3):
        raise NotHTTP("the answer has no status line of HTTP/1.1")
    return int(status), reason


def _headers(stream: io.BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := _line(stream):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _line(stream: io.BufferedReader) -> str:
    line = stream.readline(LONGEST_LINE + 2)
    if not line:
        raise ConnectionClosed("the answer is not complete")
    if not line.endswith(b"\n"):
        raise NotHTTP("a line of the head is too long, or cut off")
    return line.decode("latin-1").rstrip("\r\n")
