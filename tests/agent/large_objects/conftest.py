"""An embedded store that counts what passes, and fails when it is told to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.file_source import FileSource
from s3d.agent.large_objects.part_map import MapName, PartMap
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.large_objects.part_upload import UploadPlan
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local import complete
from s3d.agent.stores.local.store import LocalStore

BUCKET = "films"
PLACE = {"Bucket": BUCKET, "Key": "film.mkv"}
PART = 64 << 10
"""Smaller than S3 allows: the store is told to take it."""
SIZE = 5 * PART + 12_345
"""Six parts."""


class Counting:
    """A store before another one."""

    def __init__(self, inner: LocalStore) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self.parts: list[int] = []
        """Numbers of the parts that were sent, or the first byte of those that were asked for."""
        self.fails: Callable[[Any], None] = lambda request: None
        """Called with each request; raises what it fails with."""

    async def call(self, request):
        self.calls.append(request.op.name)
        self.fails(request)
        if request.op.name == "UploadPart":
            self.parts.append(request.input["PartNumber"])
        if request.input.get("Range"):
            self.parts.append(int(request.input["Range"].partition("=")[2].partition("-")[0]))
        return await self.inner.call(request)

    def take(self) -> list[int]:
        """The parts since the last call, in order."""
        parts, self.parts = sorted(self.parts), []
        return parts


def away_at(name: str, number: int) -> Callable[[Any], None]:
    """The store is away from the call of this name and number (from 1) on."""
    count = 0

    def fails(request: Any) -> None:
        nonlocal count
        count += request.op.name == name
        if count >= number:
            raise S3Error("ServiceUnavailable", "the store is away")

    return fails


def noted_in(path: Path) -> list[int]:
    """The parts of a map, which a crash would not have moved again."""
    part_map = PartMap.read(MapName(str(path)))
    assert part_map is not None
    part_map.close()
    return sorted(part_map.parts.keys() - {0})


@pytest.fixture(scope="session")
def data() -> bytes:
    return Random(7).randbytes(SIZE)


@pytest.fixture
def big_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    return path


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(complete, "MIN_PART", PART)
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    counting = Counting(LocalStore(index, blobs))
    await S3Client(counting).create_bucket(BUCKET)
    yield counting
    await asyncio.to_thread(index.close)


@pytest.fixture
def transfers(store: Counting, tmp_path: Path) -> PartTransfers:
    return PartTransfers(S3Client(store), tmp_path / "maps", PART)


@contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


async def upload(transfers, path, *, version="1", attributes=None, condition=None, owner="t1"):
    moved = []
    parts = transfers.plan(SIZE)
    plan = UploadPlan(PLACE, attributes or {}, condition or {}, parts, version)
    with opened(path) as fd:
        await transfers.upload(owner, plan, FileSource(fd, parts), moved.append)
    return sum(moved)


async def stored(store):
    info, body = await S3Client(store.inner).get(BUCKET, "film.mkv")
    return info, b"".join([chunk async for chunk in body])


async def uploads_of(store):
    output = await S3Client(store.inner).output("ListMultipartUploads", {"Bucket": BUCKET})
    return output.get("Uploads", [])


def maps(tmp_path):
    return os.listdir(tmp_path / "maps")
