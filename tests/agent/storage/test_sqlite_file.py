"""Transactions and layouts of small SQLite files, with real files."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from s3d.agent.storage.sqlite_file import layout_of, transaction, upgrade
from s3d.shared.errors import UsageError

FIRST = (
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b INT REFERENCES t(a) DEFERRABLE INITIALLY DEFERRED);"
)
SECOND = "ALTER TABLE t ADD COLUMN c TEXT NOT NULL DEFAULT 'old';"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.sqlite"


@pytest.fixture
def db(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        upgrade(db, path, "a file", (FIRST,))
        yield db


def rows(path):
    with closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute("SELECT a FROM t ORDER BY a")]


def test_what_the_block_writes_is_committed_together(db, path):
    with transaction(db):
        db.execute("INSERT INTO t(a) VALUES (1)")
        assert rows(path) == []
        db.execute("INSERT INTO t(a) VALUES (2)")
    assert rows(path) == [1, 2]


def test_an_error_in_the_block_rolls_back(db, path):
    def write_and_fail():
        with transaction(db):
            db.execute("INSERT INTO t(a) VALUES (1)")
            raise RuntimeError("of the block")

    with pytest.raises(RuntimeError, match="of the block"):
        write_and_fail()
    with transaction(db):
        db.execute("INSERT INTO t(a) VALUES (2)")
    assert rows(path) == [2]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "INSERT INTO t(a, b) VALUES (1, 7)",
            "FOREIGN KEY",
        ),  # the COMMIT fails, and may be retried
        ("INSERT OR ROLLBACK INTO t(a) VALUES (0)", "UNIQUE"),  # SQLite rolls back by itself
    ],
)
def test_the_connection_stays_usable_and_the_error_is_the_first_one(db, path, statement, reason):
    db.execute("INSERT INTO t(a) VALUES (0)")
    with pytest.raises(sqlite3.IntegrityError, match=reason), transaction(db):
        db.execute(statement)
    with transaction(db):
        db.execute("INSERT INTO t(a) VALUES (2)")
    assert rows(path) == [0, 2]


def test_an_older_file_gets_the_scripts_that_it_lacks(db, path):
    db.execute("INSERT INTO t(a) VALUES (1)")
    for _ in range(2):
        upgrade(db, path, "a file", (FIRST, SECOND))
    assert db.execute("SELECT a, c FROM t").fetchall() == [(1, "old")]
    assert layout_of(db, path, "a file", 2) == 2


def test_a_failed_upgrade_leaves_the_old_layout(db, path):
    with pytest.raises(sqlite3.OperationalError):
        upgrade(db, path, "a file", (FIRST, SECOND + "DROP TABLE missing;"))
    db.close()
    with closing(sqlite3.connect(path)) as again:
        assert layout_of(again, path, "a file", 2) == 1
        assert again.execute("SELECT * FROM t").fetchall() == []


def test_a_newer_layout_is_refused(db, path):
    db.execute("PRAGMA user_version = 5")
    with pytest.raises(UsageError, match=r"file\.sqlite is the list of a newer s3d: layout 5"):
        upgrade(db, path, "the list", (FIRST,))
