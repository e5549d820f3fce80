from __future__ import annotations

import ctypes
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.agent.frontends.fuse.kernel.memory_fs import EXCHANGE, NOREPLACE
from tests.agent.frontends.fuse.kernel.mounts import fails, mounted, needs_fuse

pytestmark = needs_fuse


AT_FDCWD = -100
libc = ctypes.CDLL(None, use_errno=True)


def rename2(old: Path, new: Path, flags: int) -> None:
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def test_a_name_need_not_be_utf_8(folder):
    name = os.fsdecode(b"\xff\xfe")
    (folder / name).write_bytes(b"")
    assert os.listdir(folder) == [name]


def test_a_link_is_symbolic_or_refused(folder):
    (folder / "a").symlink_to("somewhere/else")
    assert os.readlink(folder / "a") == "somewhere/else"
    (folder / "b").touch()
    with pytest.raises(PermissionError):
        os.link(folder / "b", folder / "c")
    with pytest.raises(PermissionError):
        os.mkfifo(folder / "c")


def test_rename_has_the_flags_of_renameat2(folder):
    (folder / "a").write_bytes(b"a")
    (folder / "b").write_bytes(b"b")
    with pytest.raises(FileExistsError):
        rename2(folder / "a", folder / "b", NOREPLACE)
    rename2(folder / "a", folder / "b", EXCHANGE)
    assert [(folder / name).read_bytes() for name in "ab"] == [b"b", b"a"]
    os.rename(folder / "a", folder / "b")
    assert os.listdir(folder) == ["b"]
    assert (folder / "b").read_bytes() == b"b"
    with fails(errno.EINVAL):
        rename2(folder / "b", folder / "c", 4)  # RENAME_WHITEOUT


def test_what_is_below_a_folder_moves_with_it(folder):
    (folder / "a" / "b").mkdir(parents=True)
    with (folder / "a" / "b" / "c").open("w+") as file:
        os.rename(folder / "a", folder / "x")
        file.write("more")
        file.flush()
        assert os.fstat(file.fileno()).st_size == 4
    assert (folder / "x" / "b" / "c").read_text() == "more"
    assert not (folder / "a").exists()


def test_a_file_that_becomes_a_folder(tmp_path, files):
    with mounted(tmp_path, files, valid=0):
        (tmp_path / "a").write_bytes(b"")
        files.unlink("/a")
        files.make_directory("/a", 0o700)
        (tmp_path / "a" / "b").touch()
        assert os.listdir(tmp_path / "a") == ["b"]


@pytest.mark.parametrize("opens", [False, True])
def test_a_file_is_there_while_its_folder_is_renamed(tmp_path, files, opens):
    """The file system has renamed it, and the binding does not know yet."""
    with mounted(tmp_path, files, valid=0), ThreadPoolExecutor(2) as threads:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x").write_text("1")
        folder = os.open(tmp_path / "a", os.O_DIRECTORY)
        descriptor = os.open("x", os.O_RDONLY, dir_fd=folder)
        files.blocks.add("rename")
        renaming = threads.submit(os.rename, tmp_path / "a", tmp_path / "b")
        assert files.is_blocked.wait(10)
        files.calls.clear()
        look = (lambda: os.open("x", os.O_RDONLY, dir_fd=folder)) if opens else None
        looking = threads.submit(look or (lambda: os.fstat(descriptor).st_size))
        while not files.calls["get_attributes"]:
            assert not looking.done()
        files.unblock()
        assert looking.result(10) > 0
        renaming.result(10)
        for each in (descriptor, folder, *([looking.result()] if opens else [])):
            os.close(each)
