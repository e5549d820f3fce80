"""The file of the receipts: what a commit stores, and what other versions of it are refused."""

import sqlite3
from contextlib import closing

import pytest

from s3d.agent.receipts import receipt_file
from s3d.agent.receipts.receipt_file import (
    LAYOUT,
    NAME,
    Due,
    ReceiptFile,
    Upload,
    receipts_in,
)
from s3d.shared.errors import UsageError
from s3d.shared.receipts import check_receipts
from tests.agent.receipts.made import receipt


@pytest.fixture
def file(tmp_path):
    with closing(ReceiptFile(tmp_path / NAME)) as opened:
        yield opened


def upload(key: str, at: float = 1.0, etag: str = '"e"') -> Upload:
    return Upload("b", key, etag, 5, etag, at=at)


def signed(each: Upload):
    return each, 9.0, lambda sequence, previous: receipt(sequence, previous, key=each.key)


def test_what_is_owed_is_read_in_either_order(file):
    for number, key in enumerate("abc"):
        file.note_upload(upload(key, float(number)))
    assert [each.key for each in file.without_receipt(2)] == ["a", "b"]
    assert [each.key for each in file.without_receipt(9, newest_first=True)] == ["c", "b", "a"]
    assert file.count_without_receipt() == 3
    file.waive([upload("b")])
    assert [each.key for each in file.without_receipt(9)] == ["a", "c"]


def test_a_newer_upload_of_a_key_takes_the_place_of_the_older_one(file):
    file.note_upload(upload("a"))
    file.note_upload(upload("a", 2.0, '"new"'))
    assert [each.etag for each in file.without_receipt(9)] == ['"new"']
    file.waive([upload("a")])  # the older version
    assert file.count_without_receipt() == 1


def test_a_receipt_ends_the_debt_and_is_found_by_its_version(file):
    file.note_upload(upload("a"))
    file.append([signed(upload("a")), signed(upload("b"))], [Due("b", "a", '"e"', 10.0, 1.0)])
    assert file.count_without_receipt() == 0
    assert file.find("b", "a", '"e"') == (1, 5, 9.0)
    assert file.find("b", "a", '"other"') is None
    assert file.count() == 2
    assert list(check_receipts(file.receipts(), lambda each: True)) == []


def test_receipts_are_read_by_bucket_and_prefix(file):
    file.append([signed(upload(key)) for key in ("a/1", "a/2", "b")])
    found = [each.receipt().key for each in file.receipts("b", "a/")]
    assert found == ["a/1", "a/2"]
    assert list(file.receipts("other")) == []


def test_what_is_due_is_read_by_its_time_and_order(file):
    rows = [Due("b", "old", '"e"', 5.0, 1.0), Due("b", "new", '"e"', 5.0, 2.0)]
    file.append([signed(upload("old"))], [*rows, Due("b", "later", '"e"', 50.0, 3.0)])
    assert [each.key for each in file.due(10.0, 9)] == ["old", "new"]
    assert [each.key for each in file.due(10.0, 1, newest_first=True)] == ["new"]
    file.done(rows)
    assert file.due(10.0, 9) == []


def test_a_commit_is_synced_and_all_of_it_or_nothing_is_stored(file):
    assert file._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL

    def fails(sequence, previous):
        raise ValueError("no key")

    with pytest.raises(ValueError, match="no key"):
        file.append([signed(upload("a")), (upload("b"), 1.0, fails)])
    with pytest.raises(sqlite3.IntegrityError):
        file.append([signed(upload("a"))], [Due("b", None, '"e"', 1.0, 1.0)])
    assert file.count() == 0


def test_only_the_newest_receipts_stay(file, monkeypatch):
    monkeypatch.setattr(receipt_file, "MAX_RECEIPTS", 3)
    monkeypatch.setattr(receipt_file, "_PRUNE_EVERY", 5)
    file.append([signed(upload(str(number))) for number in range(5)])
    assert [each.receipt().sequence for each in file.receipts()] == [3, 4, 5]
    assert list(check_receipts(file.receipts(), lambda each: True)) == []


def test_the_file_of_a_running_agent_can_be_read(file, tmp_path):
    file.append([signed(upload("a"))])
    assert [each.receipt().key for each in receipts_in(tmp_path / NAME)] == ["a"]


def test_a_newer_layout_is_refused(tmp_path):
    ReceiptFile(tmp_path / NAME).close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    for is_read_only in (False, True):
        with pytest.raises(UsageError, match="newer s3d"):
            ReceiptFile(tmp_path / NAME, is_read_only=is_read_only)
