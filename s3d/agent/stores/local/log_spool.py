"""The records of access logs that wait for their log object, in files, so that a crash loses none.

1. put() hands a record to the thread that appends it to the current file (core/log_writer.py): it
   costs a microsecond and never waits. After some milliseconds a crash of the agent loses nothing.
2. Before records are delivered, seal() has later ones written to another file.
3. Once they are delivered, discard() removes the sealed files; keep() leaves them for the next
   delivery.
4. After a crash, load() returns what the files have. A record that was delivered just before the
   crash comes again.

Files are not synced: a power cut may lose the last records. A disk that is full or slow costs
durability only, since the records are in memory as well.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from pathlib import Path

import msgspec

from s3d.agent.core.log_writer import LogWriter
from s3d.agent.core.rotating_file import RotatingFile
from s3d.agent.s3.bucket_logging import LogTarget

logger = logging.getLogger(__name__)

VERSION = 1
"""Of the files, in their names. Those of another version are left alone."""
_NAME = re.compile(rf"v{VERSION}-(\d+)\.jsonl")
_UNBOUNDED = 1 << 62
"""The number of records is bounded, so the size of a file is."""


class SpooledRecord(msgspec.Struct, frozen=True):
    """One record that waits."""

    bucket: str
    """The bucket whose log it belongs to."""
    target: LogTarget
    line: str
    """Without its newline."""


class LogSpool:
    """The files in one folder. Belongs to the loop, except for load() and discard()."""

    def __init__(self, folder: Path) -> None:
        """folder: is made with the first record."""
        self._folder = folder
        self._number = 0
        """Of the newest file."""
        self._writer: LogWriter | None = None
        self._sealed: list[Path] = []

    def load(self) -> list[SpooledRecord]:
        """The records of an earlier run, oldest first; their files are sealed. Call it once, in a
        thread, before put()."""
        files = []
        with suppress(FileNotFoundError):
            names = [(_NAME.fullmatch(path.name), path) for path in self._folder.iterdir()]
            files = sorted((int(name[1]), path) for name, path in names if name is not None)
        if files:
            self._number = files[-1][0]
        self._sealed = [path for _, path in files]
        return [record for path in self._sealed for record in _records(path)]

    def put(self, record: SpooledRecord) -> None:
        """Write a record soon."""
        if self._writer is None:
            self._writer = self._open()
        self._writer.put(msgspec.json.encode(record) + b"\n")

    def seal(self) -> Sealed:
        """Have later records written to another file; what is to be discarded once all records
        until now are delivered."""
        writer, self._writer = self._writer, None
        sealed, self._sealed = self._sealed, []
        if writer is not None:
            sealed.append(self._path)
        return Sealed(writer, sealed)

    def keep(self, sealed: Sealed) -> None:
        """The records of these files were not delivered: they are discarded with the next ones."""
        self._sealed = [*sealed.files, *self._sealed]

    @property
    def _path(self) -> Path:
        return self._folder / f"v{VERSION}-{self._number}.jsonl"

    def _open(self) -> LogWriter:
        with suppress(OSError):  # the writer reports what is wrong with the folder
            self._folder.mkdir(mode=0o700, exist_ok=True)
        self._number += 1
        return LogWriter(RotatingFile(self._path, max_size=_UNBOUNDED, max_files=1))


class Sealed:
    """Files that get no further record."""

    def __init__(self, writer: LogWriter | None, files: list[Path]) -> None:
        self.files = files
        self._writer = writer

    def close(self) -> None:
        """Write what the thread has not written yet; in a thread."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def discard(self) -> None:
        """Remove the files; in a thread."""
        self.close()
        for file in self.files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("cannot remove %s: %s", file, error.strerror or error)


def _records(path: Path) -> list[SpooledRecord]:
    """The records of a file; the last line may have been cut off by a crash."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        logger.warning("cannot read records of access logs: %s: %s", path, error.strerror or error)
        return []
    found = []
    for line in lines:
        with suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=SpooledRecord))
    return found
