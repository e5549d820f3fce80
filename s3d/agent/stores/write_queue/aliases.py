"""ETags that the remote gave to objects of which we had told another ETag before.

A remote that encrypts with keys of its own gives such. A client that was told ours may name it in
a condition for a while: it is asked under the remote's name then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from s3d.agent.s3.address import parse_copy_source
from s3d.agent.s3.messages import S3Request
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction

LIFE = 7 * 86_400.0
"""Seconds that an alias is kept."""

TABLE = """
-- The ETag that a client was told, and what the remote calls the same bytes. Newest of each key.
CREATE TABLE aliases(bucket TEXT, key BLOB, told TEXT NOT NULL, etag TEXT NOT NULL,
    at REAL NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE INDEX alias_times ON aliases(at);
"""

_OF_KEY = ("IfMatch", "IfNoneMatch")
_OF_SOURCE = ("CopySourceIfMatch", "CopySourceIfNoneMatch")
_CONDITIONS = frozenset((*_OF_KEY, *_OF_SOURCE))

AliasOf = Callable[[str, str], tuple[str, str] | None]
"""(bucket, key) -> (ETag that was told, the remote's); None when they are the same."""


def find(reader: Reader, bucket: str, key: str) -> tuple[str, str] | None:
    """As AliasOf says."""
    query = "SELECT told, etag FROM aliases WHERE bucket = ? AND key = ?"
    row = reader.select(query, (bucket, key.encode())).fetchone()
    return None if row is None else (row[0], row[1])


def put(tx: Transaction, place: tuple[str, str], told: str, etag: str, now: float) -> None:
    """Remember one, and forget those that are too old."""
    bucket, key = place
    row = (bucket, key.encode(), told.strip('"'), etag.strip('"'), now)
    tx.run("REPLACE INTO aliases VALUES (?, ?, ?, ?, ?)", row)
    tx.run("DELETE FROM aliases WHERE at < ?", (now - LIFE,))


def translated(request: S3Request[Any], alias_of: AliasOf) -> S3Request[Any]:
    """The request with the remote's ETags in its conditions; itself when there are none of ours."""
    if _CONDITIONS.isdisjoint(request.input):
        return request
    edited = _edited(request, _OF_KEY, alias_of(request.bucket, request.key))
    if request.input.get("CopySource"):
        bucket, key, _ = parse_copy_source(request.input["CopySource"])
        edited |= _edited(request, _OF_SOURCE, alias_of(bucket, key))
    return request.replace(input={**request.input, **edited}) if edited else request


def _edited(
    request: S3Request[Any], names: tuple[str, ...], alias: tuple[str, str] | None
) -> dict[str, str]:
    if alias is None:
        return {}
    told, etag = alias
    conditions = {name: str(request.input[name]) for name in names if request.input.get(name)}
    return {name: text.replace(told, etag) for name, text in conditions.items() if told in text}
