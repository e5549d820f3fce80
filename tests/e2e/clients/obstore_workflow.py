"""obstore (object_store of Rust) as its users write it. It creates no buckets and reads no tags."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import obstore
from obstore.store import S3Store

from tests.e2e.clients import workflow as w


def steps(at: w.ClientSetup) -> Iterator[tuple[str, Any]]:
    store = _store(at, at.bucket)
    put = obstore.put(store, w.KEY, w.TEXT)
    yield "put", put["e_tag"] == obstore.head(store, w.KEY)["e_tag"]
    obstore.put(store, w.LARGE_KEY, w.LARGE, use_multipart=True, chunk_size=w.PART)
    yield "multipart", w.digest(_read(store, w.LARGE_KEY))
    yield "get", _read(store, w.KEY).decode()
    span = obstore.get_range(store, w.LARGE_KEY, start=w.RANGE.start, end=w.RANGE.stop)
    yield "range", bytes(span).hex()
    many = obstore.list_with_delimiter(_store(at, at.listed), w.MANY)
    folders = [f"{prefix}/" for prefix in many["common_prefixes"]]
    yield "list", list(w.listing([*(one["path"] for one in many["objects"]), *folders]))
    obstore.copy(store, w.KEY, w.COPY)
    yield "copy", _read(store, w.COPY).decode()
    for key in w.DOOMED:
        obstore.put(store, key, b"")
    before = sum(len(page) for page in obstore.list(store, "doomed"))
    obstore.delete(store, w.DOOMED)
    yield "delete many", [before, sum(len(page) for page in obstore.list(store, "doomed"))]
    versioned = _store(at, at.versioned)
    ids = [obstore.put(versioned, "obstore", body)["version"] for body in w.VERSIONS]
    answers = [obstore.get(versioned, "obstore", options={"version": one}) for one in ids]
    yield "version", [bytes(one.bytes()).decode() for one in answers]
    yield "presign", w.fetch(obstore.sign(store, "GET", w.KEY, timedelta(minutes=1)))


def _store(at: w.ClientSetup, bucket: str) -> S3Store:
    return S3Store(bucket, endpoint=at.endpoint, client_options={"allow_http": True})


def _read(store: S3Store, key: str) -> bytes:
    return bytes(obstore.get(store, key).bytes())


w.main(steps)
