"""event_rows: waiting events, in order, and the upgrade of older files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from s3d.agent.s3.event_message import Event
from s3d.agent.s3.event_names import CREATED_PUT
from s3d.agent.storage.event_rows import (
    add_event,
    event_page,
    remove_events,
    trim_events,
    waiting_events,
)
from s3d.agent.storage.index import Index


@pytest.fixture
def index(tmp_path) -> Iterator[Index]:
    index = Index.open(tmp_path / "events.sqlite", ephemeral=True)
    yield index
    index.close()


def enter(tx, *keys: str, target: str = "hook") -> list[int]:
    return [add_event(tx, target, 1.0, Event(CREATED_PUT, 1.0, "b", key=key)) for key in keys]


async def keys(index, after=0, limit=10) -> list[str]:
    query = partial(event_page, target="hook", after=after, limit=limit)
    return [row.event.key for row in await index.read_in_thread(query)]


async def test_events_are_read_in_order_and_by_target(index):
    ids = await index.write(lambda tx: enter(tx, "a", "b", "c"))
    await index.write(lambda tx: enter(tx, "x", target="other"))
    assert await keys(index) == ["a", "b", "c"]
    assert await keys(index, after=ids[0], limit=1) == ["b"]
    assert await index.read_in_thread(waiting_events) == {"hook": 3, "other": 1}


async def test_a_number_is_never_used_again(index):
    (first,) = await index.write(lambda tx: enter(tx, "a"))
    await index.write(lambda tx: remove_events(tx, [first]))
    (second,) = await index.write(lambda tx: enter(tx, "a"))
    assert second > first


@pytest.mark.rule("EVENT-5")
async def test_the_oldest_beyond_a_limit_are_removed(index):
    await index.write(lambda tx: enter(tx, "a", "b", "c"))
    await index.write(lambda tx: enter(tx, "x", target="other"))
    assert await index.write(lambda tx: trim_events(tx, "hook", 2)) == 1
    assert await keys(index) == ["b", "c"]
    assert await index.write(lambda tx: trim_events(tx, "hook", 2)) == 0
    assert (await index.read_in_thread(waiting_events))["other"] == 1


def test_an_index_of_layout_4_gets_the_table(tmp_path):
    path = tmp_path / "index.sqlite"
    Index.open(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE events")
        connection.execute("PRAGMA user_version = 4")
    connection.close()
    index = Index.open(path)
    assert index.read_inline(waiting_events) == {}
    index.close()
