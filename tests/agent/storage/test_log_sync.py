"""Which commits wait for the disk, and until when the others are there."""

import asyncio
import threading

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage import log_sync
from s3d.agent.storage.generation import parse
from s3d.agent.storage.index import Index


class Disk:
    """What is synced, by SQLite or by us."""

    def __init__(self):
        self.synced = threading.Event()
        self.levels = []
        self.error = None

    def sync_file(self, fd):
        if self.error is not None:
            raise self.error
        self.synced.set()

    def trace(self, statement):
        if statement.startswith("PRAGMA synchronous"):
            self.levels.append(statement.rpartition(" ")[2])


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    monkeypatch.setattr(log_sync, "sync_file", disk.sync_file)
    return disk


@pytest.fixture
async def index(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(log_sync, "DELAY", 1_000.0)  # but for tests that wait for it
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")
    index._writer.set_trace_callback(disk.trace)
    yield index
    index.close()


def put(name):
    return lambda tx: tx.put_setting("b", name, b"1")


async def test_a_commit_that_syncs_later_waits_for_no_disk(index, disk):
    await index.write(put("a"), syncs_later=True)
    assert (disk.levels, index.is_behind) == (["NORMAL"], True)
    await index.write(put("b"), syncs_later=True)
    assert (disk.levels, index.is_behind) == (["NORMAL"], True)
    assert not disk.synced.is_set()


async def test_the_next_other_commit_syncs_what_was_before(index, disk):
    await index.write(put("a"), syncs_later=True)
    await index.write(put("b"))
    assert (disk.levels, index.is_behind) == (["NORMAL", "FULL"], False)
    await index.write(put("c"))
    assert disk.levels == ["NORMAL", "FULL"]
    assert not disk.synced.is_set()  # by SQLite alone


async def test_whoever_waits_for_the_disk_gets_it_without_writing(index, disk):
    await index.sync()
    assert not disk.synced.is_set()
    await index.write(put("a"), syncs_later=True)
    await index.sync()
    assert disk.synced.is_set()
    assert not index.is_behind


async def test_a_sync_that_fails_is_an_error_of_those_who_wait(index, disk):
    await index.write(put("a"), syncs_later=True)
    disk.error = OSError(5, "Input/output error")
    with pytest.raises(S3Error, match="cannot be synced"):
        await index.sync()
    assert index.is_behind
    disk.error = None
    await index.sync()
    assert not index.is_behind


async def test_the_log_is_synced_soon_although_nothing_else_is_written(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(log_sync, "DELAY", 0.01)
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")
    await index.write(put("a"), syncs_later=True)
    assert await asyncio.to_thread(disk.synced.wait, 30)
    index.close()


async def test_the_end_syncs_what_is_left(tmp_path, disk, monkeypatch):
    monkeypatch.setattr(log_sync, "DELAY", 1_000.0)
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")
    await index.write(put("a"), syncs_later=True)
    index.close()
    assert disk.synced.is_set()


async def test_the_folder_of_blobs_is_never_ahead_of_the_disk(index, tmp_path, monkeypatch):
    monkeypatch.setattr("s3d.agent.storage.generation.EVERY", 0.0)

    def noted():
        return parse((tmp_path / "blobs/generation").read_bytes()).number

    await index.write(put("a"))
    assert noted() == 1
    await index.write(put("b"), syncs_later=True)
    assert noted() == 1
    await index.write(put("c"))
    assert noted() == 3


@pytest.mark.parametrize("kind", ["ephemeral", "lossy"])
async def test_what_can_be_had_again_is_synced_as_before(tmp_path, disk, kind):
    index = Index.open(tmp_path / "index.sqlite", **{kind: True})
    index._writer.set_trace_callback(disk.trace)
    await index.write(put("a"), syncs_later=True)
    assert (disk.levels, index.is_behind) == ([], False)
    index.close()
