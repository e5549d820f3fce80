import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.tables import LAYOUT, Tables
from s3d.shared.errors import UsageError

FURTHER = Tables(
    "CREATE TABLE t(a INTEGER, b INTEGER);", 2, {2: "ALTER TABLE t ADD COLUMN b INTEGER;"}
)


def test_a_file_of_a_newer_layout_is_refused(tmp_path):
    path = tmp_path / "index.sqlite"
    Index.open(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    with pytest.raises(UsageError, match="newer s3d") as refused:
        Index.open(path)
    assert str(path) in refused.value.detail
    opened = {os.path.realpath(each) for each in Path("/proc/self/fd").glob("*")}
    assert str(path) not in opened, "it is closed before the error is raised"


def test_further_tables_of_a_newer_layout_are_refused(tmp_path):
    path = tmp_path / "index.sqlite"
    Index.open(path, tables=FURTHER).close()
    older = Tables("CREATE TABLE t(a INTEGER);", 1)
    with pytest.raises(UsageError, match="newer s3d"):
        Index.open(path, tables=older)


@pytest.mark.finding("S6")
def test_an_index_of_layout_1_is_brought_to_ours(tmp_path):
    path = tmp_path / "index.sqlite"
    Index.open(path, tables=FURTHER).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM totals")
        connection.execute("ALTER TABLE totals DROP COLUMN generation")
        connection.execute("ALTER TABLE t DROP COLUMN b")
        connection.execute("DROP TABLE annotations")
        connection.execute("DROP TABLE events")
        connection.execute("PRAGMA user_version = 1001")
    index = Index.open(path, tables=FURTHER, blobs=tmp_path / "blobs")
    assert index.generation.doubt is None
    index.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2000 + LAYOUT,)
        assert connection.execute("SELECT b FROM t").fetchall() == []
