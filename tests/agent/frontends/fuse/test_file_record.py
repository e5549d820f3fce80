import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.file_record import FileRecord
from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.staged_file import StagedFile, StagingFolder
from s3d.agent.frontends.fuse.staging_journal import StagingJournal
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes

PLACE = ObjectName("bbb", "key")
NONE = WrittenAttributes()


class Zeros:
    def read(self, offset: int, size: int) -> bytes:
        return bytes(size)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[StagingJournal]:
    with closing(StagingJournal(tmp_path)) as journal:
        yield journal


@pytest.fixture
def staged(tmp_path: Path) -> StagedFile:
    ids = itertools.count(1)
    return StagedFile(StagingFolder(tmp_path, lambda: next(ids)), old_size=1_000, old=Zeros())


def test_ranges_that_could_not_be_recorded_come_with_the_next_record(journal, staged, monkeypatch):
    record = FileRecord(journal, staged)
    staged.write(b"x", 5)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "save", fail)
        with pytest.raises(OSError, match="is full"):
            record.sync(PLACE, '"e"', NONE)
    assert record.synced_revision == -1
    record.sync(PLACE, '"e"', NONE)
    ((_, ranges),) = journal.load()
    assert ranges == [(5, 6)]


def test_a_sync_of_a_complete_file_changes_no_record(journal, staged, monkeypatch):
    record = FileRecord(journal, staged)
    staged.fill()
    staged.write(b"x", 5)
    record.sync(PLACE, '"e"', NONE)
    saved: list[object] = []
    monkeypatch.setattr(journal, "save", lambda *call: saved.append(call))
    staged.write(b"y", 6)
    record.sync(PLACE, '"e"', NONE)
    assert (saved, record.synced_revision) == ([], 2)


def test_the_record_of_a_copy_replaces_that_of_the_frozen_file(journal, staged, tmp_path):
    record = FileRecord(journal, staged)
    staged.fill()
    record.sync(PLACE, '"e"', NONE)
    staged.freeze()
    staged.write(b"x", 5)
    record.sync(PLACE, '"e"', NONE)
    assert [each.id for each, _ in journal.load()] == [2]
    assert not (tmp_path / "1").exists()
    record.remove(until=1)
    assert [each.id for each, _ in journal.load()] == [2]
    record.remove(until=2)
    assert journal.load() == []
    assert (tmp_path / "2").exists()


def test_only_a_file_with_a_record_is_moved_in_the_journal(journal, staged):
    record = FileRecord(journal, staged)
    record.move(PLACE, '"e"')
    assert journal.load() == []
    record.sync(PLACE, '"e"', NONE)
    record.move(ObjectName("bbb", "new"), '"f"')
    ((moved, _),) = journal.load()
    assert (moved.place.key, moved.replaces) == ("new", '"f"')
