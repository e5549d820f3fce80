"""An index that is not the newest one of its files: no file that it may have named is removed."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.s3.messages import BytesBody

BIG = 100_000
EARLIER, LATER = ("a", "b"), ("c", "d")


def data_of(key):
    return key.encode() * BIG


async def put_all(store, keys):
    objects = S3Client(store.local)
    await objects.create_bucket("bucket")
    for key in keys:
        await objects.put("bucket", key, BytesBody(data_of(key)))


def copy_of(folder, target):
    """The index files of a store, as they are now."""
    target.mkdir()
    for file in folder.glob("index.sqlite*"):
        shutil.copy(file, target)


def put_back(folder, copy):
    for file in folder.glob("index.sqlite*"):
        file.unlink()
    for file in copy.iterdir():
        shutil.copy(file, folder)


def contents(folder):
    return sorted(file.read_bytes()[:1] for file in folder.rglob("*") if file.name.isdigit()
                  and file.is_file())  # fmt: skip


async def written(folder):
    """A store with objects, as a kill has left it; copies of its index from the middle and end."""
    store = open_embedded(folder)
    await put_all(store, EARLIER)
    copy_of(folder, folder.parent / "middle")
    await put_all(store, LATER)
    copy_of(folder, folder.parent / "end")
    store.close()
    return folder


def without_log(folder, copy):
    put_back(folder, copy)
    (folder / "index.sqlite-wal").unlink()
    (folder / "index.sqlite-shm").unlink(missing_ok=True)


async def other(folder):
    """The index of another store, with more commits than this one."""
    store = open_embedded(folder.parent / "other")
    for _ in range(5):
        await put_all(store, ("x", "y"))
    store.close()
    copy_of(folder.parent / "other", folder.parent / "copy")
    put_back(folder, folder.parent / "copy")


async def lose(how, folder):
    if how == "missing":
        for file in folder.glob("index.sqlite*"):
            file.unlink()
    elif how == "missing, its log is there":
        put_back(folder, folder.parent / "end")
        (folder / "index.sqlite").unlink()
    elif how == "an older copy":
        put_back(folder, folder.parent / "middle")
    elif how == "without its log":
        without_log(folder, folder.parent / "end")
    elif how == "of another store":
        await other(folder)
    else:
        (folder / "blobs/generation").unlink()
        with closing(sqlite3.connect(folder / "index.sqlite")) as connection, connection:
            connection.execute("DELETE FROM objects WHERE key > x'62'")
            connection.execute("DELETE FROM blobs WHERE id > 2")
        connection.close()


@pytest.mark.rule("REST-2")
@pytest.mark.finding("S6")
@pytest.mark.parametrize(
    "how",
    ["missing", "missing, its log is there", "an older copy", "without its log",
     "of another store", "without a mark"],
)  # fmt: skip
async def test_no_file_of_an_index_that_is_gone_is_removed(tmp_path, how):
    folder = await written(tmp_path / "store")
    await lose(how, folder)
    store = open_embedded(folder)
    await store.sweep()
    assert contents(folder) == [key.encode() for key in (*EARLIER, *LATER)]
    assert "lost+found" in store.warnings()[-1]
    assert str(folder) in store.warnings()[0]
    store.close()


@pytest.mark.finding("S6")
async def test_the_newest_index_is_put_back_and_all_is_as_it_was(tmp_path):
    folder = await written(tmp_path / "store")
    await lose("an older copy", folder)
    store = open_embedded(folder)
    await store.sweep()
    later = await S3Client(store.local).put("bucket", "e", BytesBody(data_of("e")))
    store.close()
    names = [file.name for file in (folder / "lost+found").iterdir()]
    assert len(names) == 2

    put_back(folder, tmp_path / "end")
    store = open_embedded(folder)
    await store.sweep()
    assert store.warnings()  # the index is older than the file of "e"
    assert contents(folder) == [b"a", b"b", b"c", b"d", b"e"]
    assert all(not (folder / f"blobs/000/{name}").exists() for name in names)  # no number twice
    assert later.etag
    store.close()


@pytest.mark.finding("S6")
async def test_a_start_that_put_files_aside_is_followed_by_one_that_sweeps(tmp_path):
    folder = await written(tmp_path / "store")
    await lose("missing", folder)
    store = open_embedded(folder)
    await store.sweep()
    await put_all(store, ["e"])
    store.close()
    stray = folder / "blobs/000/9"
    shutil.copy(folder / "lost+found/1", stray)
    store = open_embedded(folder)
    await store.sweep()
    assert store.warnings() == []
    assert not stray.exists()
    assert len(list((folder / "lost+found").iterdir())) == 4
    store.close()


@pytest.mark.finding("S6")
async def test_a_doubt_lasts_until_the_files_are_put_aside(tmp_path):
    folder = await written(tmp_path / "store")
    await lose("an older copy", folder)
    store = open_embedded(folder)
    await put_all(store, ["e"])  # a commit, and an end before anything was swept
    store.close()
    store = open_embedded(folder)
    await store.sweep()
    assert contents(folder) == [b"a", b"b", b"c", b"d", b"e"]
    store.close()


async def test_a_store_that_was_stopped_or_killed_is_believed(tmp_path):
    folder = await written(tmp_path / "store")
    for prepare in (lambda: None, lambda: put_back(folder, tmp_path / "end")):
        prepare()
        (folder / "blobs/000/9").write_bytes(b"half")
        store = open_embedded(folder)
        assert store.doubt == ""
        await store.sweep()
        assert not (folder / "blobs/000/9").exists()
        assert contents(folder) == [b"a", b"b", b"c", b"d"]
        store.close()


@pytest.mark.finding("S6")
def test_a_queue_whose_log_is_gone_says_so(start_agent):
    away = {"S3D_REMOTE": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "k"}
    away["AWS_SECRET_ACCESS_KEY"] = "secret"
    agent = start_agent(env=away)
    s3 = agent.s3()
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"k{number}", Body=b"data")
    agent.kill()
    (log,) = [file for file in agent.home.rglob("index.sqlite-wal") if "write_queue" in str(file)]
    log.unlink()
    warnings = start_agent(env=away).client.status().warnings
    assert any("write_queue" in warning and "writes are missing" in warning for warning in warnings)
