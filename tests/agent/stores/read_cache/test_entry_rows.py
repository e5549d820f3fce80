"""Rows that are written behind the answers."""

from __future__ import annotations

import threading

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache import catalog_rows
from s3d.agent.stores.read_cache.entry import EXPIRED, UNASKED, UNPROVEN, Entry
from s3d.agent.stores.read_cache.entry_rows import EntryRows
from tests.agent.stores.read_cache.test_entry import SAID


@pytest.fixture
def index(tmp_path):
    opened = Index.open(tmp_path / "index.sqlite", lossy=True, tables=catalog_rows.TABLES)
    yield opened
    opened.close()


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
    [(None, [5.0, UNASKED]), (EXPIRED, [EXPIRED, UNASKED]), (UNPROVEN, [UNPROVEN, UNPROVEN])],
)
async def test_rows_of_an_agent_that_did_not_stop_well_are_not_believed(index, distrust, expected):
    rows, gate = EntryRows(index, None), threading.Event()
    rows.save(entry(1), b"12345")
    rows.save(entry(2, UNASKED), b"12345")
    await rows.committed()
    index.post(lambda tx: gate.wait(10))
    later = EntryRows(index, distrust)

    def checked() -> list[float]:
        return [found.checked for blob in (1, 2) if (found := later.read(blob)) is not None]

    assert checked() == expected  # before the rows say so
    gate.set()
    await later.committed()
    assert checked() == expected
