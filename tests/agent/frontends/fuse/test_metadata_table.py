"""What is known of files outlives the agent; a file that cannot be used does no harm."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse import metadata_table
from s3d.agent.frontends.fuse.metadata_table import FileMetadata, MetadataTable
from tests.known_load import wait_until

ONE = FileMetadata("e1", 1_700_000_000_123_456_789, 0o600)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "metadata.sqlite"


def save(path: Path, rows: dict[str, FileMetadata | None]) -> None:
    table = MetadataTable(path)
    for key, metadata in rows.items():
        table.put("b", key, metadata)
    table.close()


def load(path: Path, prefix: str = "") -> dict[str, FileMetadata]:
    table = MetadataTable(path)
    rows = dict(table.folder("b", prefix))
    table.close()
    return rows


def test_a_folder_has_the_files_in_it_and_the_markers_of_folders(path: Path) -> None:
    link = FileMetadata("e2", 5, None, "to/\udcff")
    save(path, {"a": ONE, "d/": ONE, "d/ä\n": link, "d/e/f": ONE})
    assert load(path) == {"a": ONE, "d/": ONE}
    assert load(path, "d/") == {"d/ä\n": link}
    assert MetadataTable(path).folder("other", "") == {}


def test_a_row_is_replaced_and_removed(path: Path) -> None:
    save(path, {"a": ONE, "b": ONE})
    save(path, {"a": ONE._replace(etag="e2"), "b": None, "none": None})
    assert load(path) == {"a": ONE._replace(etag="e2")}


def test_rows_that_come_together_share_a_transaction(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata_table, "_DELAY", 60.0)  # but for close()
    written: list[int] = []
    write = MetadataTable._write
    monkeypatch.setattr(
        MetadataTable,
        "_write",
        lambda self, db, rows, *more: (written.append(len(rows)), write(self, db, rows, *more)),
    )
    save(path, {f"{number}": ONE for number in range(500)})
    assert written == [500]
    assert len(load(path)) == 500


def test_the_oldest_rows_make_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_table, "MAX_ROWS", 3)
    monkeypatch.setattr(metadata_table, "_TRIMMED_AFTER", 1)
    save(path, {f"{number}": ONE for number in range(5)})
    save(path, {"2": ONE})
    assert load(path).keys() == {"2", "3", "4"}


def test_a_file_of_a_newer_s3d_is_left_alone(path: Path) -> None:
    save(path, {"a": ONE})
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    save(path, {"b": ONE})
    assert load(path) == {}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM files").fetchall() == [(b"a",)]


def test_a_damaged_file_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1_000)
    save(path, {"a": ONE})
    assert load(path) == {"a": ONE}


def test_a_folder_that_cannot_be_written_to_does_no_harm(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.write_text("a file where the folder should be")
    save(path, {"a": ONE})
    assert load(path) == {}
    assert "will not survive a restart" in caplog.text


def test_a_full_disk_costs_only_what_was_to_be_saved_then(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metadata_table, "_DELAY", 0.0)
    save(path, {"before": ONE})
    table = MetadataTable(path)
    assert table.folder("b", "")
    assert table._db is not None
    table._db.execute("PRAGMA max_page_count = 1")  # until the file is opened again
    table.put("b", "full", ONE._replace(link="x" * 100_000))
    wait_until(lambda: "is full" in caplog.text)
    table.put("b", "after", ONE)
    table.close()
    assert load(path).keys() == {"before", "after"}
