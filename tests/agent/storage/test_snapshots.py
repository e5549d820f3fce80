"""Snapshots and the reset of an index, with the operations of a real store around them."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from time import process_time

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_message import Event
from s3d.agent.s3.event_names import CREATED_PUT
from s3d.agent.s3.messages import StreamBody
from s3d.agent.storage import snapshots
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.event_rows import add_event, waiting_events
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, Stored, decode_layout, decode_part
from s3d.agent.storage.store_check import StoreCheck
from s3d.agent.storage.tables import prepare
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

LARGE = 100_000
"""Bytes of an object that lies in a file."""
OWN = {"blobs", "events", "sqlite_sequence"}
"""Tables that are no content of buckets: the references of blobs are counted by snapshot, and
events that wait for their delivery belong to no state of the store."""


@pytest.fixture(autouse=True)
async def one_thread():
    """Of the loop's pool, so that its jobs end in their order."""
    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        yield


@pytest.fixture
def local(index, blobs):
    return LocalStore(index, blobs)


@pytest.fixture
def s3(local):
    return Client(local)


async def test_events_that_wait_end_with_a_reset_and_with_a_restore(index):
    for replace in (snapshots.reset, partial(snapshots.restore, name="one")):
        event = Event(CREATED_PUT, 1.0, "b", key="k")
        await index.write(partial(add_event, target="hook", created=1.0, event=event))
        await save(index, "one")
        await index.write(partial(replace, forget=index.forget_all))
        assert index.read_inline(waiting_events) == {}


async def save(index, name):
    return await index.write(lambda tx: snapshots.save(tx, name, 1.0))


async def restore(index, name):
    return await index.write(lambda tx: snapshots.restore(tx, name, index.forget_all), frees=True)


async def drop(index, name):
    return await index.write(lambda tx: snapshots.drop(tx, name), frees=True)


async def reset(index):
    return await index.write(lambda tx: snapshots.reset(tx, index.forget_all), frees=True)


def rows(index, query):
    return index.read_inline(lambda reader: list(reader.select(query, ())))


def counted(index):
    """The references that the rows in use have, by their layouts; and those that blobs say. A blob
    that only a snapshot names has none."""
    tables = {name for (name,) in rows(index, "SELECT name FROM sqlite_master")}
    references: Counter[int] = Counter()
    for table, column, decode in (
        ("objects", "layout", decode_layout),
        ("versions", "layout", decode_layout),
        ("parts", "record", decode_part),
    ):
        for name in (table, f"snapshot_{table}"):
            if name in tables:
                for (value,) in rows(index, f"SELECT {column} FROM {name}"):
                    for extent in decode(value).extents:
                        references[extent.blob] += name == table
    return dict(references), dict(rows(index, "SELECT id, refs FROM blobs"))


async def keys(s3, bucket="bucket"):
    listed = await s3("ListObjectsV2", Bucket=bucket)
    return [row["Key"] for row in listed.output.get("Contents", ())]


async def read(s3, key, bucket="bucket"):
    return await s3.read(bucket, key)


def test_every_table_is_copied_or_is_known_not_to_be(tmp_path):
    """A table that is added later belongs to TABLES if its rows belong to buckets."""
    with closing(sqlite3.connect(tmp_path / "index")) as connection, connection:
        prepare(connection, tmp_path / "index", None)
        found = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
        }
    copied = {table.name: table.columns.split(", ") for table in snapshots.TABLES}
    assert found.keys() - OWN == copied.keys()
    for name, columns in copied.items():
        assert set(found[name]) - {"generation"} == set(columns), name


