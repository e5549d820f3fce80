import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.staging_journal import (
    JOURNAL,
    Rename,
    StagingJournal,
    StagingRecord,
    has_leftovers,
)
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.agent.s3.messages import ListedObject
from s3d.shared.errors import S3dError, UsageError

ATTRIBUTES = WrittenAttributes("text/plain", {"a": "b"}, {"t": "u"}, mode=0o755, mtime_ns=7)
RECORD = StagingRecord(3, ObjectName("bbb", "é/\U0001f600"), '"etag"', 5_000, ATTRIBUTES)


def reopened(folder: Path) -> list:
    with closing(StagingJournal(folder)) as journal:
        return journal.load()


def test_records_survive_the_process(tmp_path):
    with closing(StagingJournal(tmp_path / "staging")) as journal:
        journal.save(RECORD, [(0, 10), (20, 30)])
        journal.save(RECORD, [(40, 50)])
        journal.save(RECORD._replace(id=2))
    assert reopened(tmp_path / "staging") == [
        (RECORD._replace(id=2), []),
        (RECORD, [(0, 10), (20, 30), (40, 50)]),
    ]


def test_a_complete_file_needs_no_ranges(tmp_path):
    with closing(StagingJournal(tmp_path)) as journal:
        journal.save(RECORD, [(0, 10)])
        journal.save(RECORD._replace(old_end=0))
        assert journal.load() == [(RECORD._replace(old_end=0), [])]


def test_a_removed_record_is_gone(tmp_path):
    with closing(StagingJournal(tmp_path)) as journal:
        journal.save(RECORD, [(0, 10)])
        journal.remove([3, 4])
    assert reopened(tmp_path) == []


def test_a_journal_of_a_newer_s3d_is_refused(tmp_path):
    StagingJournal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="newer s3d"):
        StagingJournal(tmp_path)


def test_a_journal_that_is_damaged_is_an_error_with_the_fix(tmp_path):
    (tmp_path / JOURNAL).write_bytes(b"no database" * 1_000)
    with pytest.raises(S3dError, match="not a database") as refused:
        StagingJournal(tmp_path)
    assert f"move the folder {tmp_path} away" in refused.value.remedy


def test_a_failure_of_the_disk_is_an_os_error(tmp_path):
    journal = StagingJournal(tmp_path)
    journal.close()
    with pytest.raises(OSError, match="journal of the mount"):
        journal.load()


MOVED = Rename("bbb", "d/", "é/")
OBJECTS = {"d/a": ListedObject('"e"', 7, 1_000.5), "d/\U0001f600": None}


def test_a_rename_survives_with_the_objects_that_it_is_still_to_move(tmp_path):
    with closing(StagingJournal(tmp_path)) as journal:
        first = journal.begin_rename(MOVED, {**OBJECTS, "d/done": None})
        second = journal.begin_rename(MOVED, {})
        journal.note_moved(first, ["d/done", "d/unknown"])
        journal.end_rename(second)
    with closing(StagingJournal(tmp_path)) as journal:
        assert journal.renames() == [(first, MOVED, OBJECTS, False)]
        journal.end_rename(first)
        assert journal.renames() == []


def test_a_rename_that_has_failed_is_turned_back(tmp_path):
    with closing(StagingJournal(tmp_path)) as journal:
        id = journal.begin_rename(MOVED, OBJECTS)
        journal.turn_back(id, {"é/a": None})
        assert journal.renames() == [(id, Rename("bbb", "é/", "d/"), {"é/a": None}, True)]


def test_a_rename_of_layout_1_has_no_objects(tmp_path):
    """As an s3d of that time has left the file."""
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as db, db:
        db.executescript(LAYOUT_1)
        db.execute("INSERT INTO renames(bucket, old, new) VALUES ('bbb', x'642f', x'652f')")
    with closing(StagingJournal(tmp_path)) as journal:
        ((_, rename, objects, is_undone),) = journal.renames()
        assert (rename, objects, is_undone) == (Rename("bbb", "d/", "e/"), None, False)
        journal.begin_rename(MOVED, OBJECTS)


LAYOUT_1 = """
CREATE TABLE files(id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL,
    replaces TEXT NOT NULL, old_end INTEGER NOT NULL, attributes BLOB NOT NULL);
CREATE TABLE ranges(id INTEGER, start INTEGER, end INTEGER);
CREATE INDEX ranges_of_file ON ranges(id);
CREATE TABLE renames(id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, old BLOB NOT NULL,
    new BLOB NOT NULL);
PRAGMA user_version = 1;
"""


def test_leftovers_are_what_the_next_start_has_to_hand_over(tmp_path):
    folder = tmp_path / "mount"
    assert not has_leftovers(folder)
    folder.mkdir()
    (folder / "local").mkdir()
    assert not has_leftovers(folder)
    journal = StagingJournal(folder)
    assert not has_leftovers(folder)
    rename = Rename("b", "old", "new")
    number = journal.begin_rename(rename, {})
    assert has_leftovers(folder)
    journal.end_rename(number)
    journal.close()
    assert not has_leftovers(folder)
    (folder / "7").touch()
    assert has_leftovers(folder)
    (folder / "7").unlink()
    (folder / "uploads").mkdir()
    assert not has_leftovers(folder)
    (folder / "uploads" / "map").touch()
    assert has_leftovers(folder)
    (folder / "uploads" / "map").unlink()
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        db.execute("PRAGMA user_version = 99")
    assert has_leftovers(folder)
    (folder / "journal.sqlite").write_bytes(b"no database" * 1000)
    assert has_leftovers(folder)
