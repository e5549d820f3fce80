"""The head of an answer as bytes: status line, the headers that every answer has, the rest."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus

from s3d.agent.s3.serialize import HOST_ID

Headers = Sequence[tuple[str, str]]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}

# What is stored may be HTML or a script: no browser shall run it as a page of this origin.
_SECURITY = (
    "Server: s3d\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: sandbox\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
)


class ResponseHeadWriter:
    """Makes heads; keeps the Date line of the running second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = -1
        self._common = ""
        self._bits = random.Random().getrandbits

    def request_id(self) -> str:
        """16 hexadecimal digits, as AWS's."""
        return f"{self._bits(64):016X}"

    def head(self, status: int, request_id: str, headers: Headers, tail: str = "") -> bytes:
        """tail: further lines that need no care, each ended by CR LF."""
        now = int(self._clock())
        if now != self._second:
            self._second = now
            date = formatdate(now, usegmt=True)
            self._common = f"{_SECURITY}x-amz-id-2: {HOST_ID}\r\nDate: {date}\r\n"
        lines = header_lines(headers) if headers else ""
        first = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
        text = f"{first}x-amz-request-id: {request_id}\r\n{self._common}{lines}{tail}\r\n"
        return text.encode("utf-8", "surrogateescape")


def header_lines(headers: Headers) -> str:
    """Header lines. Raises ValueError for a value that would end its line: it was not cleaned."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise ValueError("a header has a line break in it")
    return text