async def test_a_snapshot_brings_everything_back(index, s3):
    await s3("CreateBucket", Bucket="bucket")
    versioning = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket="bucket", VersioningConfiguration=versioning)
    tags = {"TagSet": [{"Key": "a", "Value": "1"}]}
    await s3("PutBucketTagging", Bucket="bucket", Tagging=tags)
    await s3.put("bucket", "small", b"one")
    await s3.put("bucket", "small", b"two")
    await s3.put("bucket", "large", b"x" * LARGE)
    upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key="m")).output["UploadId"]
    before = index.read_inline(lambda reader: reader.totals())
    saved = await save(index, "base")
    assert (saved.name, saved.buckets, saved.objects, saved.size) == ("base", 1, 2, LARGE + 6)

    await s3.put("bucket", "small", b"three")
    await s3("DeleteObject", Bucket="bucket", Key="large")
    await s3("DeleteBucketTagging", Bucket="bucket")
    await s3("AbortMultipartUpload", Bucket="bucket", Key="m", UploadId=upload)
    await s3("CreateBucket", Bucket="further")
    assert await restore(index, "base") == saved

    assert [b["Name"] for b in (await s3("ListBuckets")).output["Buckets"]] == ["bucket"]
    assert await keys(s3) == ["large", "small"]
    assert await read(s3, "small") == b"two"
    assert await read(s3, "large") == b"x" * LARGE
    assert (await s3("GetBucketTagging", Bucket="bucket")).output["TagSet"] == tags["TagSet"]
    assert len((await s3("ListObjectVersions", Bucket="bucket")).output["Versions"]) == 3
    uploads = (await s3("ListMultipartUploads", Bucket="bucket")).output["Uploads"]
    assert [row["UploadId"] for row in uploads] == [upload]
    assert index.read_inline(lambda reader: reader.totals()) == before
    references, said = counted(index)
    assert references == said


async def test_a_reset_leaves_nothing_but_snapshots(index, blobs, s3):
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "small", b"one")
    await s3.put("bucket", "large", b"x" * LARGE)
    await index.write(lambda tx: tx.run("INSERT INTO events VALUES (1, 't', 1.0, x'')", ()))
    assert await reset(index) == (1, 2)
    assert (await s3("ListBuckets")).output["Buckets"] == []
    assert counted(index) == ({}, {})
    assert index.read_inline(lambda reader: reader.totals()) == (0, 0)
    assert rows(index, "SELECT * FROM events") == []
    await _until_removed(blobs)

    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "large", b"y" * LARGE)
    await save(index, "base")
    await reset(index)
    assert await restore(index, "missing") is None
    await restore(index, "base")
    assert await read(s3, "large") == b"y" * LARGE
    await reset(index)
    assert await drop(index, "base")
    assert not await drop(index, "base")
    assert counted(index) == ({}, {})
    await _until_removed(blobs)


async def _until_removed(blobs):
    """Files are removed in the one thread of the loop's pool, before what is asked of it later."""
    assert not await asyncio.to_thread(lambda: list(blobs.folder.glob("*/[0-9]*")))


async def test_a_write_in_the_group_of_a_reset_is_counted_right(index, s3):
    """What the actions of one commit have counted is in memory until its end."""
    await s3("CreateBucket", Bucket="bucket")
    stored = Stored(ObjectRecord("before", size=4), Layout())
    first = index.post(lambda tx: tx.put_current("bucket", stored, None))
    removed = await reset(index)
    await first
    assert removed == (1, 1)
    assert index.read_inline(lambda reader: reader.totals()) == (0, 0)


async def test_a_write_that_began_before_a_reset_does_not_survive_it(index, blobs, s3):
    await s3("CreateBucket", Bucket="bucket")

    async def slow():
        yield b"x" * LARGE
        await reset(index)
        yield b"y"

    with pytest.raises(S3Error, match="NoSuchBucket"):
        await s3.put("bucket", "k", StreamBody(slow()))
    assert counted(index) == ({}, {})
    await _until_removed(blobs)


