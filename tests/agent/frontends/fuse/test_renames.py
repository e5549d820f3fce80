"""Renames over an embedded store, and over a queue before a remote."""

import asyncio
import errno
import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.frontends.fuse import folder_contents
from s3d.agent.frontends.fuse import renames as renames_module
from s3d.agent.frontends.fuse.folder_contents import FolderContents
from s3d.agent.frontends.fuse.folder_memory import FolderMemory
from s3d.agent.frontends.fuse.loop_bridge import LoopBridge
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.staging_journal import JOURNAL, Rename
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    below,
    place,
    until,
)


def renames_over(store: ObjectStore, thread: StoreThread, files: WrittenFiles) -> Renames:
    client = S3Client(store)
    contents = FolderContents(client, thread.bridge, FolderMemory(), is_away=lambda: False)
    return Renames(client, thread.bridge, files, contents)


@pytest.fixture
def renames(thread: StoreThread, files: WrittenFiles) -> Renames:
    return renames_over(thread.store, thread, files)


def test_an_object_gets_another_key_and_keeps_everything_else(thread, renames, root):
    etag = thread.put(f"{root}old", b"data", Metadata={"a": "b"}, Tagging="t=u")
    renames.rename(Rename(BUCKET, f"{root}old", f"{root}new"))
    assert below(thread, root) == ["new"]
    head = thread.head(f"{root}new")
    assert (head["ETag"], head["Metadata"], head["TagCount"]) == (etag, {"a": "b"}, 1)
    assert thread.get(f"{root}new") == b"data"


def test_the_object_of_the_new_name_is_replaced(thread, renames, root):
    thread.put(f"{root}old", b"data")
    thread.put(f"{root}new", b"replaced")
    renames.rename(Rename(BUCKET, f"{root}old", f"{root}new"))
    assert thread.get(f"{root}new") == b"data"
    assert below(thread, root) == ["new"]


def test_a_key_with_any_characters_is_renamed(thread, renames, root):
    thread.put(f"{root}a b%2B+é?&", b"data")
    renames.rename(Rename(BUCKET, f"{root}a b%2B+é?&", f"{root}ü %"))
    assert below(thread, root) == ["ü %"]


def test_a_folder_is_renamed_with_everything_in_it(thread, renames, root):
    for key in ("old/", "old/a", "old/sub/b", "older"):
        thread.put(root + key, key.encode())
    renames.rename(Rename(BUCKET, f"{root}old/", f"{root}new/"))
    assert below(thread, root) == ["new/", "new/a", "new/sub/b", "older"]
    assert thread.get(f"{root}new/sub/b") == b"old/sub/b"


def test_what_does_not_exist_cannot_be_renamed(renames, files, root):
    for name in ("absent", "absent/"):
        with pytest.raises(FileNotFoundError):
            renames.rename(Rename(BUCKET, root + name, f"{root}x/"))
    assert files.journal.renames() == []


def test_a_folder_with_too_many_objects_is_left_to_programs(thread, renames, root, monkeypatch):
    monkeypatch.setattr(folder_contents, "MAX_OBJECTS", 2)
    for key in "abc":
        thread.put(f"{root}d/{key}", b"")
    with pytest.raises(OSError, match="more than 2 objects") as refused:
        renames.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert refused.value.errno == errno.EXDEV
    assert below(thread, root) == ["d/a", "d/b", "d/c"]


def test_an_open_file_that_was_written_goes_along(thread, files, renames, root):
    file = files.create(place(f"{root}d/old"))
    files.write(file, b"data", 0)
    renames.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert below(thread, root) == ["e/old"]
    files.write(file, b"D", 0)
    files.flush(file)
    files.release(file)
    assert thread.get(f"{root}e/old") == b"Data"
    assert below(thread, root) == ["e/old"]


def test_the_open_file_of_the_new_name_keeps_its_bytes(thread, files, renames, root):
    old = files.create(place(f"{root}new"))
    files.write(old, b"replaced", 0)
    files.flush(old)
    thread.put(f"{root}tmp", b"data")
    renames.rename(Rename(BUCKET, f"{root}tmp", f"{root}new"))
    files.write(old, b"R", 0)
    files.flush(old)
    assert old.read(100, 0) == b"Replaced"
    files.release(old)
    assert thread.get(f"{root}new") == b"data"


@pytest.mark.rule("MOUNT-12")
def test_the_next_start_goes_on_with_a_rename(thread, files, renames, root):
    for key in ("old/a", "old/b", "new/c"):
        thread.put(root + key, b"")
    objects = dict.fromkeys((f"{root}old/a", f"{root}old/b", f"{root}old/moved"))
    files.journal.begin_rename(Rename(BUCKET, f"{root}old/", f"{root}new/"), objects)
    gone = Rename(BUCKET, f"{root}gone", f"{root}moved")
    files.journal.begin_rename(gone, {gone.old: None})
    thread.put(f"{root}old/of another program", b"")
    renames.resume()
    assert below(thread, root) == ["new/a", "new/b", "new/c", "old/of another program"]
    assert files.journal.renames() == []


