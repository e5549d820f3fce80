"""Whether an index is the one that wrote last to its folder of blobs.

The index counts its commits: the number is its generation. A file in the folder of blobs has a copy
of this number, and the id of the index. At the start, the agent compares the two:

- The index has the same number as the folder, or a higher one, and the same id: it wrote last. The
  index may be ahead because the copy is written after the commit, and only after some commits: at
  once after a commit that names a file, and else at most every EVERY seconds. The copy is not
  synced, so after a power cut it may be older still.
- The index has a lower number: it is not the one that wrote last. It is missing, it was restored
  from an older copy, or it has lost its -wal file.
- The index has another id: it belongs to other files.

In the last two cases, a file that the index does not name may be an object, and no sweep may remove
it.

    FOLDER/generation    "ID NUMBER STATE\\n", 16 hex digits, 20 digits, and "sure " or "doubt"
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from s3d.agent.storage.reader import Execute, Reader
from s3d.agent.storage.transaction import Transaction
from s3d.shared.atomic_file import sync_file, sync_folder

logger = logging.getLogger(__name__)

NAME = "generation"
EVERY = 0.1
"""Seconds between two numbers in the folder while no commit names a file: the write costs as much
as a twentieth of a small object."""

UPGRADE = """
ALTER TABLE totals ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
INSERT INTO totals(bucket, objects, size) VALUES ('', 0, 0);
"""
"""Layout 2 of the index. The number is the highest of a table that most commits write to anyway, so
that it costs neither a further page nor a further statement; its own row is for the others."""

_ID = ("", "index.id")
"""Bucket and name of the setting."""
_NUMBER_AT = 17
_SURE, _DOUBT = b"sure ", b"doubt"


class Doubt(StrEnum):
    """Why an index cannot be trusted about files that it does not reference."""

    MISSING = "the index was missing, or empty"
    OLDER = "the index is older than the files: an older copy, or without its -wal file"
    OTHER = "the index belongs to other files"
    UNMARKED = "the files do not say which index they belong to"
    UNFINISHED = "an earlier start found the index doubtful and did not complete"


class Mark(NamedTuple):
    """The generation in the folder of blobs."""

    id: str
    number: int
    is_sure: bool


class State(NamedTuple):
    """The generation in the index. id "": the index is new, or has layout 1."""

    id: str
    number: int
    is_new: bool


def find_doubt(index: State, mark: Mark | None, *, has_files: bool) -> Doubt | None:
    """None: files without a row can be removed."""
    if mark is None:
        if not has_files:
            return None
        return Doubt.MISSING if index.is_new else Doubt.UNMARKED
    if index.is_new:
        return Doubt.MISSING
    if index.number < mark.number:
        return Doubt.OLDER
    if index.id != mark.id:
        return Doubt.OTHER
    return None if mark.is_sure else Doubt.UNFINISHED


class Generation:
    """The number of an open index. After open(), it belongs to the writer thread."""

    def __init__(self, execute: Execute, folder: Path, *, is_new: bool) -> None:
        """execute: of the connection that writes, outside a transaction. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        """-1: the number cannot be written, so the folder stays behind."""
        mark = parse(os.pread(self._fd, 64, 0))
        index = State(_id(execute), _number(execute), is_new)
        self.doubt = find_doubt(index, mark, has_files=has_files(folder))
        self._number = max(index.number, mark.number if mark is not None else 0)
        self._due = 0.0
        self._is_urgent = False
        """Whether a commit names a file, and the folder has not got its number."""
        self.id = index.id or secrets.token_hex(8)
        if not index.id:
            execute("REPLACE INTO settings VALUES (?, ?, ?)", (*_ID, self.id.encode()))
        # A doubt outlives this run: only settle() ends it.
        self._write_mark(index.number if self.doubt is None else self._number)
        if self._fd >= 0:
            sync_folder(folder)

    def enter(self, tx: Transaction) -> None:
        """An action that changes nothing but the number, which it raises above the folder's."""
        tx.run("REPLACE INTO settings VALUES (?, ?, ?)", (*_ID, self.id.encode()))

    @property
    def next(self) -> int:
        """The generation of the next commit that changes rows."""
        return self._number + 1

    def committed(self, *, names_files: bool, is_durable: bool) -> None:
        """A commit has changed rows. names_files: its loss would make files nameless. is_durable:
        it is on the disk; else synced() says so later, since the folder must not have a higher
        number than the index has after a power cut."""
        self._number += 1
        self._is_urgent |= names_files
        if is_durable:
            self.synced()

    def synced(self) -> None:
        """All commits are durable."""
        now = time.monotonic()
        if self._is_urgent or now >= self._due:
            self._due, self._is_urgent = now + EVERY, False
            self._write_number()

    def _write_number(self) -> None:
        if self._fd < 0:
            return
        try:
            os.pwrite(self._fd, b"%020d" % self._number, _NUMBER_AT)
        except OSError as error:  # the folder stays behind the index, which is agreement
            logger.warning("cannot write the generation of the files: %s", error)

    def settle(self) -> None:
        """Record that every file has a row; call it after enter() is durable."""
        self.doubt = None
        self._write_mark(self._number)

    def close(self) -> None:
        """After the last commit."""
        self._write_number()
        if self._fd >= 0:
            os.close(self._fd)

    def _write_mark(self, number: int) -> None:
        if self._fd < 0:
            return
        state = _SURE if self.doubt is None else _DOUBT
        try:
            os.pwrite(self._fd, b"%s %020d %s\n" % (self.id.encode(), number, state), 0)
            sync_file(self._fd)
        except OSError as error:
            # On a full disk, say. Later numbers must not pass for the mark that is missing here.
            logger.warning("cannot write the generation of the files: %s", error)
            os.close(self._fd)
            self._fd = -1


def parse(content: bytes) -> Mark | None:
    """Parse the content of the file; None for an empty or invalid one."""
    fields = content.rstrip(b"\n").split(b" ")
    if len(fields) < 3 or len(fields[0]) != _NUMBER_AT - 1 or not fields[1].isdigit():
        return None
    return Mark(fields[0].decode("ascii", "replace"), int(fields[1]), fields[2] == _SURE.strip())


def has_files(folder: Path) -> bool:
    """Whether any blob lies in the folder."""
    groups = (folder / name for name in os.listdir(folder) if name.isdigit())
    return any(name.isdigit() for group in groups for name in os.listdir(group))


def _id(execute: Execute) -> str:
    value = Reader(execute).setting(*_ID)
    return "" if value is None else value.decode()


def _number(execute: Execute) -> int:
    return int(execute("SELECT COALESCE(MAX(generation), 0) FROM totals", ()).fetchone()[0])
