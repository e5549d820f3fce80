"""A written file becomes an object: in the embedded store, and in a queue before a remote."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.object_info import PLAIN, ObjectAttributes
from s3d.agent.core.store import Layer, ObjectStore, operation
from s3d.agent.frontends.fuse.hand_over import ObjectName, ObjectWriter
from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.storage.adopted_file import AdoptableFile, no_bytes
from s3d.agent.stores.write_queue.admission import Limits
from tests.contract.client import Client
from tests.contract.conftest import local
from tests.contract.queued import Queue, queue_before

PLACE = ObjectName("bbb", "d/file.txt")
LARGE = os.urandom(200_000)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with local(tmp_path) as store:
        await Client(store)("CreateBucket", Bucket="bbb")
        yield store


@pytest.fixture
async def lazy(embedded: ObjectStore, tmp_path: Path) -> AsyncIterator[Queue]:
    """A queue that pushes only on demand, before the embedded store as the remote."""
    async with queue_before(embedded, tmp_path / "queue", lazy=True) as queue:
        yield queue


@pytest.fixture(params=["embedded", "queue"])
def store(request: pytest.FixtureRequest, embedded: ObjectStore) -> ObjectStore:
    if request.param == "embedded":
        return embedded
    queue: Queue = request.getfixturevalue("lazy")
    return queue.store


async def pushed(queue: Queue) -> None:
    """Push everything, conflict copies included."""
    changed = asyncio.Event()
    queue.journal.on_change.append(changed.set)
    queue.gate.open.set()
    async with asyncio.timeout(10):
        while queue.journal.totals().files or list(queue.journal.conflicts):
            changed.clear()
            await changed.wait()


def writer(store: ObjectStore) -> ObjectWriter:
    return ObjectWriter(store, new_conflict_key=lambda key: f"{key} (conflict)")


def staged(folder: Path, data: bytes) -> Path:
    path = folder / "staged"
    path.write_bytes(data)
    return path


async def write(
    store: ObjectStore, folder: Path, data: bytes, replaces: str = ""
) -> tuple[str, str]:
    file = staged(folder, data)
    written = await writer(store).write_object(
        PLACE, AdoptableFile(file, len(data)), PLAIN, replaces
    )
    file.unlink()
    return written


async def test_a_new_file_becomes_an_object_with_its_attributes(store, tmp_path):
    attributes = ObjectAttributes("text/plain", {"mtime": "1.5"})
    file = staged(tmp_path, LARGE)
    key, etag = await writer(store).write_object(
        PLACE, AdoptableFile(file, len(LARGE)), attributes, ""
    )
    file.unlink()
    found = await Client(store)("GetObject", Bucket="bbb", Key=PLACE.key)
    assert (key, found.body, found["ETag"]) == (PLACE.key, LARGE, etag)
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"mtime": "1.5"})


@pytest.mark.parametrize("data", [b"", b"small", LARGE])
async def test_a_file_replaces_the_version_that_it_was_made_from(store, tmp_path, data):
    _, etag = await write(store, tmp_path, b"first")
    assert await write(store, tmp_path, data, etag) == (PLACE.key, await etag_of(store))
    assert await Client(store).read(*PLACE) == data


async def etag_of(store: ObjectStore, key: str = PLACE.key) -> str:
    return (await Client(store)("HeadObject", Bucket="bbb", Key=key))["ETag"]


@pytest.mark.parametrize("replaces", ["", '"0123456789abcdef0123456789abcdef"'])
async def test_an_object_of_another_writer_stays_and_ours_is_beside_it(store, tmp_path, replaces):
    await Client(store).put(*PLACE, b"theirs")
    key, _ = await write(store, tmp_path, b"ours", replaces)
    if key == PLACE.key:  # the queue leaves the answer to the push
        assert await Client(store).read(*PLACE) == b"ours"
    else:
        assert await Client(store).read(*PLACE) == b"theirs"
        assert await Client(store).read("bbb", key) == b"ours"


async def test_a_file_whose_object_was_deleted_is_stored_again(embedded, tmp_path):
    _, etag = await write(embedded, tmp_path, b"first")
    await Client(embedded)("DeleteObject", Bucket="bbb", Key=PLACE.key)
    assert (await write(embedded, tmp_path, b"second", etag))[0] == PLACE.key


async def test_a_file_that_was_stored_before_a_crash_is_no_conflict(store, tmp_path):
    first = await write(store, tmp_path, LARGE)
    assert await write(store, tmp_path, LARGE) == first


class Silent(Layer):
    """A remote that stores objects, and does not answer while is_silent is set."""

    is_silent = True

    @operation("PutObject")
    async def put_object(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        if self.is_silent:
            raise TimeoutError
        return response


@pytest.mark.rule("MOUNT-9")
@pytest.mark.parametrize("theirs", [None, b"theirs"])
async def test_an_earlier_write_that_was_not_answered_is_no_conflict(embedded, tmp_path, theirs):
    """As `echo text > new` does it: close() of the empty file, and of the file with the text."""
    silent = Silent(embedded)
    ours = writer(silent)

    async def write(data: bytes) -> tuple[str, str]:
        file = AdoptableFile(staged(tmp_path, data), len(data), data=data)
        return await ours.write_object(PLACE, file, PLAIN, "")

    for data in (b"", b"te", b"text"):
        with pytest.raises(TimeoutError):
            await write(data)
    silent.is_silent = False
    if theirs is not None:
        await Client(embedded).put(*PLACE, theirs)
    key, _ = await write(b"longer text")
    assert key == (PLACE.key if theirs is None else f"{PLACE.key} (conflict)")
    assert await Client(embedded).read("bbb", key) == b"longer text"
    assert await Client(embedded).read(*PLACE) == (theirs or b"longer text")


async def test_a_remote_version_of_another_writer_stays_when_ours_is_pushed(lazy, tmp_path):
    remote = Client(lazy.inner)
    first = await remote.put(*PLACE, b"first")
    await write(lazy.store, tmp_path, b"ours", first["ETag"])
    await remote.put(*PLACE, b"theirs")
    await pushed(lazy)
    assert await remote.read(*PLACE) == b"theirs"
    listed = (await remote("ListObjectsV2", Bucket="bbb")).names("Contents", "Key")
    (copy,) = [key for key in listed if key != PLACE.key]
    assert copy.startswith("d/file (conflict ")
    assert await remote.read("bbb", copy) == b"ours"
    assert not list(lazy.journal.conflicts)


async def test_all_writes_after_a_foreign_version_are_kept_beside_it(lazy, tmp_path):
    """The second was made from the first, which the remote never had."""
    remote = Client(lazy.inner)
    await remote("PutBucketVersioning", Bucket="bbb", VersioningConfiguration={"Status": "Enabled"})
    first = await remote.put(*PLACE, b"first")
    _, etag = await write(lazy.store, tmp_path, b"ours 1", first["ETag"])
    await write(lazy.store, tmp_path, b"ours 2", etag)
    await remote.put(*PLACE, b"theirs")
    await pushed(lazy)
    assert await remote.read(*PLACE) == b"theirs"
    listed = (await remote("ListObjectsV2", Bucket="bbb")).names("Contents", "Key")
    copies = {await remote.read("bbb", key) for key in listed if key != PLACE.key}
    assert b"ours 2" in copies


async def test_a_remote_version_that_was_deleted_does_not_stop_ours(lazy, tmp_path):
    remote = Client(lazy.inner)
    first = await remote.put(*PLACE, b"first")
    await write(lazy.store, tmp_path, b"ours", first["ETag"])
    await remote("DeleteObject", Bucket="bbb", Key=PLACE.key)
    await pushed(lazy)
    assert await remote.read(*PLACE) == b"ours"


async def test_a_write_of_an_s3_client_to_a_file_that_is_open_counts_as_foreign(lazy, tmp_path):
    _, etag = await write(lazy.store, tmp_path, b"first")
    await Client(lazy.store).put(*PLACE, b"theirs")
    key, _ = await write(lazy.store, tmp_path, b"ours", etag)
    assert key == f"{PLACE.key} (conflict)"
    assert await Client(lazy.store).read(*PLACE) == b"theirs"


async def test_what_is_too_large_for_the_queue_goes_to_the_remote_on_its_condition(
    embedded, tmp_path
):
    limits = Limits(max_size=1_000)
    async with queue_before(embedded, tmp_path / "queue", lazy=True, limits=limits) as queue:
        await Client(embedded).put(*PLACE, b"theirs")
        key, _ = await write(queue.store, tmp_path, LARGE)
        assert key != PLACE.key
        assert await Client(embedded).read("bbb", key) == LARGE


@pytest.mark.parametrize("known", [0, 2 << 20, 5 << 20])
async def test_a_file_above_the_limit_of_a_put_is_uploaded_in_parts(
    store, tmp_path, monkeypatch, known
):
    """known: bytes that are hashed already."""
    monkeypatch.setattr("s3d.agent.frontends.fuse.hand_over.MAX_PUT", 6 << 20)
    monkeypatch.setattr("s3d.agent.frontends.fuse.hand_over.PART", 5 << 20)
    data = os.urandom(11 << 20)
    hashed = no_bytes("").more(data[:known])
    file = AdoptableFile(staged(tmp_path, data), len(data), hashed=hashed)
    key, etag = await writer(store).write_object(PLACE, file, PLAIN, "")
    parts = [data[start : start + (5 << 20)] for start in range(0, len(data), 5 << 20)]
    assert etag == f'"{multipart_etag([hashlib.md5(part).digest() for part in parts])}"'
    assert await Client(store).read("bbb", key) == data
    assert (await write(store, tmp_path, b"small", etag))[0] == PLACE.key
