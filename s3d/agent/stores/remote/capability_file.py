"""The file with what is known of each remote's behaviour, kept from one start to the next.

Version 1 was a list of Capabilities without the order of listings: its remotes are probed again.
The field of the quirks is called traits in the file.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import msgspec

from s3d.agent.stores.remote.capabilities import Capabilities, RemoteQuirks
from s3d.shared.atomic_file import write_atomically

logger = logging.getLogger(__name__)

VERSION = 2


class RemoteRecord(msgspec.Struct):
    """What the file has of one remote."""

    endpoint: str
    results: list[Capabilities] = []
    """One for each state of versioning."""
    quirks: RemoteQuirks = msgspec.field(default_factory=RemoteQuirks, name="traits")
    unfinished: list[tuple[str, str]] = []
    """Bucket and key prefix of each probe that may have left objects."""

    @property
    def is_empty(self) -> bool:
        return not (self.results or self.unfinished) and self.quirks == RemoteQuirks()


class _File(msgspec.Struct):
    version: int
    remotes: list[RemoteRecord]


class CapabilityFile:
    """The record of one endpoint in a file that several remotes share."""

    def __init__(self, endpoint: str, path: Path) -> None:
        self.endpoint = endpoint
        self._path = path
        self._saved = b""

    def load(self) -> list[RemoteRecord]:
        """The records of this endpoint; a file that cannot be read counts as empty. Blocks."""
        return [record for record in self._records() if record.endpoint == self.endpoint]

    async def save(self, record: RemoteRecord) -> None:
        """Write the record in a thread, unless it is empty or has not changed. A failure is logged:
        what is not saved can be probed again."""
        encoded = msgspec.json.encode(record)
        if encoded != self._saved and not record.is_empty:
            snapshot = msgspec.json.decode(encoded, type=RemoteRecord)
            await asyncio.to_thread(self._write, snapshot)
            self._saved = encoded

    def _records(self) -> list[RemoteRecord]:
        try:
            return decode_records(self._path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return []

    def _write(self, record: RemoteRecord) -> None:
        """Replace the record; those of other remotes stay."""
        others = [each for each in self._records() if each.endpoint != self.endpoint]
        encoded = msgspec.json.encode(_File(VERSION, [*others, record]))
        try:
            # After a power cut the objects of a probe can be found by this file alone.
            write_atomically(self._path, encoded, durable=bool(record.unfinished))
        except OSError as error:
            logger.warning("cannot save the capabilities: %s path=%s", error, self._path)


def decode_records(data: bytes) -> list[RemoteRecord]:
    """The records of a file. Raises DecodeError for a version that is not known."""
    file = msgspec.json.decode(data, type=_File | list[Capabilities])
    if isinstance(file, list):
        return []
    if file.version != VERSION:
        raise msgspec.DecodeError(f"version {file.version}")
    return file.remotes
