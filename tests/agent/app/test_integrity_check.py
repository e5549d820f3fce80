"""s3d check over real folders: what is wrong is named; with and without an agent."""

import os
import shutil

import pytest
from msgspec.structs import replace

from s3d.agent.app.embedded import open_embedded, open_index, open_store
from s3d.agent.app.integrity_check import Checker, Opened, check_at_rest
from s3d.agent.app.process import only_one
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import crc
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import Entry
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.sync.baseline import Baseline
from s3d.shared.config.load import load_config
from s3d.shared.errors import AlreadyRunningError
from s3d.shared.paths import find_places

BIG = b"x" * 100_000


@pytest.fixture
def places(tmp_path):
    found = find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})
    found.state_dir.mkdir(mode=0o700)
    return found


async def found_by(places, opened=None, *, repair=False):
    lines = [line async for line in Checker(places, opened or Opened()).run(repair=repair)]
    assert lines[-1].done
    return [line.damage for line in lines if line.damage], lines[-1].checked


async def put(store):
    objects = S3Client(store.local)
    await objects.create_bucket("bucket")
    await objects.put("bucket", "small", BytesBody(b"data"))
    await objects.put("bucket", "big", BytesBody(BIG))


async def filled_store(places):
    store = open_embedded(places.store_dir)
    await put(store)
    return store


def flip(folder):
    """A bit of the only file of blobs."""
    (file,) = [f for f in (folder / "blobs").rglob("*") if f.is_file() and f.name.isdigit()]
    with file.open("r+b") as opened:
        os.pwrite(opened.fileno(), b"?", 50_000)
    return file


async def test_where_nothing_is_nothing_is_wrong_and_nothing_is_made(places):
    assert (await found_by(places))[0] == []
    assert not places.store_dir.exists()


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_key_that_is_lost(places, is_open):
    """The bytes are verified all the same."""
    store = open_embedded(places.store_dir, encrypt="sse-s3")
    await put(store)
    opened = Opened({places.store_dir: store}) if is_open else Opened()
    if not is_open:
        store.close()
    damages, checked = await found_by(places, opened)
    assert (damages, checked.files) == ([], 2)
    (key,) = (places.store_dir / "keyring").iterdir()
    key.unlink()
    (damage,), checked = await found_by(places, opened)
    assert "missing from the key ring" in damage.problem
    assert damage.remedy
    assert checked.files == 2
    if is_open:
        store.close()


@pytest.mark.finding("S10")
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_damaged_object_of_the_store(places, is_open):
    store = await filled_store(places)
    opened = Opened({places.store_dir: store}) if is_open else Opened()
    if not is_open:
        store.close()
    damages, checked = await found_by(places, opened)
    assert (damages, checked.files, checked.size) == ([], 2, len(BIG) + 4)
    flip(places.store_dir)
    (damage,), _ = await found_by(places, opened)
    assert (damage.place, damage.name, damage.repaired) == ("store", "bucket/big", "")
    assert damage.remedy
    if is_open:
        store.close()


@pytest.mark.finding("S10")
async def test_a_damaged_write_of_the_queue(places):
    folder = places.write_queue_dir
    index = open_index(folder, tables=journal_rows.TABLES)
    journal = await Journal.open(index, Events())
    store = open_store(index, folder, on_change=journal.recorder.record)
    await put(store)
    store.close()
    assert (await found_by(places))[0] == []
    flip(folder)
    damages, _ = await found_by(places)
    assert {(damage.place, damage.name) for damage in damages} == {("queue", "bucket/big")}


async def test_a_damaged_entry_of_the_cache_is_dropped(places):
    folder = places.read_cache_dir / "v1"
    folder.mkdir(parents=True)
    index = Index.open(folder / "index.sqlite", lossy=True, tables=catalog_rows.TABLES)
    catalog = Catalog(index, Blobs(folder / "blobs", ephemeral=True), Limits())
    blob = catalog.blobs.new_id()
    fd = catalog.blobs.create(blob)
    os.write(fd, BIG)
    os.close(fd)
    entry = Entry(("bucket", "big"), {"ETag": '"1"'}, len(BIG), blob, 1.0)
    entry.present, entry.sums[0] = 1, crc(BIG)
    catalog.add(entry)
    index.close()
    assert (await found_by(places))[0] == []
    flip(folder)
    (damage,), _ = await found_by(places)
    assert (damage.place, damage.name, bool(damage.repaired)) == ("cache", "bucket/big", True)
    assert (await found_by(places))[0] == []


