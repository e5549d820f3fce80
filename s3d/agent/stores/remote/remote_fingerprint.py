"""The headers by which a remote identifies itself, learnt from proven responses and kept in a file.

The file has those of several remotes, by URL; a save leaves those of others as they are.
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
    """The marks of every response of one remote. Belongs to the loop; load() and save() block."""

    def __init__(self, remote: str = "", file: Path | None = None) -> None:
        """remote: its URL. file: None: keep the marks in memory only."""
        self.marks: frozenset[str] = frozenset()
        """Names of headers, and `server: NAME`; empty: this remote has none, or none is known."""
        self.is_known = False
        """A response of this remote has been proven by its document."""
        self._remote = remote
        self._file = file

    @classmethod
    def load(cls, remote: str, file: Path) -> RemoteFingerprint:
        """With the marks of an earlier run. A file that cannot be read counts as empty."""
        fingerprint = cls(remote, file)
        stored = fingerprint._read(file)
        marks = None if stored is None else stored.marks.get(remote)
        if marks is not None:
            fingerprint.marks, fingerprint.is_known = frozenset(marks), True
        return fingerprint

    def update(self, headers: Mapping[str, str]) -> bool:
        """Take up the headers of a response that its document proves; True: the marks have changed.

        A header that is missing from a proven response stops being a mark.
        """
        present = identity_marks(headers)
        marks = self.marks & present or present
        changed = not self.is_known or marks != self.marks
        self.marks, self.is_known = marks, True
        return changed

    def save(self) -> None:
        """Write the marks beside those of other remotes. A failure is only logged."""
        if self._file is None:
            return
        stored = self._read(self._file) or _File(VERSION)
        if stored.version > VERSION:
            return
        stored.marks[self._remote] = sorted(self.marks)
        try:
            write_atomically(self._file, msgspec.json.encode(stored), durable=False)
        except OSError as error:
            logger.warning("cannot write the remote's headers: %s path=%s", error, self._file)

    def _read(self, file: Path) -> _File | None:
        try:
            stored = msgspec.json.decode(file.read_bytes(), type=_File)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("cannot read the remote's headers: %s path=%s", error, file)
            return None
        if stored.version > VERSION:
            logger.warning("a newer s3d wrote the remote's headers path=%s", file)
            stored.marks = {}
        return stored
