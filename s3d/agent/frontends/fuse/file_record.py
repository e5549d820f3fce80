"""The record of one staging file: written by fsync(), removed when a store has the bytes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from s3d.agent.core import failpoint
from s3d.agent.frontends.fuse.byte_ranges import Range
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.staged_file import StagedFile
from s3d.agent.frontends.fuse.staging_journal import StagingRecord
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes


class Journal(Protocol):
    """Where records are kept: a StagingJournal."""

    def save(self, record: StagingRecord, ranges: Sequence[Range] = ()) -> None: ...

    def remove(self, ids: Sequence[int]) -> None: ...


class FileRecord:
    """Called by several threads at once. Its methods raise OSError."""

    def __init__(self, journal: Journal, staged: StagedFile) -> None:
        self.synced_revision = -1
        """Of the staging file, at the last sync()."""
        self._journal = journal
        self._staged = staged
        self._recorded: StagingRecord | None = None
        self._lock = threading.Lock()

    @property
    def is_saved(self) -> bool:
        """Whether fsync() has confirmed bytes: the record must not go before a store has them
        durably."""
        return self._recorded is not None

    def sync(self, place: ObjectName, replaces: str, attributes: WrittenAttributes) -> None:
        """Make the staging file durable, and a record of it."""
        with self._lock:
            synced = self._staged.sync()
            try:
                failpoint.hit("mount.synced")
                old_end = synced.old_end
                record = StagingRecord(synced.id, place, replaces, old_end, attributes)
                self._save(record, synced.ranges)
            except BaseException:
                self._staged.give_back(synced)
                raise
            self.synced_revision = synced.revision

    def move(self, place: ObjectName, replaces: str) -> None:
        """The object has another key, or another ETag."""
        with self._lock:
            if self._recorded is not None:
                self._save(self._recorded._replace(place=place, replaces=replaces))

    def remove(self, until: int | None = None) -> None:
        """Remove the record. until: only if its file is this one or an earlier one."""
        with self._lock:
            recorded = self._recorded
            if recorded is not None and (until is None or recorded.id <= until):
                self._recorded = None
                self._drop(recorded)

    def restore(self, recorded: StagingRecord) -> None:
        """The staging file is that of an earlier run, and has this record."""
        self._recorded = recorded
        self.synced_revision = self._staged.revision

    def _save(self, record: StagingRecord, ranges: Sequence[Range] = ()) -> None:
        before = self._recorded
        if record == before and not ranges:
            return
        self._journal.save(record, ranges)
        self._recorded = record
        if before is not None and before.id != record.id:
            self._drop(before)

    def _drop(self, record: StagingRecord) -> None:
        self._journal.remove([record.id])
        if record.id != self._staged.id:
            self._staged.remove(record.id)
