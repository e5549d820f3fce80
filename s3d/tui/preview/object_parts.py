"""The parts of an object that were read, as a file, and what a decoder is asked to draw of them."""

from __future__ import annotations

import io
from collections.abc import Sequence

from msgspec import Struct

from s3d.tui.preview.drawing import MissingBytes, Range


class Part(Struct, array_like=True):
    """Bytes of an object from an offset on."""

    start: int
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data)


class DecodeRequest(Struct):
    """One object for the decoders. width and height: cells of the terminal for a picture.

    seconds: CPU time after which a decoder is stopped.
    is_hex: show the bytes, whatever they are.
    more: the sign at the end of what is cut.
    """

    key: str
    size: int
    parts: list[Part]
    width: int = 80
    height: int = 24
    seconds: float = 0.2
    is_hex: bool = False
    more: str = "…"

    @property
    def head(self) -> bytes:
        """The bytes from the beginning of the object on, up to the first gap."""
        first = next(iter(merged(self.parts)), None)
        return first.data if first is not None and first.start == 0 else b""

    @property
    def tail(self) -> bytes:
        """The bytes before the end of the object, from the last gap on."""
        last = next(reversed(merged(self.parts)), None)
        return last.data if last is not None and last.end == self.size else b""


def merged(parts: Sequence[Part]) -> list[Part]:
    """The parts in their order; those that touch or overlap become one."""
    result: list[Part] = []
    for part in sorted(parts, key=lambda part: part.start):
        if result and part.start <= result[-1].end:
            last = result[-1]
            result[-1] = Part(last.start, last.data + part.data[last.end - part.start :])
        else:
            result.append(part)
    return result


class PartsFile(io.RawIOBase):
    """A read-only file of an object of which only parts were read.

    Reading a gap raises MissingBytes, which names it.
    """

    def __init__(self, size: int, parts: Sequence[Part]) -> None:
        super().__init__()
        self._size, self._parts, self._at = size, merged(parts), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("a negative offset in the file")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(0, self._size - self._at)
        count = rest if size is None or size < 0 else min(size, rest)
        if not count:
            return b""
        for part in self._parts:
            if part.start <= self._at and self._at + count <= part.end:
                start = self._at - part.start
                self._at += count
                return part.data[start : start + count]
        raise MissingBytes(Range(self._at, count))
