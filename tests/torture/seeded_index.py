"""An agent whose buckets have a million keys: rows that are written into its stopped index."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from s3d.agent.storage.records import ObjectRecord
from tests.agent_process import AgentProcess, launch

MODEL = "model"
"""The key whose row the others are made of."""


def key_of(number: int) -> str:
    """The key of a seeded row, in the order of the numbers."""
    return f"part-{number:07d}.parquet"


def launch_seeded(home: Path, buckets: dict[str, int]) -> AgentProcess:
    """buckets: name -> number of keys. Each key has a size, a time and an ETag of its own."""
    agent = launch(home)
    with closing(agent.s3()) as s3:
        for bucket in buckets:
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key=MODEL, Body=b"x")
    agent.stop()
    assert agent.process.stdout is not None
    agent.process.stdout.close()
    with closing(sqlite3.connect(agent.places.store_dir / "index.sqlite")) as db, db:
        for bucket, number in buckets.items():
            _seed(db, bucket, number)
    return launch(home)


def _seed(db: sqlite3.Connection, bucket: str, number: int) -> None:
    """Put the rows in the place of the model's; all have its one byte."""
    query = "SELECT record, layout FROM objects WHERE bucket = ?"
    encoded, layout = db.execute(query, (bucket,)).fetchone()
    model = msgspec.msgpack.decode(encoded, type=ObjectRecord)
    db.execute("DELETE FROM objects WHERE bucket = ?", (bucket,))
    rows = ((bucket, record.key.encode(), msgspec.msgpack.encode(record), layout)
            for record in _records(model, number))  # fmt: skip
    db.executemany("INSERT INTO objects(bucket, key, record, layout) VALUES (?, ?, ?, ?)", rows)
    sums = (number, number, bucket)
    db.execute("UPDATE totals SET objects = ?, size = ? WHERE bucket = ?", sums)
    blob = msgspec.msgpack.decode(layout)[0][0][0]
    db.execute("UPDATE blobs SET refs = ? WHERE id = ?", (number, blob))


def _records(model: ObjectRecord, number: int) -> Iterator[ObjectRecord]:
    values = random.Random(number)
    for n in range(number):
        yield msgspec.structs.replace(
            model, key=key_of(n), modified=1.7e9 + values.randrange(10**7),
            size=values.randrange(10**9), etag=f'"{values.randbytes(16).hex()}"',
        )  # fmt: skip