async def test_random_histories_keep_every_reference(index, s3):
    """Whatever happens, the references are those of the rows, and a snapshot is what it was."""
    dice = random.Random(15)
    contents: dict[str, dict[str, bytes]] = {}
    now: dict[str, bytes] = {}
    await s3("CreateBucket", Bucket="bucket")
    await save(index, "empty")
    contents["empty"] = {}
    for _ in range(120):
        key = f"k{dice.randrange(6)}"
        match dice.randrange(8):
            case 0 | 1 | 2:
                data = dice.randbytes(dice.choice((0, 5, LARGE)))
                await s3.put("bucket", key, data)
                now[key] = data
            case 3:
                await s3("DeleteObject", Bucket="bucket", Key=key)
                now.pop(key, None)
            case 4 if now:
                source = dice.choice(sorted(now))
                await s3("CopyObject", Bucket="bucket", Key="copy", CopySource=f"bucket/{source}",
                         MetadataDirective="REPLACE")  # fmt: skip
                now["copy"] = now[source]
            case 5:
                name = f"s{dice.randrange(3)}"
                await save(index, name)
                contents[name] = dict(now)
            case 6:
                name = dice.choice(sorted(contents))
                await restore(index, name)
                now = dict(contents[name])
            case 7 if len(contents) > 2:
                name = dice.choice(sorted(contents.keys() - {"empty"}))
                assert await drop(index, name)
                del contents[name]
        references, said = counted(index)
        assert references == said
    for name, objects in contents.items():
        await restore(index, name)
        assert await keys(s3) == sorted(objects)
        for key, data in objects.items():
            assert await read(s3, key) == data


async def test_the_check_reads_what_only_a_snapshot_names(index, blobs, s3):
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "large", b"x" * LARGE)
    await save(index, "base")
    await reset(index)
    check = StoreCheck(index, blobs, index.read_inline(snapshots.check_sources), repair=False)
    assert [row.problem async for row in check.rows()] == [""]
    (file,) = blobs.folder.glob("*/[0-9]*")
    file.write_bytes(b"z" * LARGE)
    check = StoreCheck(index, blobs, index.read_inline(snapshots.check_sources), repair=False)
    (row,) = [row async for row in check.rows()]
    assert row.name == "snapshot base: bucket/large"
    assert "checksums" in row.problem


async def test_the_sweep_of_a_later_start_spares_what_only_a_snapshot_names(index, blobs, s3):
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "large", b"x" * LARGE)
    await save(index, "base")
    await reset(index)
    again = LocalStore(index, Blobs(blobs.folder, ephemeral=True))
    stray = blobs.path(7)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    assert (await LocalStore(index, Blobs(blobs.folder, ephemeral=True)).sweep()).removed == 1
    await restore(index, "base")
    assert await Client(again).read("bucket", "large") == b"x" * LARGE


async def test_an_index_of_layout_6_counts_the_references_of_snapshots_no_more(tmp_path):
    path = tmp_path / "index.sqlite"
    index = Index.open(path, ephemeral=True)
    s3 = Client(LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True)))
    await s3("CreateBucket", Bucket="bucket")
    await s3.put("bucket", "small", b"1")
    await save(index, "one")
    await save(index, "two")
    await s3.put("bucket", "small", b"2")
    index.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE blobs SET refs = refs + (SELECT count(*) FROM snapshot_blobs WHERE blob = id)"
        )
        assert sorted(connection.execute("SELECT refs FROM blobs")) == [(1,), (2,)]
        connection.execute("PRAGMA user_version = 6")
    index = Index.open(path, ephemeral=True)
    references, said = counted(index)
    assert references == said
    assert sorted(said.values()) == [0, 1]
    await drop(index, "one")
    await restore(index, "two")
    assert (
        await Client(LocalStore(index, Blobs(tmp_path / "blobs"))).read("bucket", "small") == b"1"
    )
    index.close()


async def test_a_thousand_objects_are_saved_and_restored_quickly(index, s3):
    """In seconds of CPU, which a busy machine does not change."""
    await s3("CreateBucket", Bucket="bucket")
    async with asyncio.TaskGroup() as group:
        for number in range(1_000):
            group.create_task(s3.put("bucket", f"k{number:04}", b"x" * 1_000))
    times = []
    for _ in range(5):
        started = process_time()
        await save(index, "base")
        saved = process_time()
        await restore(index, "base")
        times.append((saved - started, process_time() - saved))
    best = min(save for save, _ in times), min(restore for _, restore in times)
    assert max(best) < 0.05, best
    await drop(index, "base")
    started = process_time()
    await reset(index)
    assert process_time() - started < 0.1
