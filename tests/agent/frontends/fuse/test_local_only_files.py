"""Temporary files of editors stay on this machine; the rest of the mount is an embedded store."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import RENAME_NOREPLACE, FileSystemSize
from s3d.agent.frontends.fuse.local_only_files import LocalOnlyFiles
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.xattrs import AgentState
from s3d.shared.config.mount_settings import DEFAULT_LOCAL_NAMES, parse_local_names
from tests.agent.frontends.fuse.conftest import always
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    running_store,
    written_files,
)

SIZE = FileSystemSize(1, 1, 1, 1)


class States:
    def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState("clean", "cached", is_pinned=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[StoreThread]:
    with running_store(tmp_path_factory.mktemp("store")) as world:
        yield world


@pytest.fixture
def names(world: StoreThread, tmp_path: Path) -> Iterator[LocalOnlyFiles]:
    with written_files(world, tmp_path / "staging") as written:
        inner = FileSystem(
            world.store, world.loop, written=written, root=(BUCKET, ""),
            is_local=always, states=States(), size=lambda: SIZE, ttl=0.0,
            metadata=MetadataMemory(),
        )  # fmt: skip
        yield LocalOnlyFiles(inner, tmp_path / "local", DEFAULT_LOCAL_NAMES)


def write(names: LocalOnlyFiles, path: str, data: bytes) -> None:
    handle = names.create(path, os.O_WRONLY, 0o644).handle
    names.write(handle, data, 0)
    names.fsync(handle)
    names.flush(handle)
    names.release(handle)


def read(names: LocalOnlyFiles, path: str) -> bytes:
    handle = names.open(path, os.O_RDONLY).handle
    data = names.read(handle, 1_000, 0)
    names.release(handle)
    return data


def listed(names: LocalOnlyFiles, path: str) -> list[str]:
    return sorted(entry.name for entry in names.read_directory(path))


def test_a_local_file_is_shown_beside_the_others_and_no_store_gets_it(world, names):
    names.make_directory("/d", 0o755)
    write(names, "/d/.v.txt.swp", b"swap")
    write(names, "/d/v.txt", b"text")
    assert listed(names, "/d") == [".v.txt.swp", "v.txt"]
    assert read(names, "/d/.v.txt.swp") == b"swap"
    assert names.get_attributes("/d/.v.txt.swp", None).size == 4
    assert [key for key in world.list_keys() if key.startswith("d/")] == ["d/", "d/v.txt"]
    with pytest.raises(OSError, match="not empty"):
        names.remove_directory("/d")
    names.unlink("/d/.v.txt.swp")
    names.unlink("/d/v.txt")
    names.remove_directory("/d")


def test_everything_in_a_local_folder_is_local(world, names):
    names.make_directory("/.Trash-0", 0o700)
    names.make_directory("/.Trash-0/files", 0o700)
    write(names, "/.Trash-0/files/x", b"x")
    names.rename("/.Trash-0/files/x", "/.Trash-0/files/y", 0)
    assert listed(names, "/.Trash-0/files") == ["y"]
    names.set_mode("/.Trash-0/files/y", 0o600)
    names.set_times("/.Trash-0/files/y", 5, 7)
    found = names.get_attributes("/.Trash-0/files/y", None)
    assert (stat.S_IMODE(found.mode), found.mtime_ns) == (0o600, 7)
    names.truncate("/.Trash-0/files/y", None, 0)
    assert read(names, "/.Trash-0/files/y") == b""
    assert not [key for key in world.list_keys() if "Trash" in key]
    with pytest.raises(OSError, match="cross-device") as crossing:
        names.rename("/.Trash-0/files", "/files", 0)
    assert crossing.value.errno == errno.EXDEV


def test_a_file_with_another_kind_of_name_is_copied(world, names):
    write(names, "/4913", b"data")
    names.rename("/4913", "/kept.txt", 0)
    assert (world.get("kept.txt"), listed(names, "/")[-1:]) == (b"data", ["kept.txt"])
    with pytest.raises(FileExistsError):
        names.rename("/kept.txt", "/kept.txt", RENAME_NOREPLACE)
    names.rename("/kept.txt", "/.DS_Store", 0)
    assert "kept.txt" not in world.list_keys()
    assert read(names, "/.DS_Store") == b"data"


def test_local_files_go_along_with_their_folder(names):
    names.make_directory("/old", 0o755)
    write(names, "/old/.~lock.a#", b"")
    names.rename("/old", "/new", 0)
    assert listed(names, "/new") == [".~lock.a#"]


def test_local_links_and_attributes(names):
    names.symlink("/.x.swp", "target")
    assert names.read_link("/.x.swp") == "target"
    assert names.list_xattrs("/.x.swp") == ()
    with pytest.raises(OSError, match="No data"):
        names.get_xattr("/.x.swp", "user.a")
    with pytest.raises(OSError, match="not supported"):
        names.set_xattr("/.x.swp", "user.a", b"", 0)
    assert names.size() == SIZE


def test_a_local_file_needs_its_folder(names):
    with pytest.raises(FileNotFoundError):
        write(names, "/absent/.x.swp", b"")


def test_patterns_are_read():
    assert parse_local_names("*.tmp, ~$*") == ("*.tmp", "~$*")
    assert parse_local_names("none") == ()
    with pytest.raises(ValueError, match="without /"):
        parse_local_names("a/b")
