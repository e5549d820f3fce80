"""The contents of the objects of the demonstration: one of each kind that a preview knows."""

from __future__ import annotations

import struct
import zlib
from functools import cache

_README = (
    b"The quick brown fox jumps over the lazy dog.\n"
    b"\n"
    b"Photos are below photos/, one folder for each year.\n"
)
_JSON = (
    b'{"name": "notes", "tags": ["a", "b"], "size": 12,'
    b' "owner": {"id": 42, "mail": null, "teams": []},'
    b' "sizes": [{"width": 640, "ratio": 1.50}, {"width": 1280, "ratio": 1.50}],'
    b' "public": false}'
)
_CSV = (
    "name,size,kind,place\n"
    "IMG_0001,4400000,jpeg,Zürich\n"
    "IMG_0002,4300000,jpeg,日本\n"
    'IMG_0003,412,jpeg,"Paris, France"\n'
).encode() + b"".join(b"IMG_%04d,%d,jpeg,\n" % (number, 91 * number) for number in range(4, 40))
_BYTES = bytes(range(256)) * 4
_WIDTH, _HEIGHT = 96, 64
"""Pixels of the picture."""


def object_size(key: str) -> int:
    """Another one for each name."""
    digits = "".join(char for char in key if char in "0123456789")[-6:]
    return 1_000 + 7 * int(digits or len(key))


def object_bytes(key: str) -> bytes:
    """What an object of the demonstration holds, by its name: as long as its size says."""
    content, padding = _content(key[key.rfind(".") :])
    size = object_size(key)
    return (content + padding * (size - len(content)))[:size]


def _content(ending: str) -> tuple[bytes, bytes]:
    """With what may follow it without a meaning."""
    if ending == ".jpg":
        return _picture(), b"\0"
    contents = {".json": (_JSON, b" "), ".csv": (_CSV, b"\n"), ".bin": (_BYTES, b"\0")}
    return contents.get(ending, (_README * 500, b" "))


@cache
def _picture() -> bytes:
    """A sun that sets behind hills, as PNG: no library is needed to write one."""
    rows = b"".join(b"\0" + b"".join(_pixel(x, y) for x in range(_WIDTH)) for y in range(_HEIGHT))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _pixel(x: int, y: int) -> bytes:
    hill = 44 + abs((x % 48) - 24) // 3
    if y > hill:
        return bytes((18, 40 + (y - hill), 34))
    if (x - 62) ** 2 + (y - 34) ** 2 < 120:
        return bytes((255, 214, 120))
    share = y / _HEIGHT
    return bytes((int(60 + 190 * share), int(50 + 90 * share), int(120 - 60 * share)))
