"""The headers by which one remote identifies itself, learnt from proven answers and kept in a file.

The file holds those of several remotes, by URL; what belongs to others survives a save.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from s3d.agent.stores.remote.response_proof import identity_marks
from s3d.shared.atomic_file import write_atomically

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the file. A file of a newer version is neither read nor overwritten: learning starts again."""


class _File(msgspec.Struct):
    version: int
    marks: dict[str, list[str]] = {}
    """URL of a remote -> its marks."""


class RemoteFingerprint:
    """What each answer of one remote carries. Belongs to the loop; load() and save() block."""

    def __init__(self, remote: str = "", file: Path | None = None) -> None:
        """remote: its URL. file: where it is kept; None: only in memory."""
        self.marks: frozenset[str] = frozenset()
        """Names of headers, and `server: NAME`; empty: this remote has none, or none is known."""
        self.is_known = False
        """An answer of this remote has been proven by its document."""
        self._remote = remote
        self._file = file

    def learn(self, headers: Mapping[str, str]) -> bool:
        """Note the headers of an answer that its document proves; True: something has changed.

        Call it for an answer that lacks a mark: what not every answer has is no mark.
        """
        found = identity_marks(headers)
        marks = self.marks & found or found
        changed = not self.is_known or marks != self.marks
        self.marks, self.is_known = marks, True
        return changed

    def load(self) -> None:
        """Read what an earlier run has learnt. A file that cannot be read counts as none."""
        kept = None if self._file is None else self._read(self._file)
        marks = None if kept is None else kept.marks.get(self._remote)
        if marks is not None:
            self.marks, self.is_known = frozenset(marks), True

    def save(self) -> None:
        """Write it beside those of other remotes. A failure is logged: it can be learnt again."""
        if self._file is None:
            return
        kept = self._read(self._file) or _File(VERSION)
        if kept.version > VERSION:
            return
        kept.marks[self._remote] = sorted(self.marks)
        try:
            write_atomically(self._file, msgspec.json.encode(kept), durable=False)
        except OSError as error:
            logger.warning("cannot write the remote's headers: %s path=%s", error, self._file)

    def _read(self, file: Path) -> _File | None:
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=_File)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("cannot read the remote's headers: %s path=%s", error, file)
            return None
        if kept.version > VERSION:
            logger.warning("a newer s3d wrote the remote's headers path=%s", file)
            kept.marks = {}
        return kept
