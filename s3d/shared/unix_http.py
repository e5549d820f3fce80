"""HTTP/1.1 over a Unix socket, one request a connection: as much as the control API's client needs.

http.client would do it too, but its import takes a third of the time that `s3d status` may take.
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
    """What came is no answer, or not all of one."""


class Answer(io.RawIOBase):
    """An answer: its head, and its body as a file. Header names are in lower case."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self.status, self.reason = _status_line(stream)
        while 100 <= self.status < 200:  # "go on", and others that announce the real one
            _headers(stream)
            self.status, self.reason = _status_line(stream)
        self.headers = _headers(stream)
        if "transfer-encoding" in self.headers:
            raise NotHTTP("an answer in chunks")
        length = "0" if self.status in _NO_BODY else self.headers.get("content-length")
        if length is not None and not (length.isascii() and length.isdigit()):
            raise NotHTTP("an answer of no proper length")
        self.left = None if length is None else int(length)
        """Bytes to come; None: until the end."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises NotHTTP when the body ends too early."""
        view = memoryview(buffer).cast("B")
        if self.left is not None:
            view = view[: self.left]
        count = self._stream.readinto1(view)
        if self.left is not None:
            if len(view) and not count:
                raise NotHTTP(f"{self.left} bytes are missing")
            self.left -= count
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def exchange(
    path: Path,
    request: tuple[str, str],
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] | None = None,
    *,
    timeout: float,
) -> Answer:
    """Send a request, (method, target), and read the head of its answer; close the answer.

    A body in blocks is sent as it is when headers have a Content-Length, else in chunks. timeout:
    seconds for each read and write. Raises OSError; NotHTTP, which is one, for a bad answer.
    """
    wire = _wire(*request, headers, body)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        try:
            for block in wire:
                connection.sendall(block)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever refuses a body answers before all of it is read
        stream = connection.makefile("rb")  # has its own hold on the connection
    try:
        return Answer(stream)
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
        raise NotHTTP("not an answer in HTTP/1.1")
    return int(status), reason


def _headers(stream: io.BufferedReader) -> dict[str, str]:
    found: dict[str, str] = {}
    while line := _line(stream):
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return found


def _line(stream: io.BufferedReader) -> str:
    line = stream.readline(LONGEST_LINE + 2)
    if not line.endswith(b"\n"):
        raise NotHTTP("the line is too long" if line else "no answer")
    return line.decode("latin-1").rstrip("\r\n")
