import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.hand_over import Place
from s3d.agent.frontends.fuse.staging_journal import JOURNAL, StagingJournal, StagingRecord
from s3d.agent.frontends.fuse.written_attributes import WrittenAttributes
from s3d.shared.errors import UsageError

ATTRIBUTES = WrittenAttributes("text/plain", {"a": "b"}, {"t": "u"}, mode=0o755, mtime_ns=7)
RECORD = StagingRecord(3, Place("bbb", "é/\U0001f600"), '"etag"', 5_000, ATTRIBUTES)


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


def test_a_failure_of_the_disk_is_an_os_error(tmp_path):
    journal = StagingJournal(tmp_path)
    journal.close()
    with pytest.raises(OSError, match="journal of the mount"):
        journal.load()
