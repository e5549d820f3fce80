"""When files that were closed are on the disk: a power cut may harm the newest small ones."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import FileSystemSize
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.storage import log_sync
from s3d.agent.storage.index import Index
from tests.agent.frontends.fuse.conftest import States, always
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    place,
    running_store,
    written_files,
)

LARGE = 300_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreThread]:
    with running_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.fixture
def log(store: StoreThread, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Of the store. It is synced for those alone who wait for it."""
    monkeypatch.setattr(log_sync, "DELAY", 1_000.0)
    assert store.log is not None
    store.run(store.log.sync)
    return store.log


@pytest.mark.rule("MOUNT-1")
def test_close_of_a_small_file_waits_for_no_disk_but_fsync_does(store, log, tmp_path):
    with written_files(store, tmp_path / "staging", log=log) as files:
        file = files.create(place("key"))
        files.write(file, b"data", 0)
        files.flush(file)
        assert (store.get("key"), log.is_behind) == (b"data", True)
        file.fsync()  # through another descriptor of the file
        assert not log.is_behind
        files.release(file)
        assert files.journal.load() == []


@pytest.mark.rule("MOUNT-8")
@pytest.mark.parametrize("size", [4, LARGE])
def test_a_file_that_was_synced_or_is_large_is_durable_when_it_is_closed(
    store, log, tmp_path, size
):
    with written_files(store, tmp_path / "staging", log=log) as files:
        file = files.create(place("key"))
        files.write(file, bytes(size), 0)
        if size < LARGE:
            file.fsync()
        files.flush(file)
        assert not log.is_behind
        files.release(file)


def closed_file(fs: FileSystem, name: str) -> None:
    created = fs.create(f"/{name}", os.O_WRONLY, 0o644)
    fs.write(created.handle, b"data", 0)
    fs.flush(created.handle)
    fs.release(created.handle)


@pytest.mark.rule("MOUNT-8")
def test_fsync_of_a_reader_and_of_a_folder_wait_for_what_was_closed(store, log, tmp_path):
    with written_files(store, tmp_path / "staging", log=log) as written:
        fs = FileSystem(
            store.store, store.loop, written=written, root=(BUCKET, ""), states=States(),
            is_local=always, size=lambda: FileSystemSize(1, 1, 1, 1),
            metadata=MetadataMemory(),
        )  # fmt: skip
        closed_file(fs, "read")
        assert log.is_behind
        opened = fs.open("/read", os.O_RDONLY)
        fs.fsync(opened.handle)
        assert not log.is_behind
        fs.release(opened.handle)
        closed_file(fs, "listed")
        assert log.is_behind
        fs.sync_directory("/")
        assert not log.is_behind
        fs.close()
