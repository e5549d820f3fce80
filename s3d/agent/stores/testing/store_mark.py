"""The mark of a store made for tests, without which nothing empties a store or moves its clock.

It is a file in the folder of the store and a row of the index, which have the same random id. So
neither a copied file nor an index that was put into another folder makes a test store of a store
with data. `s3d run --test` makes the file before the index, and the row while the store is empty:
a crash between the two leaves an empty store, which the next `s3d run --test` completes.

    FOLDER/made-for-tests    {"version": 1, "id": "16 hex digits"}
"""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from s3d.agent.core import failpoint
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import UsageError

NAME = "made-for-tests"
VERSION = 1
_ROW = ("", "test.store")
"""Bucket and name of the setting."""
_REMEDY = "use another folder (S3D_LOCAL_DIR), or --ephemeral"


class Mark(msgspec.Struct, frozen=True):
    """The content of the file."""

    version: int
    id: str


class FoundMark(NamedTuple):
    """What is in the folder of a store. mark None, problem "": it was not made for tests."""

    mark: Mark | None
    problem: str = ""
    """Why the mark does not count."""


def find_mark(folder: Path, *, required: bool) -> FoundMark:
    """Read the mark, or make it in a folder without a store if `--test` asks for it.

    Raises UsageError when it is required and there cannot be one; OSError.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return FoundMark(_make(folder, path) if required else None)
    problem = ""
    try:
        mark = msgspec.json.decode(content, type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = f"the mark {path} is damaged"
    else:
        if mark.version == VERSION and mark.id:
            return FoundMark(mark)
        problem = f"the mark {path} was written by a newer s3d"
    return _without(problem, required=required)


async def confirm(index: Index, folder: Path, mark: Mark, *, required: bool) -> FoundMark:
    """Whether the index of the folder has the same mark. Raises UsageError as find_mark() does."""

    def look(reader: Reader) -> tuple[str, bool]:
        row = reader.setting(*_ROW)
        return "" if row is None else row.decode(), bool(reader.buckets())

    known, has_buckets = index.read_inline(look)
    if not known and not has_buckets and required:
        await index.write(lambda tx: tx.put_setting(*_ROW, mark.id.encode()))
        known = mark.id
    if known == mark.id:
        return FoundMark(mark)
    problem = f"the mark {folder / NAME} is of another store"
    return _without(problem, required=required)


def _make(folder: Path, path: Path) -> Mark:
    draft = f".{NAME}.new"  # of write_atomically, after a kill
    if folder.exists() and any(each.name != draft for each in folder.iterdir()):
        raise UsageError("the store was not made for tests", f"{folder} is in use", _REMEDY)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = Mark(VERSION, secrets.token_hex(8))
    write_atomically(
        path,
        msgspec.json.encode(mark) + b"\n",
        durable=True,
        before_rename=partial(failpoint.hit, "test.written"),
    )
    failpoint.hit("test.marked")
    return mark


def _without(problem: str, *, required: bool) -> FoundMark:
    if required:
        raise UsageError("the store was not made for tests", problem, _REMEDY)
    return FoundMark(None, f"{problem}: the store is used as one that is not for tests")
