import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from msgspec.structs import replace

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import decode_layout, decode_part, encode
from s3d.agent.storage.store_check import StoreCheck
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

MIB = 1 << 20
SMALL, MEDIUM, LARGE = os.urandom(4_000), os.urandom(100_000), os.urandom(2 * MIB + 5)
PART = os.urandom(5 * MIB)


@pytest.fixture
async def store(tmp_path):
    """A store in tmp_path, and how to have it closed and open again."""
    opened = []

    def reopen():
        if opened:
            opened[-1]._index.close()
        index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
        opened.append(LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True)))
        return opened[-1]

    s3 = Client(reopen())
    await s3("CreateBucket", Bucket="bucket")
    for key, data in {"small": SMALL, "medium": MEDIUM, "large": LARGE}.items():
        await s3.put("bucket", key, data)
    upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key="parts"))["UploadId"]
    place = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
    parts = []
    for number, data in enumerate((PART, MEDIUM), 1):
        part = await s3("UploadPart", **place, PartNumber=number, Body=data)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    await s3("CompleteMultipartUpload", **place, MultipartUpload={"Parts": parts})
    upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key="open"))["UploadId"]
    await s3("UploadPart", Bucket="bucket", Key="open", UploadId=upload, PartNumber=1, Body=SMALL)
    yield reopen
    opened[-1]._index.close()


async def check(store, *, repair=False):
    """Name -> (problem, what was done) of what is wrong; and how many bytes were read."""
    checking = StoreCheck(store._index, store._blobs, repair=repair)
    assert await checking.structure() == ""
    rows = [row async for row in checking.rows()]
    wrong = {row.name: (row.problem, row.repaired) for row in rows if row.problem}
    return wrong, sum(row.size for row in rows)


def flip(file, at=0):
    with file.open("r+b") as opened:
        byte = os.pread(opened.fileno(), 1, at)[0]
        os.pwrite(opened.fileno(), bytes([byte ^ 1]), at)


def file_with(folder, data):
    (found,) = [f for f in folder.rglob("*") if f.is_file() and f.read_bytes() == data]
    return found


def as_layout_1(tmp_path):
    """Take all checksums of blocks away."""
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection, connection:
        for table, column, decode in (
            ("objects", "layout", decode_layout),
            ("parts", "record", decode_part),
        ):
            for (old,) in connection.execute(f"SELECT {column} FROM {table}").fetchall():
                extents = tuple(
                    type(one)(one.blob, one.offset, one.size) for one in decode(old).extents
                )
                new = encode(replace(decode(old), extents=extents))
                query = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"
                connection.execute(query, (new, old))


async def test_what_is_right_is_right(store):
    wrong, size = await check(store())
    assert wrong == {}
    assert size == len(SMALL) * 2 + len(MEDIUM) * 2 + len(LARGE) + 5 * MIB


@pytest.mark.finding("S10")
async def test_damage_is_named_by_object(store, tmp_path):
    flip(file_with(tmp_path / "blobs", LARGE), MIB + 3)
    file_with(tmp_path / "blobs", SMALL).unlink()  # the part of the unfinished upload
    wrong, _ = await check(store())
    assert set(wrong) == {"bucket/large", "bucket/open"}
    assert "checksum" in wrong["bucket/large"][0]


@pytest.mark.finding("S10")
async def test_a_damaged_row_is_named(store, tmp_path):
    store()
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection, connection:
        query = "UPDATE blobs SET data = ? WHERE data IS NOT NULL"
        connection.execute(query, (SMALL[:-1] + bytes([SMALL[-1] ^ 1]),))
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as connection, connection:
        connection.execute("UPDATE objects SET record = x'c1' WHERE key = x'6c61726765'")
    wrong, _ = await check(store())
    assert set(wrong) == {"bucket/small", "bucket/large"}


@pytest.mark.finding("S10")
async def test_rows_of_layout_1_are_held_against_their_md5(store, tmp_path):
    store()
    as_layout_1(tmp_path)
    assert (await check(store()))[0] == {}
    (part,) = [f for f in (tmp_path / "blobs").rglob("*") if f.is_file()
               and f.stat().st_size == 5 * MIB]  # fmt: skip
    flip(part, 7)
    flip(file_with(tmp_path / "blobs", LARGE), 7)
    wrong, _ = await check(store())
    assert set(wrong) == {"bucket/large", "bucket/parts"}
    assert "MD5" in wrong["bucket/large"][0]


@pytest.mark.finding("S10")
async def test_a_repair_notes_the_checksums_of_rows_of_layout_1(store, tmp_path):
    store()
    as_layout_1(tmp_path)
    assert (await check(store(), repair=True))[0] == {}
    local = store()
    for key in ("small", "large", "parts"):
        layout = local._index.read_inline(
            lambda r, key=key: r.current("bucket", key.encode())
        ).layout
        assert all(extent.sums for extent in layout.extents)
    flip(file_with(tmp_path / "blobs", LARGE), 7)
    wrong, _ = await check(local)
    assert "checksum" in wrong["bucket/large"][0]


@pytest.mark.finding("S6")
@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize("name", ["{id}", "{id}.1", "999"])
async def test_a_repair_brings_files_back_from_the_lost_folder(store, tmp_path, name, is_old):
    store()
    if is_old:
        as_layout_1(tmp_path)
    file = file_with(tmp_path / "blobs", LARGE)
    lost = tmp_path / "lost+found"
    lost.mkdir()
    shutil.move(file, lost / name.format(id=file.name))
    (lost / "12345").write_bytes(b"something else")
    assert set((await check(store()))[0]) == {"bucket/large"}
    local = store()
    wrong, _ = await check(local, repair=True)
    assert wrong["bucket/large"][1]
    assert (await check(local))[0] == {}
    assert await Client(local).read("bucket", "large") == LARGE
    assert [
        left.name for left in await StoreCheck(local._index, local._blobs, repair=False).lost()
    ] == ["12345"]


async def test_what_is_removed_meanwhile_is_no_damage(store, tmp_path):
    local = store()
    checking = StoreCheck(local._index, local._blobs, repair=False)
    rows = checking.rows()
    first = await anext(rows)
    assert first.name == "bucket/large"
    await Client(local)("DeleteObject", Bucket="bucket", Key="medium")
    (left,) = [f for f in (tmp_path / "blobs").rglob("*") if f.is_file()
               and f.stat().st_size == 5 * MIB]  # fmt: skip
    left.unlink()
    assert [row.name async for row in rows if row.problem] == ["bucket/parts"]
