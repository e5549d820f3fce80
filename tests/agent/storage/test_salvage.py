import asyncio
import sqlite3
from contextlib import closing

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.generation import Doubt
from s3d.agent.storage.index import Index
from s3d.agent.storage.salvage import salvage
from s3d.agent.storage.store_check import StoreCheck
from s3d.agent.storage.tables import LAYOUT
from s3d.agent.stores.local.store import LocalStore
from s3d.shared.errors import UsageError
from tests.contract.client import Client

OBJECTS = 300


def opened(folder):
    index = Index.open(folder / "index.sqlite", blobs=folder / "blobs")
    return LocalStore(index, Blobs(folder / "blobs"))


@pytest.fixture
async def folder(tmp_path):
    """A store with many objects, all in the file and none in the log."""
    store = opened(tmp_path)
    s3 = Client(store)
    await s3("CreateBucket", Bucket="bucket")
    async with asyncio.TaskGroup() as group:  # in few commits, each of which syncs the disk
        for number in range(OBJECTS):
            group.create_task(s3.put("bucket", f"{number:05d}", b"x" * 500))
    await s3.put("bucket", "large", b"y" * 100_000)
    store._index.close()
    return tmp_path


def damage(folder, table):
    """Overwrite a page in the middle of a table."""
    path = folder / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
        try:
            pages = [page for (page,) in connection.execute(query, (table,))]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no dbstat")
    page = pages[len(pages) // 2]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


@pytest.mark.finding("S6")
async def test_all_but_the_damaged_page_is_saved(folder):
    damage(folder, "objects")
    salvage(folder / "index.sqlite", None)
    store = opened(folder)
    assert store._index.generation.doubt is Doubt.OLDER
    keys = await Client(store).keys("bucket")
    assert OBJECTS // 2 < len(keys) < OBJECTS + 1
    assert {"00000", "large"} <= set(keys)
    assert await Client(store).read("bucket", keys[5]) == b"x" * 500
    assert await StoreCheck(store._index, store._blobs, repair=False).structure() == ""
    assert [file.name[:22] for file in (folder / "lost+found").iterdir()] == [
        "index.sqlite-damaged-1"
    ]
    store._index.close()


@pytest.mark.finding("S6")
async def test_of_a_file_that_is_no_database_nothing_is_saved_and_no_file_is_removed(folder):
    (folder / "index.sqlite").write_bytes(b"no database" * 1_000)
    assert salvage(folder / "index.sqlite", None) == 1  # its generation
    store = opened(folder)
    assert await store.sweep() == (0, 1)
    store._index.close()


def test_a_file_of_a_newer_s3d_stays_as_it_is(folder):
    path = folder / "index.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    before = path.read_bytes()
    with pytest.raises(UsageError):
        salvage(path, None)
    assert path.read_bytes() == before
