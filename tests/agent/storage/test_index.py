import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import DAMAGE, Index
from s3d.agent.storage.records import BucketRecord
from s3d.shared.errors import S3dError


def put(name, value):
    def action(tx):
        tx.put_setting("b", name, value)
        return name

    return action


def settings(index):
    return index.read_inline(lambda reader: reader.settings("b"))


async def test_a_look_after_a_write_sees_it_although_it_was_remembered_otherwise(index):
    def look(reader):
        return reader.bucket("b").versioning

    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 0.0)))
    assert index.read_inline(look) == ""
    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 0.0, versioning="Enabled")))
    assert index.read_inline(look) == "Enabled"
    await index.write(lambda tx: tx.delete_bucket("b"))
    assert index.read_inline(lambda reader: reader.bucket("b")) is None


async def test_a_read_sees_one_state_from_beginning_to_end(index):
    await index.write(put("a", b"1"))
    first, second = threading.Event(), threading.Event()

    def read(reader):
        before = reader.setting("b", "a")
        first.set()
        second.wait(10)
        return before, reader.setting("b", "a")

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(index.read_in_thread(read))
        await asyncio.to_thread(first.wait, 10)
        await index.write(put("a", b"2"))
        second.set()
    assert reading.result() == (b"1", b"1")


async def test_readers_cannot_write(index):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index.read_inline(lambda reader: reader._execute("DELETE FROM buckets", ()))


@pytest.mark.parametrize(("ephemeral", "level"), [(False, 2), (True, 0)])
async def test_a_commit_is_synced_unless_the_store_is_ephemeral(tmp_path, ephemeral, level):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=ephemeral)
    try:
        assert index._writer.execute("PRAGMA synchronous").fetchone() == (level,)
        assert index._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        index.close()


async def test_close_finishes_what_was_asked_for(tmp_path):
    index = Index.open(tmp_path / "index.sqlite")
    async with asyncio.TaskGroup() as group:
        for at in range(10):
            group.create_task(index.write(put(f"s{at}", b"x")))
        await asyncio.sleep(0)
        index.close()
    again = Index.open(tmp_path / "index.sqlite")
    assert len(settings(again)) == 10
    again.close()


async def test_a_write_after_the_end_is_refused_and_does_not_wait_for_ever(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    index.close()
    with pytest.raises(S3Error) as refused:
        await index.write(put("a", b"1"))
    assert refused.value.code == "ServiceUnavailable"


def test_a_broken_file_is_told_with_its_path(tmp_path):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(S3dError, match="cannot open the index") as refused:
        Index.open(path)
    assert str(path) in refused.value.detail
    assert refused.value.remedy
    opened = {os.path.realpath(each) for each in Path("/proc/self/fd").glob("*")}
    assert str(path) not in opened


async def test_an_error_of_the_index_itself_reaches_the_caller(index):
    with pytest.raises(sqlite3.OperationalError):
        await index.write(lambda tx: tx._execute("SELECT * FROM nothing", ()))
    assert await index.write(put("a", b"1")) == "a"


@pytest.mark.finding("S15")
async def test_an_error_of_the_disk_while_reading_is_said_without_a_traceback(tmp_path, caplog):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    await index.write(lambda tx: tx.run("CREATE TABLE t(data BLOB)", ()))
    await index.write(lambda tx: tx.run("INSERT INTO t VALUES (?)", (b"x" * 1_000_000,)))
    index.close()
    with (tmp_path / "index.sqlite").open("r+b") as file:
        file.seek(4096 * 30)
        file.write(b"\xff" * 4096 * 200)
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)

    def query(reader):
        return reader.select("SELECT sum(length(hex(data))) FROM t", ()).fetchall()

    with pytest.raises(DAMAGE) as looked:
        index.read_inline(query)
    with pytest.raises(DAMAGE):
        await index.read_in_thread(query)
    assert looked.value.code == "InternalError"
    assert str(tmp_path) in looked.value.message
    assert all(record.exc_info is None for record in caplog.records)
    index.close()


@pytest.mark.finding("S15")
async def test_a_row_that_cannot_be_decoded_is_damage(index):
    await index.write(lambda tx: tx.run("INSERT INTO buckets VALUES ('b', x'c1')", ()))
    with pytest.raises(DAMAGE):
        index.read_inline(lambda reader: reader.bucket("b"))
    with pytest.raises(DAMAGE):
        await index.write(lambda tx: tx.bucket("b"))