async def test_the_damaged_memory_of_a_sync_folder(places):
    memories = places.state_dir / "sync"
    memories.mkdir()
    Baseline(memories / "good.sqlite").close()
    bad = memories / "bad.sqlite"
    bad.write_bytes(b"no database" * 1_000)
    (damage,), _ = await found_by(places)
    assert (damage.place, damage.name, damage.repaired) == ("sync", str(bad), "")
    assert bad.exists()
    (damage,), _ = await found_by(places, Opened(is_running=True), repair=True)
    assert bad.exists()
    (damage,), _ = await found_by(places, repair=True)
    assert damage.repaired
    assert not bad.exists()
    assert (await found_by(places))[0] == []


@pytest.mark.finding("S6")
async def test_a_missing_index_is_said_and_none_is_made(places):
    (await filled_store(places)).close()
    for file in places.store_dir.glob("index.sqlite*"):
        file.unlink()
    (damage,), _ = await found_by(places, repair=True)
    assert "missing" in damage.problem
    assert not (places.store_dir / "index.sqlite").exists()


@pytest.mark.finding("S6")
async def test_files_that_were_put_aside_are_shown_until_they_are_gone(places):
    (await filled_store(places)).close()
    for file in places.store_dir.glob("index.sqlite*"):
        file.unlink()
    store = open_embedded(places.store_dir)
    await store.sweep()
    (damage,), _ = await found_by(places, Opened({places.store_dir: store}))
    assert "1 file" in damage.problem
    assert "lost+found" in damage.name
    shutil.rmtree(damage.name)
    assert (await found_by(places, Opened({places.store_dir: store})))[0] == []
    store.close()


@pytest.mark.finding("S6")
async def test_a_broken_index_is_said_and_a_repair_makes_a_new_one(places):
    (await filled_store(places)).close()
    index = places.store_dir / "index.sqlite"
    index.write_bytes(b"no database" * 1_000)
    (damage,), _ = await found_by(places)
    assert (damage.name, damage.repaired) == (str(index), "")
    (damage,), _ = await found_by(places, Opened(is_running=True), repair=True)
    assert damage.repaired == ""
    damages, _ = await found_by(places, repair=True)
    assert damages[0].repaired
    store = open_embedded(places.store_dir)
    await store.sweep()  # no file is gone
    assert BIG in [file.read_bytes() for file in (places.store_dir / "lost+found").iterdir()]
    store.close()


def test_the_lock_of_a_queue_in_another_place_is_held(tmp_path, places):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    others = replace(places, write_queue_dir=elsewhere)
    with only_one(elsewhere / "agent.lock", places.socket), pytest.raises(AlreadyRunningError):
        check_at_rest(others, repair=False, show=lambda line: None)


def test_without_an_agent_its_lock_is_held(places):
    seen = []
    check_at_rest(places, repair=False, show=seen.append)
    assert seen[-1].done

    def again(line):
        check_at_rest(places, repair=False, show=seen.append)

    with pytest.raises(AlreadyRunningError):
        check_at_rest(places, repair=False, show=again)


@pytest.mark.finding("B3")
@pytest.mark.parametrize("name", ["pins.broken", "transfers.bad", "remotes/one/pins.broken"])
async def test_state_that_was_set_aside_is_shown_until_it_is_gone(places, name):
    file = places.state_dir / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"{")
    (damage,), _ = await found_by(places)
    assert (damage.place, damage.name, damage.repaired) == ("state", str(file), "")
    file.unlink()
    assert (await found_by(places))[0] == []


@pytest.mark.finding("B4")
async def test_a_damaged_identity_is_shown(places):
    file = places.write_queue_dir / "remote.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    (damage,), _ = await found_by(places, repair=True)
    assert (damage.place, damage.name) == ("state", str(file))


def test_the_umask_is_as_before(tmp_path):
    """The command goes on after the check, and writes files of the user."""
    before = os.umask(0o022)
    try:
        check_at_rest(
            find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {}),
            repair=False,
            show=print,
        )
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
