"""Large files of a sync folder: in parts, continued after a crash, with holes."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from s3d.agent.core.client import IF_ABSENT, S3Client
from s3d.agent.large_objects import copied_parts
from s3d.agent.s3.checksums import multipart_etag
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.file_content import FileContent, signature_of
from s3d.agent.sync.interfaces import ConcurrentChange, FileAttributes, PathBlocked, Unavailable
from s3d.agent.sync.large_objects import sweep_partial
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.remote_tree import BucketTree
from tests.agent.large_objects.conftest import (  # noqa: F401 - fixtures
    BUCKET,
    PART,
    SIZE,
    away_at,
    data,
    store,
    transfers,
    uploads_of,
)

PATH = "film.mkv"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "folder").mkdir()
    tree = FolderTree(tmp_path / "folder", umask=0o022)
    tree.part_size = PART
    yield tree
    tree.close()


@pytest.fixture
def remote_tree(transfers):  # noqa: F811
    return BucketTree(transfers.client, BUCKET, "p/", parts=transfers)


@pytest.fixture
def path(tree, data):  # noqa: F811
    path = tree.root / PATH
    path.write_bytes(data)
    return path


async def put(tree, remote_tree, path, condition=IF_ABSENT):
    content = await tree.read(PATH, signature_of(path.stat()))
    attributes = FileAttributes(1_000, None, content.sha256, tags={"t": "1"})
    return content, await remote_tree.put(PATH, content, attributes, condition)


async def receive(tree, remote_tree, entry, sha256=""):
    found, body = await remote_tree.get(PATH, entry.etag, entry.size)
    return found, await tree.receive("name", body, FileAttributes(5_000, 0o640, sha256))


def stage(tree):
    return sorted(os.listdir(tree.root / ".s3d" / "stage"))


async def test_a_large_file_is_sent_in_parts_with_the_etag_that_was_expected(
    tree, remote_tree, path, store, data  # noqa: F811
):  # fmt: skip
    content, entry = await put(tree, remote_tree, path)
    md5s = [hashlib.md5(data[at : at + PART]).digest() for at in range(0, SIZE, PART)]
    assert entry.etag.strip('"') == content.etag == multipart_etag(md5s)
    assert (entry.size, store.take()) == (SIZE, [1, 2, 3, 4, 5, 6])
    found = await remote_tree.look(PATH)
    assert (found.sha256, found.mtime_ns) == (hashlib.sha256(data).hexdigest(), 1_000)
    assert await remote_tree.tags(PATH) == {"t": "1"}


async def test_an_upload_goes_on_after_an_outage(tree, remote_tree, path, store):  # noqa: F811
    store.fails = away_at("UploadPart", 6)
    with pytest.raises(Unavailable):
        await put(tree, remote_tree, path)
    store.take()
    store.fails = lambda request: None
    await put(tree, remote_tree, path)
    assert len(store.take()) < 6
    assert await uploads_of(store) == []


async def test_a_condition_that_fails_is_a_concurrent_change(
    tree, remote_tree, path, store  # noqa: F811
):  # fmt: skip
    await S3Client(store.inner).put(BUCKET, "p/" + PATH, BytesBody(b"another writer"))
    with pytest.raises(ConcurrentChange):
        await put(tree, remote_tree, path)
    assert await uploads_of(store) == []


async def test_bytes_that_change_behind_the_clock_are_not_stored(
    tree, remote_tree, path, store, data  # noqa: F811
):  # fmt: skip
    """As a program does that writes through mmap."""
    stat = path.stat()
    content = await tree.read(PATH, signature_of(stat))
    path.write_bytes(data[:-1] + b"?")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(ConcurrentChange):
        await remote_tree.put(PATH, content, FileAttributes(), IF_ABSENT)
    assert await uploads_of(store) == []


async def test_a_large_object_is_received_in_parts(tree, remote_tree, path, store, data):  # noqa: F811
    _, entry = await put(tree, remote_tree, path)
    store.take()
    found, staged = await receive(tree, remote_tree, entry, hashlib.sha256(data).hexdigest())
    file = tree.root / ".s3d" / "stage" / "name"
    assert (file.read_bytes(), stage(tree), len(store.take())) == (data, ["name"], 6)
    assert staged.signature == signature_of(file.stat())
    assert (staged.sha256, found.size) == (hashlib.sha256(data).hexdigest(), SIZE)
    assert (file.stat().st_mtime_ns, file.stat().st_mode & 0o777) == (5_000, 0o640)


async def test_a_download_goes_on_after_a_crash(tree, remote_tree, path, store, data):  # noqa: F811
    _, entry = await put(tree, remote_tree, path)
    store.take()
    store.fails = away_at("GetObject", 6)
    with pytest.raises(Unavailable):
        await receive(tree, remote_tree, entry)
    store.take()
    assert await tree.sweep() == []  # what the start after a crash does
    assert len(stage(tree)) == 2
    store.fails = lambda request: None
    await receive(tree, remote_tree, entry)
    assert len(store.take()) < 6
    assert (tree.root / ".s3d" / "stage" / "name").read_bytes() == data


async def test_other_bytes_than_the_object_names_are_not_accepted(
    tree, remote_tree, path, store  # noqa: F811
):  # fmt: skip
    _, entry = await put(tree, remote_tree, path)
    with pytest.raises(ConcurrentChange):
        await receive(tree, remote_tree, entry, "0" * 64)
    assert stage(tree) == []


async def test_an_object_that_was_replaced_is_not_received(
    tree, remote_tree, path, store, data  # noqa: F811
):  # fmt: skip
    _, entry = await put(tree, remote_tree, path)
    _, body = await remote_tree.get(PATH, entry.etag, entry.size)
    await S3Client(store.inner).put(BUCKET, "p/" + PATH, BytesBody(data[::-1]))
    with pytest.raises(ConcurrentChange):
        await tree.receive("name", body, FileAttributes())
    with pytest.raises(ConcurrentChange):
        await remote_tree.get(PATH, entry.etag, entry.size)
    assert stage(tree) == []


async def test_holes_go_up_unread_and_come_down_as_holes(tree, remote_tree, path, monkeypatch):
    path.write_bytes(b"begin")
    os.truncate(path, 4 << 20)
    read = 0

    def pread(fd, size, at, pread=os.pread):
        nonlocal read
        read += size
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", pread)
    _, entry = await put(tree, remote_tree, path)
    monkeypatch.undo()
    assert read <= 3 << 20  # the first block, and the first part twice
    await receive(tree, remote_tree, entry)
    file = tree.root / ".s3d" / "stage" / "name"
    assert file.read_bytes() == path.read_bytes()
    assert file.stat().st_blocks * 512 <= 128 << 10


async def test_a_rename_of_over_five_gib_is_copied_in_parts(
    tree, remote_tree, path, store, data, monkeypatch  # noqa: F811
):  # fmt: skip
    monkeypatch.setattr(copied_parts, "MAX_SINGLE", SIZE - 1)
    monkeypatch.setattr(copied_parts, "COPIED_PART", PART)
    content, entry = await put(tree, remote_tree, path)
    copied = await remote_tree.copy(PATH, entry.etag, entry.size, "new")
    assert (copied.size, copied.sha256) == (SIZE, content.sha256)
    assert store.calls.count("UploadPartCopy") == 6
    with pytest.raises(ConcurrentChange):
        await remote_tree.copy(PATH, entry.etag, entry.size, "new")


async def test_what_s3_cannot_store_is_blocked(remote_tree):
    class Endless:
        size = 50 << 40
        is_torn = False
        sha256 = ""

    with pytest.raises(PathBlocked, match="EntityTooLarge"):
        await remote_tree.put(PATH, Endless(), FileAttributes(), IF_ABSENT)


async def test_a_read_that_nobody_waits_for_ends(path):
    stops = iter([True])
    with pytest.raises(ConcurrentChange):
        FileContent(
            lambda: os.open(path, os.O_RDONLY),
            signature_of(os.stat(path)),
            is_stopped=lambda: next(stops),
        )


def test_what_cannot_be_continued_is_swept(tree):
    folder = tree.root / ".s3d" / "stage"
    names = ["old.part", "old.part.parts", "alone.part", "map.part.parts", "new.part"]
    for name in [*names, "new.part.parts", "complete"]:
        (folder / name).touch()
    os.utime(folder / "old.part", (time.time() - 8 * 86_400,) * 2)
    stage_fd = os.open(folder, os.O_RDONLY)
    assert sweep_partial(os.listdir(folder), stage_fd) == ["complete"]
    os.close(stage_fd)
    assert stage(tree) == ["complete", "new.part", "new.part.parts"]