def test_a_rename_that_an_older_s3d_has_begun_goes_on(thread, files, renames, root, tmp_path):
    for key in ("old/a", "old/b", "file"):
        thread.put(root + key, b"")
    for old, new in (("old/", "new/"), ("file", "moved")):
        files.journal.begin_rename(Rename(BUCKET, root + old, root + new), {})
    with closing(sqlite3.connect(tmp_path / "staging" / JOURNAL)) as db, db:
        db.execute("UPDATE renames SET has_objects = 0")  # as the upgrade from layout 1 leaves it
    renames.resume()
    assert below(thread, root) == ["moved", "new/a", "new/b"]
    assert files.journal.renames() == []


def test_a_store_without_renames_copies_compares_and_deletes(thread, renames, root):
    """A bucket with versions has no RenameObject."""
    bucket = f"versions-{len(root)}"
    client = S3Client(thread.store)
    thread.run(lambda: client.create_bucket(bucket))
    thread.run(
        lambda: client.output(
            "PutBucketVersioning",
            {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}},
        )
    )
    thread.run(lambda: client.output("PutObject", {"Bucket": bucket, "Key": "old"}))
    renames.rename(Rename(bucket, "old", "new"))
    found = thread.run(lambda: client.page(bucket, limit=10))
    assert [info.key for info in found.objects] == ["new"]


class Away(Layer):
    """A store that cannot rename some keys, as when the remote does not answer."""

    def __init__(self, inner: ObjectStore, *ends: str, code: str = "ServiceUnavailable") -> None:
        super().__init__(inner)
        self._ends = ends
        self._code = code

    def fallback(self, request: S3Request[Any]) -> Answer:
        if str(request.input.get("RenameSource", "")).endswith(self._ends):
            raise S3Error(self._code)
        return self.inner.call(request)


def test_a_rename_that_fails_at_once_does_not_happen_later(thread, files, renames, root):
    """A remote that does not answer, and nothing is known here of the object."""
    for key in ("old", "d/a", "d/b"):
        thread.put(root + key, b"data")
    away = renames_over(Away(thread.store, "old", "a", "b"), thread, files)
    for old, new in (("old", "new"), ("d/", "e/")):
        with pytest.raises(OSError, match="Input/output error") as failed:
            away.rename(Rename(BUCKET, root + old, root + new))
        assert failed.value.errno == errno.EIO
    assert files.journal.renames() == []
    renames.resume()
    assert below(thread, root) == ["d/a", "d/b", "old"]


