"""What is written of an entry is read again."""

from __future__ import annotations

from functools import partial

import pytest

from s3d.agent.storage.blocks import BLOCK
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache import catalog_rows
from tests.agent.stores.read_cache.test_entry import entry_of


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
