"""Verifies an index and its files completely; repairs what it can on request.

Safe while the store is in use: damage is checked once more, since the object may have been replaced
meanwhile. Rows of layout 1 have no block checksums; their bytes are compared with the MD5 in their
ETag, and a repair stores block checksums.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.etag import unquoted
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import (
    BLOCK,
    BlockSums,
    StoredDataCorrupt,
    block_count,
    sum_count,
    sums_of,
)
from s3d.agent.storage.encrypted_blocks import stored_size
from s3d.agent.storage.index import Index
from s3d.agent.storage.index_writer import IndexUnreadable
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import (
    ELSEWHERE,
    Extent,
    Layout,
    PartRecord,
    decode_layout,
    decode_object,
    decode_part,
    encode,
)
from s3d.agent.storage.stray_blobs import replace_from
from s3d.agent.storage.tables import SOURCES, Source
from s3d.agent.storage.transaction import Transaction

_PAGE = 200
"""Rows that are read in one visit to the index."""


class Row(NamedTuple):
    """A row of a Source."""

    source: Source
    key: tuple[Any, ...]
    name: str
    record: bytes | None
    layout: bytes


class Checked(NamedTuple):
    """One row that was looked at. size: bytes that were read."""

    name: str
    size: int
    problem: str = ""
    repaired: str = ""


class _Claim(NamedTuple):
    """The expectation of a row about its bytes. etag "": there is nothing to compare them with."""

    layout: Layout
    etag: str
    parts: int


@dataclass(slots=True)
class _Read:
    """The result of reading a run of bytes."""

    size: int = 0
    problem: str = ""
    md5: bytes = b""
    sums: bytes = b""


class StoreCheck:
    """One check of one index with its files."""

    def __init__(
        self, index: Index, blobs: Blobs, sources: Sequence[Source] = SOURCES, *, repair: bool
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._sources = sources
        self._repair = repair
        self._right: set[int] = set()
        """Blobs that were read and are right."""

    async def structure(self) -> str:
        """What is wrong with the index file itself, in SQLite's words; "" when nothing is."""
        try:
            return await self._index.read_in_thread(_quick_check)
        except IndexUnreadable as error:
            return error.message

    async def rows(self) -> AsyncIterator[Checked]:
        """Every row, with what is wrong about its bytes."""
        for source in self._sources:
            after: tuple[Any, ...] | None = None
            while page := await self._page(source, after):
                for row in page:
                    yield await self._row(row)
                after = page[-1].key

    async def lost(self) -> list[Path]:
        """Files in the lost folder."""
        return await asyncio.to_thread(_files_of, self._blobs.lost)

    async def _page(self, source: Source, after: tuple[Any, ...] | None) -> list[Row]:
        return await self._index.read_in_thread(partial(_rows, source, after))

    async def _row(self, row: Row) -> Checked:
        try:
            claim = _claim(row)
        except (msgspec.DecodeError, ValueError) as error:
            return Checked(row.name, 0, f"its row cannot be read: {error}")
        self._blobs.lease(blobs := [extent.blob for extent in claim.layout.extents])
        try:
            found = await self._bytes(row, claim)
            if found.problem and self._repair and not claim.layout.inline:
                found = await self._restore(row, claim, found)
        finally:
            self._blobs.end_lease(blobs)
        if found.problem and not found.repaired and not await self._is_still_there(row):
            return Checked(row.name, found.size)
        if found.repaired:
            self._blobs.damage.pop(row.name, None)
        return found

    async def _is_still_there(self, row: Row) -> bool:
        now = await self._index.read_in_thread(partial(_one, row))
        return now is not None and now.layout == row.layout

    async def _bytes(self, row: Row, claim: _Claim) -> Checked:
        """Read them, unless another row that has them was right."""
        read: list[_Read] = []
        is_old = _has_old(claim.layout)
        for extent in claim.layout.extents:
            if extent.blob in self._right and not is_old:
                continue
            one = await self._extent(extent, inline=claim.layout.inline, md5=is_old)
            read.append(one)
            if one.problem:
                return Checked(row.name, sum(each.size for each in read), one.problem)
            if extent.sums:
                self._right.add(extent.blob)
        size = sum(each.size for each in read)
        if not is_old:
            return Checked(row.name, size)
        if claim.etag and _etag(claim, read) != claim.etag:
            return Checked(row.name, size, "its bytes do not have the MD5 that is its ETag")
        if claim.etag and self._repair:
            await self._note_sums(row, read)
        return Checked(row.name, size)

    async def _extent(self, extent: Extent, *, inline: bool, md5: bool) -> _Read:
        if not inline:
            path = self._blobs.path(extent.blob)
            return await asyncio.to_thread(_read_file, path, extent, md5=md5)
        try:
            data = await self._index.read_in_thread(lambda reader: reader.data(extent))
        except StoredDataCorrupt as error:
            return _Read(problem=error.message)
        if data is None or len(data) != _stored_size(extent):
            return _Read(problem="its bytes are not in the index")
        digest = hashlib.md5(data, usedforsecurity=False).digest() if md5 else b""
        return _Read(len(data), "", digest, sums_of(data))

    async def _note_sums(self, row: Row, read: list[_Read]) -> None:
        """Write the block checksums of an older row down."""
        fresh = _with_sums(row, [each.sums for each in read])
        await self._index.write(partial(_replace, row, fresh))
        self._index.forget_all()

    async def _restore(self, row: Row, claim: _Claim, before: Checked) -> Checked:
        """Bring files back that lie in the lost folder."""
        for extent in claim.layout.extents:
            if not (await self._extent(extent, inline=False, md5=False)).problem:
                continue
            md5 = claim.etag if len(claim.layout.extents) == 1 and not claim.parts else ""
            job = partial(_bring_back, self._blobs, extent, md5)
            if not await asyncio.to_thread(job):
                return before
        self._right.difference_update(extent.blob for extent in claim.layout.extents)
        again = await self._bytes(row, claim)
        if again.problem:
            return again
        return Checked(row.name, before.size, before.problem, "its file was in the lost folder")


