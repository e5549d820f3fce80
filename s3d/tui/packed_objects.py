"""The objects of a listing, packed: a million of them need 30 MiB rather than 400. Pure.

Blocks of objects are kept as compressed columns, since what asks for many rows asks for one column:
a filter for the keys, an order for the keys, sizes or times. The ETags are random, so they stay
what they are: 16 bytes, where they are MD5 sums.
"""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache

from s3d.shared.control import ObjectInfo

BLOCK = 1_000
"""Objects that are packed together."""
_DECODED = 8
"""Blocks that are kept decoded: those on the screen, and those beside them."""
_LEVEL = 1
"""Of the compression: the fastest."""
_MD5 = re.compile(r'"([0-9a-f]{32})"')

T = TypeVar("T")


class _Block(NamedTuple):
    """Columns, all but the ETags compressed. etags: b"" when others has them. others: the objects
    without what the columns have."""

    keys: bytes
    sizes: bytes
    times: bytes
    etags: bytes
    others: bytes


class PackedObjects(Sequence[ObjectInfo]):
    """Objects of one bucket by their positions, which are in the order of S3 in a listing."""

    def __init__(self, objects: Iterable[ObjectInfo] = ()) -> None:
        self._blocks: list[_Block] = []
        self._starts: list[str] = []
        """The first key of each block."""
        self._tail: list[ObjectInfo] = []
        """Those that do not fill a block yet."""
        self._keys: LRUCache[int, list[str]] = LRUCache(_DECODED)
        self._decoded: LRUCache[int, list[ObjectInfo]] = LRUCache(_DECODED)
        self._last = ""
        self._is_ordered = True
        self.extend(objects)

    def extend(self, objects: Iterable[ObjectInfo]) -> None:
        """Append objects."""
        for info in objects:
            self._is_ordered = self._is_ordered and self._last <= info.key
            self._last = info.key
            self._tail.append(info)
        while len(self._tail) >= BLOCK:
            self._starts.append(self._tail[0].key)
            self._blocks.append(_pack(self._tail[:BLOCK]))
            del self._tail[:BLOCK]

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._tail)

    def __getitem__(self, n: int) -> ObjectInfo:  # type: ignore[override]
        block, row = divmod(n if n >= 0 else n + len(self), BLOCK)
        if block == len(self._blocks):
            return self._tail[row]
        if block not in self._decoded:
            self._decoded[block] = _unpack(self._blocks[block], self.block_keys(block))
        return self._decoded[block][row]

    def __iter__(self) -> Iterator[ObjectInfo]:
        for block in self._blocks:
            yield from _unpack(block, _keys_of(block))
        yield from self._tail

    def key_at(self, n: int) -> str:
        """The key at a position, without the rest of the object."""
        block, row = divmod(n, BLOCK)
        return self.block_keys(block)[row] if block < len(self._blocks) else self._tail[row].key

    def block_keys(self, block: int) -> list[str]:
        if block not in self._keys:
            self._keys[block] = _keys_of(self._blocks[block])
        return self._keys[block]

    def blocks_of_keys(self) -> Iterator[tuple[int, list[str]]]:
        """The keys of all positions, in pieces of at most BLOCK: the first position, and the keys
        from there on."""
        for number, block in enumerate(self._blocks):
            yield number * BLOCK, _keys_of(block)
        yield len(self._blocks) * BLOCK, [info.key for info in self._tail]

    def sizes(self) -> array[int]:
        """The sizes of all positions."""
        values = _numbers("q", *(block.sizes for block in self._blocks))
        values.extend(info.size for info in self._tail)
        return values

    def times(self) -> array[float]:
        """When the object at each position was modified."""
        values = _numbers("d", *(block.times for block in self._blocks))
        values.extend(info.last_modified for info in self._tail)
        return values

    def find(self, key: str) -> int:
        """The position of a key; -1 when it is not there."""
        at = self.first_from(key)
        return at if at < len(self) and self.key_at(at) == key else -1

    def first_from(self, key: str) -> int:
        """The first position whose key is this one or a later one; in a listing without an order
        (of a directory bucket), that of a key that begins with it; else the number of objects."""
        if not self._is_ordered:
            return self._search(key)
        block = max(bisect_left(self._starts, key) - 1, 0)
        if block < len(self._blocks):
            row = bisect_left(self.block_keys(block), key)
            if row < BLOCK or block + 1 < len(self._blocks):
                return block * BLOCK + row
        return len(self._blocks) * BLOCK + bisect_left(self._tail, key, key=lambda info: info.key)

    def _search(self, start: str) -> int:
        keys = [key for _, keys in self.blocks_of_keys() for key in keys]
        likely = (n for n, key in enumerate(keys) if key.startswith(start))
        return keys.index(start) if start in keys else next(likely, len(self))


def _pack(objects: list[ObjectInfo]) -> _Block:
    sums = [found[1] for info in objects if (found := _MD5.fullmatch(info.etag))]
    has_sums = len(sums) == len(objects)
    blank: dict[str, Any] = {"key": "", "size": 0, "last_modified": 0.0}
    if has_sums:
        blank["etag"] = ""
    return _Block(
        keys=_encoded([info.key for info in objects]),
        sizes=_compressed(array("q", (info.size for info in objects)).tobytes()),
        times=_compressed(array("d", (info.last_modified for info in objects)).tobytes()),
        etags=bytes.fromhex("".join(sums)) if has_sums else b"",
        others=_encoded([msgspec.structs.replace(info, **blank) for info in objects]),
    )


def _unpack(block: _Block, keys: list[str]) -> list[ObjectInfo]:
    objects = _decoded(block.others, list[ObjectInfo])
    etags = [info.etag for info in objects]
    if block.etags:
        sums = block.etags.hex()
        etags = [f'"{sums[at : at + 32]}"' for at in range(0, len(sums), 32)]
    sizes, times = _numbers("q", block.sizes), _numbers("d", block.times)
    columns = zip(objects, keys, sizes, times, etags, strict=True)
    return [
        msgspec.structs.replace(info, key=key, size=size, last_modified=time, etag=etag)
        for info, key, size, time, etag in columns
    ]


def _keys_of(block: _Block) -> list[str]:
    return _decoded(block.keys, list[str])


def _numbers(kind: str, *columns: bytes) -> array[Any]:
    """kind: q for integers, d for floats."""
    return array(kind, b"".join(map(zlib.decompress, columns)))


def _encoded(values: list[Any]) -> bytes:
    return _compressed(msgspec.msgpack.encode(values))


def _decoded(data: bytes, kind: type[T]) -> T:
    return msgspec.msgpack.decode(zlib.decompress(data), type=kind)


def _compressed(data: bytes) -> bytes:
    return zlib.compress(data, _LEVEL)
