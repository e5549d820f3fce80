"""Rows of annotations, as the actions of the index use them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from s3d.agent.storage.annotation_rows import (
    AnnotationRecord,
    annotation,
    annotation_page,
    copy_annotations,
    drop_annotation,
    drop_annotations,
    move_annotations,
    put_annotation,
)
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import ObjectRecord

ONE, TWO = ObjectRecord("a", seq=1, annotations=2), ObjectRecord("b", seq=2, annotations=2)


@pytest.fixture
def index(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield index
    index.close()


def names(reader, record, prefix="", after="", limit=9):
    page = annotation_page(reader, "bucket", record, prefix, after, limit)
    return [each.name for each in page]


def put_two(tx):
    for name in ("x", "y"):
        put_annotation(tx, "bucket", ONE, AnnotationRecord(name, 1, '"e"', 0.0), name.encode())


async def test_rows_of_one_version(index):
    await index.write(put_two)

    def look(reader):
        assert names(reader, ONE) == ["x", "y"]
        assert names(reader, ONE, "y") == names(reader, ONE, after="x") == ["y"]
        assert names(reader, ONE, limit=1) == ["x"]
        assert names(reader, TWO) == []
        record, payload = annotation(reader, "bucket", ONE, "y")
        assert (record.name, payload) == ("y", b"y")
        assert annotation(reader, "bucket", ONE, "z") is None

    index.read_inline(look)


async def test_a_version_without_annotations_is_not_looked_up(index):
    await index.write(put_two)
    none = ObjectRecord("a", seq=1)
    assert index.read_inline(lambda reader: annotation(reader, "bucket", none, "x")) is None


async def test_rows_are_copied_moved_and_dropped(index):
    def change(tx):
        put_two(tx)
        copy_annotations(tx, ("bucket", ONE), ("bucket", TWO))
        assert names(tx, ONE) == names(tx, TWO) == ["x", "y"]
        assert drop_annotation(tx, "bucket", TWO, "x")
        assert not drop_annotation(tx, "bucket", TWO, "x")
        drop_annotations(tx, "bucket", TWO)
        assert names(tx, TWO) == []
        move_annotations(tx, "bucket", ONE, TWO)
        assert (names(tx, ONE), names(tx, TWO)) == ([], ["x", "y"])

    await index.write(change)


def test_an_index_of_layout_3_gets_the_table(tmp_path):
    path = tmp_path / "index.sqlite"
    Index.open(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE annotations")
        connection.execute("DROP TABLE events")
        connection.execute("PRAGMA user_version = 3")
    connection.close()
    index = Index.open(path)
    assert index.read_inline(lambda reader: names(reader, ONE)) == []
    index.close()
