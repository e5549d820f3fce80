"""Renames over an embedded store, and over a queue before a remote."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse import renames as renames_module
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    place,
    running_store,
    written_files,
)


@pytest.fixture(scope="module", params=["embedded", "queue"])
def world(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[StoreThread]:
    folder = tmp_path_factory.mktemp("store")
    with running_store(folder, queued=request.param == "queue") as world:
        yield world


@pytest.fixture
def files(world: StoreThread, tmp_path: Path) -> Iterator[WrittenFiles]:
    with written_files(world, tmp_path / "staging") as files:
        yield files


@pytest.fixture
def renames(world: StoreThread, files: WrittenFiles) -> Renames:
    return Renames(S3Client(world.store), world.bridge, files)


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/"


def below(world: StoreThread, prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in world.list_keys() if key.startswith(prefix)]


def test_an_object_gets_another_key_and_keeps_everything_else(world, renames, root):
    etag = world.put(f"{root}old", b"data", Metadata={"a": "b"}, Tagging="t=u")
    renames.rename(Rename(BUCKET, f"{root}old", f"{root}new"))
    assert below(world, root) == ["new"]
    head = world.head(f"{root}new")
    assert (head["ETag"], head["Metadata"], head["TagCount"]) == (etag, {"a": "b"}, 1)
    assert world.get(f"{root}new") == b"data"


def test_the_object_of_the_new_name_is_replaced(world, renames, root):
    world.put(f"{root}old", b"data")
    world.put(f"{root}new", b"replaced")
    renames.rename(Rename(BUCKET, f"{root}old", f"{root}new"))
    assert world.get(f"{root}new") == b"data"
    assert below(world, root) == ["new"]


def test_a_key_with_any_characters_is_renamed(world, renames, root):
    world.put(f"{root}a b%2B+é?&", b"data")
    renames.rename(Rename(BUCKET, f"{root}a b%2B+é?&", f"{root}ü %"))
    assert below(world, root) == ["ü %"]


def test_a_folder_is_renamed_with_everything_in_it(world, renames, root):
    for key in ("old/", "old/a", "old/sub/b", "older"):
        world.put(root + key, key.encode())
    renames.rename(Rename(BUCKET, f"{root}old/", f"{root}new/"))
    assert below(world, root) == ["new/", "new/a", "new/sub/b", "older"]
    assert world.get(f"{root}new/sub/b") == b"old/sub/b"


def test_what_does_not_exist_cannot_be_renamed(renames, files, root):
    for name in ("absent", "absent/"):
        with pytest.raises(FileNotFoundError):
            renames.rename(Rename(BUCKET, root + name, f"{root}x/"))
    assert files.journal.renames() == []


def test_a_folder_with_too_many_objects_is_left_to_programs(world, renames, root, monkeypatch):
    monkeypatch.setattr(renames_module, "MAX_CHILDREN", 2)
    for key in "abc":
        world.put(f"{root}d/{key}", b"")
    with pytest.raises(OSError, match="more than 2 objects") as refused:
        renames.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert refused.value.errno == errno.EXDEV
    assert below(world, root) == ["d/a", "d/b", "d/c"]


def test_an_open_file_that_was_written_goes_along(world, files, renames, root):
    file = files.create(place(f"{root}d/old"))
    files.write(file, b"data", 0)
    renames.rename(Rename(BUCKET, f"{root}d/", f"{root}e/"))
    assert below(world, root) == ["e/old"]
    files.write(file, b"D", 0)
    files.flush(file)
    files.release(file)
    assert world.get(f"{root}e/old") == b"Data"
    assert below(world, root) == ["e/old"]


def test_the_open_file_of_the_new_name_keeps_its_bytes(world, files, renames, root):
    old = files.create(place(f"{root}new"))
    files.write(old, b"replaced", 0)
    files.flush(old)
    world.put(f"{root}tmp", b"data")
    renames.rename(Rename(BUCKET, f"{root}tmp", f"{root}new"))
    files.write(old, b"R", 0)
    files.flush(old)
    assert old.read(100, 0) == b"Replaced"
    files.release(old)
    assert world.get(f"{root}new") == b"data"


def test_the_next_start_goes_on_with_a_rename(world, files, renames, root):
    for key in ("old/a", "old/b", "new/c"):
        world.put(root + key, b"")
    files.journal.begin_rename(Rename(BUCKET, f"{root}old/", f"{root}new/"))
    files.journal.begin_rename(Rename(BUCKET, f"{root}gone", f"{root}moved"))
    renames.resume()
    assert below(world, root) == ["new/a", "new/b", "new/c"]
    assert files.journal.renames() == []


def test_a_store_without_renames_copies_compares_and_deletes(world, renames, root):
    """A bucket with versions has no RenameObject."""
    bucket = f"versions-{len(root)}"
    client = S3Client(world.store)
    world.run(lambda: client.create_bucket(bucket))
    world.run(
        lambda: client.output(
            "PutBucketVersioning",
            {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}},
        )
    )
    world.run(lambda: client.output("PutObject", {"Bucket": bucket, "Key": "old"}))
    renames.rename(Rename(bucket, "old", "new"))
    found = world.run(lambda: client.page(bucket, limit=10))
    assert [info.key for info in found.objects] == ["new"]