def _stored_size(extent: Extent) -> int:
    """Bytes that the blob of an extent, whole or up to the extent's end, has at least."""
    if extent.data_key is not None:
        return stored_size(extent.data_key.size)
    return extent.offset + extent.size


def _quick_check(reader: Reader) -> str:
    rows = [str(row[0]) for row in reader.select("PRAGMA quick_check(5)", ())]
    return "" if rows == ["ok"] else "; ".join(rows)


def _rows(source: Source, after: tuple[Any, ...] | None, reader: Reader) -> list[Row]:
    """In a thread."""
    keys = ", ".join(source.key)
    where = f"WHERE ({keys}) > ({', '.join('?' * len(source.key))})" if after else ""
    query = f"{_select(source)} {where} ORDER BY {keys} LIMIT {_PAGE}"
    return [_row_of(source, values) for values in reader.select(query, after or ())]


def _one(row: Row, reader: Reader) -> Row | None:
    where = " AND ".join(f"{name} = ?" for name in row.source.key)
    found = reader.select(f"{_select(row.source)} WHERE {where}", row.key).fetchone()
    return None if found is None else _row_of(row.source, found)


def _select(source: Source) -> str:
    columns = ", ".join([*source.key, source.name, source.record or "NULL", source.layout])
    return f"SELECT {columns} FROM {source.table}"


def _row_of(source: Source, values: tuple[Any, ...]) -> Row:
    *key, name, record, layout = values
    return Row(source, tuple(key), name or "an upload", record, layout)


def _claim(row: Row) -> _Claim:
    if row.layout is None:  # a delete in the queue
        return _Claim(Layout(), "", 0)
    if not row.source.record:
        part = decode_part(row.layout)
        return _Claim(Layout(part.extents), unquoted(part.etag), 0)
    layout = decode_layout(row.layout)
    if layout == ELSEWHERE:
        return _Claim(Layout(), "", 0)
    record = decode_object(row.record or b"")
    if sum(extent.size for extent in layout.extents) != record.size:
        raise ValueError("its size is not that of its bytes")
    whole = not layout.parts or len(layout.parts) == len(layout.extents)
    return _Claim(layout, unquoted(record.etag) if whole else "", len(layout.parts))


def _has_old(layout: Layout) -> bool:
    return any(not extent.sums for extent in layout.extents)


def _etag(claim: _Claim, read: list[_Read]) -> str:
    """What the ETag would be; only for bytes that were read."""
    md5s = [each.md5 for each in read]
    if claim.parts:
        return multipart_etag(md5s)
    return md5s[0].hex() if len(md5s) == 1 else claim.etag


def _with_sums(row: Row, sums: Sequence[bytes]) -> bytes:
    """The row's layout with the checksums of whole blobs."""
    if row.source.record:
        layout = decode_layout(row.layout)
        return encode(msgspec.structs.replace(layout, extents=_summed(layout.extents, sums)))
    part: PartRecord = decode_part(row.layout)
    return encode(msgspec.structs.replace(part, extents=_summed(part.extents, sums)))


def _summed(extents: Sequence[Extent], sums: Sequence[bytes]) -> tuple[Extent, ...]:
    return tuple(
        Extent(each.blob, each.offset, each.size, each.sums or fresh, each.data_key)
        for each, fresh in zip(extents, sums, strict=True)
    )


def _replace(row: Row, layout: bytes, tx: Transaction) -> None:
    """Unless it has changed meanwhile."""
    where = " AND ".join(f"{name} = ?" for name in row.source.key)
    column = row.source.layout
    query = f"UPDATE {row.source.table} SET {column} = ? WHERE {where} AND {column} = ?"
    tx.run(query, (layout, *row.key, row.layout))


def _read_file(path: Path, extent: Extent, *, md5: bool) -> _Read:
    """Read a whole blob: its checksums and, if wanted, the MD5 of the extent. In a thread."""
    sums, digest = BlockSums(), hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(BLOCK):
                sums.update(data)
                if md5:
                    start, end = extent.offset - size, extent.offset + extent.size - size
                    digest.update(data[max(0, start) : max(0, end)])
                size += len(data)
    except OSError as error:
        return _Read(problem=f"{path}: {error.strerror or error}")
    if size < _stored_size(extent):
        return _Read(size, f"{path} has {size} bytes, which is too few")
    found = sums.digest()
    if extent.sums and found != extent.sums:
        return _Read(size, f"{path} does not have its checksums")
    return _Read(size, "", digest.digest(), found)


def _bring_back(blobs: Blobs, extent: Extent, md5: str) -> bool:
    """Whether a file of the lost folder was this blob, and is in its place now. In a thread."""
    candidates = sorted(
        _files_of(blobs.lost), key=lambda file: file.name.partition(".")[0] != str(extent.blob)
    )
    for file in candidates:
        size = file.stat().st_size
        if block_count(size) != sum_count(extent.sums) if extent.sums else size != extent.size:
            continue
        read = _read_file(file, extent, md5=not extent.sums)
        if read.problem or (not extent.sums and (not md5 or read.md5.hex() != md5)):
            continue
        replace_from(blobs, extent.blob, file)
        return True
    return False


def _files_of(folder: Path) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in _entries(folder))
    except FileNotFoundError:
        return []


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))
