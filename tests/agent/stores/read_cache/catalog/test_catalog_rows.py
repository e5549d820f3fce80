"""What is written of an entry is read again."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from s3d.agent.storage.blocks import BLOCK
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache.catalog import catalog_rows
from s3d.agent.stores.read_cache.catalog.catalog_rows import EntryRows
from s3d.agent.stores.read_cache.catalog.entry import AFTER_KILL, AFTER_POWER_CUT, UNCHECKED, Entry
from tests.agent.stores.read_cache.catalog.test_entry import SAID, entry_of


@pytest.fixture
def index(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", lossy=True, tables=catalog_rows.TABLES)
    yield index
    index.close()


@pytest.mark.parametrize(("size", "present"), [(0, 0), (9, 1), (20 * BLOCK, 0b1010), (BLOCK, 1)])
async def test_an_entry_comes_back_as_it_was(index, size, present):
    entry = entry_of(size, present)
    for block in range(len(entry.sums)):
        entry.sums[block] = 4_000_000_000 + block
    await index.write(partial(catalog_rows.save, row=catalog_rows.row_of(entry), data=b"data"))
    found = index.read_inline(lambda reader: catalog_rows.find(reader, entry.blob))
    same = ("name", "size", "blob", "etag", "output", "checksums", "checked", "present", "sums")
    assert [getattr(found, name) for name in same] == [getattr(entry, name) for name in same]
    assert index.read_inline(lambda reader: catalog_rows.body(reader, entry.blob)) == b"data"
    assert list(index.read_inline(catalog_rows.names)) == [(1, "b", b"k", entry.held, size)]


async def test_what_is_dropped_is_gone(index):
    await index.write(
        partial(catalog_rows.save, row=catalog_rows.row_of(entry_of(9, 1)), data=b"data")
    )
    assert index.read_inline(lambda reader: catalog_rows.known(reader, [1, 2])) == {1}
    assert index.read_inline(catalog_rows.highest) == 1
    await index.write(partial(catalog_rows.drop, blobs=[1]))
    assert index.read_inline(lambda reader: catalog_rows.find(reader, 1)) is None
    assert index.read_inline(lambda reader: catalog_rows.body(reader, 1)) is None
    assert index.read_inline(catalog_rows.highest) == 0


async def test_only_the_newest_pages_are_kept(index):
    for number in range(catalog_rows.PAGES + 10):
        await index.write(
            partial(catalog_rows.save_page, row=(f"page {number}", "b", b"%d" % number))
        )
    await index.write(partial(catalog_rows.save_page, row=("page 20", "c", b"new")))
    assert index.read_inline(lambda reader: catalog_rows.page(reader, "page 0")) is None
    assert index.read_inline(lambda reader: catalog_rows.page(reader, "page 20")) == b"new"
    assert (
        index.read_inline(
            lambda reader: catalog_rows.page(reader, f"page {catalog_rows.PAGES + 9}")
        )
        is not None
    )
    assert index.read_inline(catalog_rows.listed) == {"b", "c"}
    await index.write(partial(catalog_rows.drop_pages, bucket="b"))
    assert index.read_inline(catalog_rows.listed) == {"c"}


def entry(blob: int, checked: float = 5.0) -> Entry:
    return Entry(("bbb", f"k{blob}"), SAID, 5, blob, checked)


async def test_what_is_not_written_yet_is_read_as_it_will_be(index):
    rows, gate = EntryRows(index, None), threading.Event()
    index.post(lambda tx: gate.wait(10))
    rows.save(entry(1), b"12345")
    assert rows.read(1) is not None
    assert rows.body(1) == b"12345"
    gate.set()
    await rows.committed()
    assert (rows.unsaved(1), rows.body(1)) == (None, b"12345")
    rows.drop(lambda tx: catalog_rows.drop(tx, [1]))
    await rows.forgotten()
    assert rows.read(1) is None


async def test_a_row_that_cannot_be_dropped_is_told(index):
    rows, left = EntryRows(index, None), []
    rows.on_row_left = lambda: left.append(1)

    def fail(tx) -> None:
        raise OSError("the disk is bad")

    rows.drop(fail)
    await rows.forgotten()
    await rows.committed()
    assert left == [1]


@pytest.mark.finding("S2")
@pytest.mark.parametrize(
    ("distrust", "expected"),
    [
        (None, [5.0, UNCHECKED]),
        (AFTER_KILL, [AFTER_KILL, UNCHECKED]),
        (AFTER_POWER_CUT, [AFTER_POWER_CUT, AFTER_POWER_CUT]),
    ],
)
async def test_rows_of_an_agent_that_did_not_stop_well_are_not_believed(index, distrust, expected):
    rows, gate = EntryRows(index, None), threading.Event()
    rows.save(entry(1), b"12345")
    rows.save(entry(2, UNCHECKED), b"12345")
    await rows.committed()
    index.post(lambda tx: gate.wait(10))
    later = EntryRows(index, distrust)

    def checked() -> list[float]:
        return [found.checked for blob in (1, 2) if (found := later.read(blob)) is not None]

    assert checked() == expected  # before the rows say so
    gate.set()
    await later.committed()
    assert checked() == expected
