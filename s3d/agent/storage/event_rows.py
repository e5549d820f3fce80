"""Events that wait for their delivery: rows of the index, written in the commit of the change.

A row leaves when its target has confirmed the event. The number of a row is never used again, so
the events of a key have growing numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from s3d.agent.s3.event_message import Event
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction

UPGRADE = """
CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL,
    created REAL NOT NULL, record BLOB NOT NULL);
CREATE INDEX events_of_target ON events(target, id);
"""
"""Layout 5 of the index."""


class EventRow(NamedTuple):
    """An event for one target."""

    id: int
    created: float
    """Unix seconds of the machine's clock."""
    event: Event


def add_event(tx: Transaction, target: str, created: float, event: Event) -> int:
    """Enter an event; the number of its row."""
    query = "INSERT INTO events(target, created, record) VALUES (?, ?, ?)"
    return int(tx.run(query, (target, created, _encode(event))).lastrowid)


def event_page(reader: Reader, target: str, after: int, limit: int) -> list[EventRow]:
    """The events of a target with higher numbers than after, in their order."""
    query = "SELECT id, created, record FROM events WHERE target = ? AND id > ? ORDER BY id LIMIT ?"
    rows = reader.select(query, (target, after, limit))
    return [EventRow(id, created, _decode(record)) for id, created, record in rows]


def waiting_events(reader: Reader) -> dict[str, int]:
    """Target -> how many events wait for it, where any do."""
    query = "SELECT target, count(*) FROM events GROUP BY target"
    return dict(reader.select(query, ()))


def remove_events(tx: Transaction, ids: Iterable[int]) -> None:
    """Remove events by their numbers."""
    for id in ids:
        tx.run("DELETE FROM events WHERE id = ?", (id,))


def trim_events(tx: Transaction, target: str, limit: int) -> int:
    """Remove the oldest events of a target beyond so many; how many were removed."""
    query = "SELECT id FROM events WHERE target = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
    row = tx.select(query, (target, limit)).fetchone()
    if row is None:
        return 0
    return int(tx.run("DELETE FROM events WHERE target = ? AND id <= ?", (target, *row)).rowcount)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode
