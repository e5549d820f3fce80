"""Renames over an embedded store, and over a queue before a remote."""

import asyncio
import errno
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.frontends.fuse import renames as renames_module
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    below,
    place,
)


@pytest.fixture
def renames(thread: StoreThread, files: WrittenFiles) -> Renames:
    return Renames(S3Client(thread.store), thread.bridge, files)


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
    monkeypatch.setattr(renames_module, "MAX_CHILDREN", 2)
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


def test_the_next_start_goes_on_with_a_rename(thread, files, renames, root):
    for key in ("old/a", "old/b", "new/c"):
        thread.put(root + key, b"")
    files.journal.begin_rename(Rename(BUCKET, f"{root}old/", f"{root}new/"))
    files.journal.begin_rename(Rename(BUCKET, f"{root}gone", f"{root}moved"))
    renames.resume()
    assert below(thread, root) == ["new/a", "new/b", "new/c"]
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

    def __init__(self, inner: ObjectStore, *ends: str) -> None:
        super().__init__(inner)
        self._ends = ends

    def fallback(self, request: S3Request[Any]) -> Answer:
        if str(request.input.get("RenameSource", "")).endswith(self._ends):
            raise S3Error("ServiceUnavailable")
        return self.inner.call(request)


def test_a_rename_that_fails_at_once_does_not_happen_later(thread, files, renames, root):
    """A remote that does not answer, and nothing is known here of the object."""
    for key in ("old", "d/a", "d/b"):
        thread.put(root + key, b"data")
    away = Renames(S3Client(Away(thread.store, "old", "a", "b")), thread.bridge, files)
    for old, new in (("old", "new"), ("d/", "e/")):
        with pytest.raises(OSError, match="Input/output error") as failed:
            away.rename(Rename(BUCKET, root + old, root + new))
        assert failed.value.errno == errno.EIO
    assert files.journal.renames() == []
    renames.resume()
    assert below(thread, root) == ["d/a", "d/b", "old"]


class Half(Layer):
    """A store that renames one key, and then fails."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self._is_begun = False
        self._moved = asyncio.Event()

    def fallback(self, request: S3Request[Any]) -> Answer:
        return (
            self._rename(request) if request.op.name == "RenameObject" else self.inner.call(request)
        )

    async def _rename(self, request: S3Request[Any]) -> S3Response[Any]:
        if self._is_begun:
            await self._moved.wait()
            raise S3Error("ServiceUnavailable")
        self._is_begun = True
        response = await self.inner.call(request)
        self._moved.set()
        return response


def test_a_folder_of_which_a_part_was_moved_is_moved_at_the_next_start(
    thread, files, renames, root
):
    for key in ("d/a", "d/b"):
        thread.put(root + key, b"data")
    half = Renames(S3Client(Half(thread.store)), thread.bridge, files)
    with pytest.raises(OSError, match="Input/output error"):
        half.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert below(thread, root) == ["d/b", "e/a"]
    renames.resume()
    assert below(thread, root) == ["e/a", "e/b"]
    assert files.journal.renames() == []