class Half(Layer):
    """A store that renames one key, and then none until it works again."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.is_broken = True
        self._is_begun = False
        self._moved = asyncio.Event()

    def fallback(self, request: S3Request[Any]) -> Answer:
        is_rename = request.op.name == "RenameObject"
        return self._rename(request) if is_rename and self.is_broken else self.inner.call(request)

    async def _rename(self, request: S3Request[Any]) -> S3Response[Any]:
        if self._is_begun:
            await self._moved.wait()
            raise S3Error("ServiceUnavailable")
        self._is_begun = True
        response = await self.inner.call(request)
        self._moved.set()
        return response


@pytest.mark.rule("MOUNT-12")
def test_when_a_part_of_a_folder_cannot_be_moved_all_of_it_stays(thread, files, renames, root):
    keys = [f"d/{number}" for number in range(100)]
    for key in keys[:70]:
        thread.run(partial(thread.remote.put, BUCKET, root + key, key.encode()))
    for key in keys[70:]:  # not pushed yet, if there is a queue
        thread.put(root + key, key.encode())
    failing = renames_over(Away(thread.store, "/50"), thread, files)
    with pytest.raises(OSError, match="Input/output error"):
        failing.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert below(thread, root) == sorted(keys)
    assert thread.get(f"{root}d/7") == b"d/7"
    assert files.journal.renames() == []


@pytest.mark.rule("MOUNT-12")
def test_the_next_start_gives_objects_their_old_keys_back_whose_folder_failed(
    thread, files, renames, root
):
    for key in ("d/a", "d/b"):
        thread.put(root + key, b"data")
    half = Half(thread.store)
    with pytest.raises(OSError, match="Input/output error"):
        renames_over(half, thread, files).rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert sorted(below(thread, root)) in (["d/a", "e/b"], ["d/b", "e/a"])
    file = files.create(place(f"{root}d/new"))
    files.write(file, b"written since", 0)
    renames.resume()
    assert below(thread, root) == ["d/a", "d/b"]
    assert files.journal.renames() == []
    files.flush(file)
    files.release(file)
    assert thread.get(f"{root}d/new") == b"written since"


def test_an_object_that_is_gone_by_now_does_not_stop_a_rename(thread, files, renames, root):
    for key in ("d/a", "d/b", "d/c"):
        thread.put(root + key, b"data")
    away = renames_over(Away(thread.store, "/b", code="NoSuchKey"), thread, files)
    moved = []
    away.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"), on_moved=moved.extend)
    assert sorted(moved) == [(f"{root}d/{each}", f"{root}e/{each}") for each in "ac"]
    assert below(thread, root) == ["d/b", "e/a", "e/c"]


def test_a_large_folder_is_moved_in_parts_that_are_noted(thread, files, renames, root, monkeypatch):
    monkeypatch.setattr(renames_module, "_CHUNK", 2)
    for key in "abcde":
        thread.put(f"{root}d/{key}", b"data")
    noted = []
    note_moved = files.journal.note_moved

    def note(id, keys):
        noted.append([key.rpartition("/")[2] for key in keys])
        note_moved(id, keys)

    monkeypatch.setattr(files.journal, "note_moved", note)
    renames.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert noted == [["a", "b"], ["c", "d"]]
    assert below(thread, root) == [f"e/{key}" for key in "abcde"]


def test_what_was_moved_before_a_failure_is_not_moved_again(
    thread, files, renames, root, monkeypatch
):
    """At a start: something else may have got the old key meanwhile."""
    for key in "ab":
        thread.put(f"{root}d/{key}", b"data")
    objects = dict.fromkeys((f"{root}d/a", f"{root}d/b"))
    files.journal.begin_rename(Rename(BUCKET, f"{root}d/", f"{root}e/"), objects)
    renames_over(Away(thread.store, "/b"), thread, files).resume()
    thread.put(f"{root}d/a", b"of another program")
    renames.resume()
    assert below(thread, root) == ["d/a", "e/a", "e/b"]


class Slow(Layer):
    """A store whose renames wait until they may go on."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.go_on = asyncio.Event()

    def fallback(self, request: S3Request[Any]) -> Answer:
        return (
            self._wait(request) if request.op.name == "RenameObject" else self.inner.call(request)
        )

    async def _wait(self, request: S3Request[Any]) -> S3Response[Any]:
        await self.go_on.wait()
        return await self.inner.call(request)


def kill_in_rename(thread: StoreThread, files: WrittenFiles, root: str, slow: Slow) -> list[Any]:
    """Rename d/ to e/ for a program that is killed; the list gets the keys when it has ended."""
    bridge = LoopBridge(thread.loop, is_interrupted=lambda: True)
    contents = FolderContents(S3Client(slow), thread.bridge, FolderMemory(), is_away=lambda: False)
    killed = Renames(S3Client(slow), bridge, files, contents)
    moved: list[Any] = []
    with pytest.raises(InterruptedError):
        killed.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"), on_moved=moved.extend)
    assert len(files.journal.renames()) == 1
    assert not moved
    thread.loop.call_soon_threadsafe(slow.go_on.set)
    return moved


@pytest.mark.rule("MOUNT-12")
def test_a_rename_whose_program_was_killed_ends_with_its_open_files(thread, files, root):
    for key in "abc":
        thread.put(f"{root}d/{key}", b"data")
    file = files.open(place(f"{root}d/a"))
    moved = kill_in_rename(thread, files, root, Slow(thread.store))
    until(lambda: len(moved) == 3)
    assert files.journal.renames() == []
    assert below(thread, root) == ["e/a", "e/b", "e/c"]
    files.write(file, b"D", 0)
    files.flush(file)
    files.release(file)
    assert thread.get(f"{root}e/a") == b"Data"
    assert below(thread, root) == ["e/a", "e/b", "e/c"]


@pytest.mark.rule("MOUNT-12")
def test_a_rename_that_fails_after_its_program_was_killed_is_undone(thread, files, root):
    for key in "abc":
        thread.put(f"{root}d/{key}", b"data")
    moved = kill_in_rename(thread, files, root, Slow(Away(thread.store, "d/b")))
    until(lambda: not files.journal.renames())
    assert below(thread, root) == ["d/a", "d/b", "d/c"]
    assert not moved


@pytest.mark.rule("MOUNT-12")
def test_what_could_not_be_undone_is_tried_again_before_the_next_start(
    thread, files, root, monkeypatch
):
    """By then, something else may have the keys, and would be moved."""
    monkeypatch.setattr(renames_module, "_RETRY", 0.01)
    for key in ("d/a", "d/b"):
        thread.put(root + key, b"data")
    half = Half(thread.store)
    with pytest.raises(OSError, match="Input/output error"):
        renames_over(half, thread, files).rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert len(files.journal.renames()) == 1
    half.is_broken = False
    until(lambda: not files.journal.renames())
    assert below(thread, root) == ["d/a", "d/b"]
