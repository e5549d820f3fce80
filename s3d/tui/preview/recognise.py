"""What an object is, by its first bytes and its name: a text, a table, a picture, an archive."""

from __future__ import annotations

import bz2
import codecs
import lzma
import zlib
from dataclasses import dataclass
from typing import Protocol

MAX_UNPACKED = 1 << 20
"""Bytes that a compressed beginning is unpacked to, at most: a bomb stays small."""
_MAX_XZ_MEMORY = 64 << 20
_PACKERS = {
    b"\x1f\x8b": ("gzip", ".gz", ".tgz"),
    b"BZh": ("bzip2", ".bz2", ".tbz2"),
    b"\xfd7zXZ\0": ("xz", ".xz", ".txz"),
}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
_TEXT_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks. Those of UTF-32 begin with one of UTF-16, so they come first."""
_JSON_NAMES = frozenset(
    ("json", "jsonl", "ndjson", "geojson", "ipynb", "webmanifest", "har", "topojson")
)
_TABLE_NAMES = frozenset(("csv", "tsv", "tab", "psv"))
ZIP_NAMES = frozenset(
    ("zip", "jar", "war", "ear", "whl", "apk", "docx", "xlsx", "pptx", "odt", "ods", "epub", "npz")
)
PARQUET_NAMES = frozenset(("parquet", "pq"))
_ESCAPE_SHARE = 0.02
"""Share of control characters from which a text counts as bytes."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """kind: text, json, table, picture, zip, tar, parquet, hex or empty.

    key: the name without the ending of the compression. data: the bytes, unpacked.
    text: decoded, for the kinds that are text. is_whole: nothing of the object is missing.
    """

    kind: str
    key: str
    data: bytes
    text: str = ""
    encoding: str = ""
    packed: str = ""
    """gzip, bzip2 or xz; empty when it is not compressed."""
    is_whole: bool = True


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...


def suffix_of(key: str) -> str:
    """The ending of a name in lower case, without its dot."""
    return key.rpartition("/")[2].rpartition(".")[2].lower()


def recognise(key: str, data: bytes, *, is_whole: bool) -> Recognised:
    """data: the beginning of the object; is_whole: all of it."""
    packed = next((names for start, names in _PACKERS.items() if data.startswith(start)), None)
    if packed is not None:
        unpacked = _unpack(packed[0], data)
        if unpacked is not None:
            inner, is_end = unpacked
            return _recognise(
                _inner_name(key, packed), inner, is_whole=is_whole and is_end, packed=packed[0]
            )
    return _recognise(key, data, is_whole=is_whole, packed="")


def _inner_name(key: str, packed: tuple[str, ...]) -> str:
    for ending in packed[1:]:
        if key.lower().endswith(ending):
            return key[: -len(ending)] + (".tar" if ending.startswith(".t") else "")
    return key


def _unpack(packer: str, data: bytes) -> tuple[bytes, bool] | None:
    """The unpacked beginning, and whether it is all; None when the bytes are not compressed."""
    unpacker: _Decompressor
    if packer == "gzip":
        unpacker = zlib.decompressobj(31)
    elif packer == "bzip2":
        unpacker = bz2.BZ2Decompressor()
    else:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_XZ_MEMORY)
    try:
        unpacked = unpacker.decompress(data, MAX_UNPACKED)
    except (zlib.error, OSError, lzma.LZMAError):
        return None
    return unpacked, unpacker.eof


def _recognise(key: str, data: bytes, *, is_whole: bool, packed: str) -> Recognised:
    def make(kind: str, text: str = "", encoding: str = "") -> Recognised:
        return Recognised(kind, key, data, text, encoding, packed, is_whole)

    if not data:
        return make("empty")
    if kind := _binary_kind(key, data):
        return make(kind)
    decoded = decode_text(data, is_whole=is_whole)
    if decoded is None:
        return make("hex")
    text, encoding = decoded
    return make(_text_kind(key, text), text, encoding)


def _binary_kind(key: str, data: bytes) -> str:
    """By the first bytes; the name decides only for a file that begins like no other."""
    if data.startswith(_PICTURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return "picture"
    if data.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08")):
        return "zip"
    if data.startswith(b"PAR1"):
        return "parquet"
    if data[257:262] == b"ustar":
        return "tar"
    return "zip" if b"PK\5\6" in data[-66_000:] and suffix_of(key) in ZIP_NAMES else ""


def decode_text(data: bytes, *, is_whole: bool) -> tuple[str, str] | None:
    """The text and its encoding; None when the bytes are no text.

    A character that is cut at the end of the data is dropped, unless the data is whole.
    """
    for mark, encoding in _TEXT_ENCODINGS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], encoding, is_whole=is_whole)
    for encoding in _likely_encodings(data):
        if decoded := _decode(data, encoding, is_whole=is_whole):
            return decoded
    return None


def _likely_encodings(data: bytes) -> list[str]:
    """Without a byte order mark: UTF-16 has a zero in every other byte of mostly Latin text."""
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    half = max(1, min(len(data), 4096) // 2)
    if odd > 0.4 * half and even < 0.05 * half:
        return ["utf-16-le"]
    if even > 0.4 * half and odd < 0.05 * half:
        return ["utf-16-be"]
    return ["utf-8", "latin-1"]


def _decode(data: bytes, encoding: str, *, is_whole: bool) -> tuple[str, str] | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(data, is_whole)
    except UnicodeDecodeError:
        return None
    if encoding == "latin-1" and not _reads_as_latin(data):
        return None
    controls = sum(text.count(chr(code)) for code in range(32) if code not in (9, 10, 12, 13, 27))
    if "\0" in text or controls > _ESCAPE_SHARE * len(text):
        return None
    return text, encoding


def _reads_as_latin(data: bytes) -> bool:
    """Whether the bytes above ASCII are few and printable, as in an old text file."""
    high = sum(byte >= 0xA0 for byte in data)
    c1 = sum(0x80 <= byte < 0xA0 for byte in data)
    return c1 == 0 and high <= 0.3 * len(data)


def _text_kind(key: str, text: str) -> str:
    suffix = suffix_of(key)
    if suffix in _JSON_NAMES:
        return "json"
    if suffix in _TABLE_NAMES:
        return "table"
    if "." not in key.rpartition("/")[2] and text.lstrip()[:1] in ("{", "["):
        return "json"
    return "text"
