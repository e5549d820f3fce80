"""What is in the cache: its limits, its memory, and what is left of it after a restart."""

from __future__ import annotations

import threading
import time
import tracemalloc
from contextlib import contextmanager
from functools import partial

import pytest

from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import crc, mask
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache.catalog import catalog as catalog_module
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.cache_room import Limits
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.catalog.entry import Entry
from tests.agent.stores.read_cache.catalog.test_entry import SAID


@contextmanager
def opened(tmp_path, **limits):
    index = Index.open(tmp_path / "index.sqlite", lossy=True, tables=catalog_rows.TABLES)
    yield Catalog(index, Blobs(tmp_path / "blobs", ephemeral=True), Limits(**limits))
    index.close()


def put(catalog: Catalog, key: str, data: bytes = b"12345") -> Entry:
    entry = Entry(("bbb", key), SAID, len(data), catalog.blobs.new_id(), 1.0)
    entry.sums[0], entry.present = crc(data), mask(0, 1)
    assert catalog.room.make(len(data))
    catalog.add(entry, data)
    return entry


async def settled(catalog: Catalog) -> None:
    """All rows are written."""
    await catalog.index.write(lambda tx: None)


def keys(catalog: Catalog) -> list[str]:
    return sorted(key for _, key in catalog.names.of())


async def test_what_is_there_is_there_after_a_restart(tmp_path):
    with opened(tmp_path) as catalog:
        for number in range(5):
            put(catalog, f"k{number}", b"%d" % number)
        catalog.forget("bbb", "k3")
        put(catalog, "k1", b"new")
        used = catalog.room.used
        await settled(catalog)
    with opened(tmp_path) as again:
        assert keys(again) == ["k0", "k1", "k2", "k4"]
        assert again.data(again.get("bbb", "k1")) == b"new"
        assert (again.room.used, again.count) == (used, 4)
        assert again.get("bbb", "k3") is None


async def test_what_is_pinned_or_busy_stays(tmp_path):
    with opened(tmp_path, files=10) as catalog:
        catalog.is_pinned = lambda bucket, key: key == "pinned"
        put(catalog, "pinned")
        busy = put(catalog, "busy")
        catalog.begin(busy)
        for number in range(100):
            put(catalog, f"k{number}")
        assert {"pinned", "busy"} <= set(keys(catalog))
        catalog.end(busy)
        await settled(catalog)


async def test_all_of_a_prefix_are_forgotten(tmp_path):
    with opened(tmp_path) as catalog:
        for key in ("a/1", "a/2", "ab", "b"):
            put(catalog, key)
        assert catalog.forget_all("bbb", "a/") == 2
        assert keys(catalog) == ["ab", "b"]
        assert catalog.forget_all("bb") == 0
        assert catalog.forget_all() == 2
        assert catalog.room.used == 0
        await settled(catalog)


async def test_bytes_that_have_changed_are_no_bytes(tmp_path):
    with opened(tmp_path) as catalog:
        entry = put(catalog, "k")
        await catalog.index.write(lambda tx: tx.run("UPDATE bodies SET data = x'00'", ()))
        assert catalog.data(entry) == b"12345"  # from memory
        catalog.cool(entry)
        assert catalog.data(entry) is None


async def test_files_that_no_entry_names_are_swept_away(tmp_path):
    with opened(tmp_path) as catalog:
        for number in (3, 4):
            (tmp_path / "blobs/000").mkdir(exist_ok=True)
            (tmp_path / f"blobs/000/{number}").write_bytes(b"stray")
        assert list(catalog.names.of()) == []
    with opened(tmp_path) as catalog:
        assert await catalog.sweep() == 2
        assert list(tmp_path.glob("blobs/*/*")) == []


async def fill(tmp_path, count: int) -> None:
    """Rows of small objects with keys of 50 bytes."""
    with opened(tmp_path) as catalog:
        one = Entry(("bbb", ""), SAID, 5, 1, 1.0)
        one.present = 1
        row = catalog_rows.row_of(one)

        def insert(first: int, tx) -> None:
            for number in range(first, first + 10_000):
                key = f"folder-{number % 100:03d}/a-name-of-some-length-{number:012d}.txt".encode()
                catalog_rows.save(tx, (number + 1, "bbb", key, *row[3:]))

        for first in range(0, count, 10_000):
            await catalog.index.write(partial(insert, first))


async def measure(tmp_path, count: int) -> tuple[float, float]:
    """Seconds of CPU to open so many entries, and bytes of memory for each."""
    await fill(tmp_path, count)
    begun = time.process_time()
    with opened(tmp_path, files=count) as catalog:
        seconds = time.process_time() - begun
        assert catalog.count == count
    tracemalloc.start()
    with opened(tmp_path, files=count) as catalog:
        size = tracemalloc.get_traced_memory()[0]
        assert catalog.count == count
    tracemalloc.stop()
    return seconds, size / count


@pytest.mark.slow
async def test_50000_entries_are_open_soon_and_small(tmp_path):
    seconds, size = await measure(tmp_path, 50_000)
    assert seconds < 1.0
    assert size < 400


@pytest.mark.torture
async def test_a_million_entries_are_open_soon_and_small(tmp_path):
    seconds, size = await measure(tmp_path, 1_000_000)
    print(f"a million entries: {seconds:.1f} s of CPU to open, {size:.0f} bytes each")
    assert seconds < 5.0
    assert size < 400


@pytest.mark.finding("Q11")
async def test_an_entry_is_there_before_its_row_is_written(tmp_path, monkeypatch):
    """On a busy machine the thread that writes the rows comes late."""
    monkeypatch.setattr(catalog_module, "_HOT", 2)
    written = threading.Event()
    with opened(tmp_path) as catalog:
        late = catalog.index.post(lambda tx: written.wait(10))
        for number in range(5):
            put(catalog, f"k{number}", b"%d" % number)
        for number in range(5):
            entry = catalog.get("bbb", f"k{number}")
            assert entry is not None
            catalog.cool(entry)
            assert catalog.data(entry) == b"%d" % number
        written.set()
        await late
        await settled(catalog)
        assert keys(catalog) == [f"k{number}" for number in range(5)]
        assert not catalog.rows._unsaved
