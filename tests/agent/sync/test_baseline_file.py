import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.sync import baseline_file
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_file import Damaged, check
from s3d.agent.sync.path_state import BaselineEntry, Residence, Signature
from s3d.shared.errors import UsageError

SEEN = Signature(3, 1, 1, 1)


@pytest.mark.finding("S1")
async def test_the_log_is_carried_over_before_it_grows_large(tmp_path):
    baseline = Baseline(tmp_path / "b.sqlite")
    reader = baseline.other()
    for number in range(4_000):
        baseline.agree(BaselineEntry(f"p{number:010}" * 10, SEEN, 0o644, "sha", '"e"', 3))
        if number % 100 == 0:
            await baseline.flush()
    reader.close()
    assert (tmp_path / "b.sqlite-wal").stat().st_size < 16 << 20
    assert baseline.count()[0] == 4_000
    baseline.close()


def test_a_file_of_the_first_layout_is_upgraded(tmp_path):
    file = tmp_path / "b.sqlite"
    shutil.copy(Path(__file__).parent / "data/layout-1.sqlite", file)
    found = Baseline(file)
    signature = Signature(3, 1700000000123456789, 1700000000123456790, 42)
    paths = [str(row[0]) for row in found.identities("", None)]
    rows = {path: found.get(path) for path in paths}
    copy = "a (conflict laptop 2026-11-27 101500 a1b2).txt"
    assert {path: row.etag for path, row in rows.items()} == {
        "a.txt": '"e1"', "b/": '"e2"', "b/c": '"e3"', "moved": "?", copy: '"e4"',
    }  # fmt: skip
    assert {row.signature for row in rows.values()} == {signature}
    assert (found.count(), [row.path for row in found.conflicts(9)]) == ((4, 26), [copy])
    assert (found.get_meta("marker"), found.get_meta("paused"), found.intents()) == (
        "m",
        "true",
        ["b/new"],
    )
    (trashed,) = found.trash.rows()
    assert (trashed.id, trashed.path, trashed.age) == ("4567", "old.txt", 0.0)
    assert found.history.last_trashed(path="old.txt").trash == "4567"
    found.close()
    Baseline(file).close()


@pytest.mark.finding("S11")
@pytest.mark.parametrize("data", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_named(tmp_path, data):
    file = tmp_path / "b.sqlite"
    file.write_bytes(data)
    with pytest.raises(Damaged, match=r"b\.sqlite is damaged.*approve"):
        Baseline(file)


@pytest.mark.finding("S11")
def test_damage_within_a_file_is_found_by_reading_it(tmp_path):
    file = tmp_path / "b.sqlite"
    baseline = Baseline(file)
    for number in range(500):
        baseline.agree(BaselineEntry(f"p{number}" * 20, SEEN, 0o644, "sha", '"e"', 3))
    baseline.close()
    check(file)
    with file.open("r+b") as damaged:
        damaged.seek(file.stat().st_size // 2)
        damaged.write(b"\xff" * 8192)
    with pytest.raises(Damaged, match="damaged"):
        check(file)


def test_a_file_of_the_second_layout_is_upgraded(tmp_path):
    """The tables as the release before has made them, with a row."""
    file = tmp_path / "b.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.executescript(baseline_file._TABLES + baseline_file._SECOND)
        db.execute("INSERT INTO base VALUES ('a', 3, 1, 2, 42, 420, 'sha', '\"e\"', 3, 0)")
        db.execute("PRAGMA user_version = 2")
        db.commit()
    found = Baseline(file)
    row = found.get("a")
    assert (row.signature, row.sha256, row.size) == (Signature(3, 1, 2, 42), "sha", 3)
    assert (row.residence, row.receipt) == (Residence.LOCAL, 0.0)
    assert (found.count(), found.evictions.paths()) == ((1, 3), [])
    found.close()


def test_a_newer_layout_is_refused(tmp_path):
    file = tmp_path / "b.sqlite"
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(UsageError, match="newer"):
        Baseline(file)
