from __future__ import annotations

import fcntl
import os
import subprocess

import pytest

from tests.agent.frontends.fuse.kernel.mounts import child, mounted, needs_fuse

pytestmark = needs_fuse


@pytest.mark.parametrize("moment", [-1_500_000_000, 0, 1_600_000_000_123_456_789])
def test_a_time_is_exact(folder, moment):
    (folder / "a").touch()
    os.utime(folder / "a", ns=(0, moment))
    assert (folder / "a").stat().st_mtime_ns == moment


def test_the_time_of_the_last_read_alone_changes_nothing(folder, files, monkeypatch):
    """No store keeps it: `touch -a` of an object would push all of it."""
    (folder / "a").touch()
    before = (folder / "a").stat()
    asked = []
    monkeypatch.setattr(files, "set_times", lambda *times: asked.append(times))
    subprocess.run(["touch", "-a", folder / "a"], check=True)
    assert not asked
    subprocess.run(["touch", "-m", "-d", "@5", folder / "a"], check=True)
    assert asked == [("/a", 5 * 10**9, 5 * 10**9)]
    assert (folder / "a").stat().st_mtime_ns == before.st_mtime_ns


def test_the_size_of_the_file_system(folder):
    shown = os.statvfs(folder)
    assert shown.f_blocks * shown.f_frsize == 1 << 40
    assert shown.f_bavail * shown.f_frsize == 1 << 39
    assert shown.f_namemax == 255


@pytest.mark.rule("MOUNT-2")
def test_a_file_that_was_removed_lives_on_in_its_descriptors(tmp_path, files):
    """Without attributes in the kernel's cache, so every fstat() arrives here."""
    with mounted(tmp_path, files, valid=0), (tmp_path / "a").open("w+b") as file:
        file.write(b"12345")
        file.flush()
        (tmp_path / "a").unlink()
        (tmp_path / "a").write_bytes(b"another")
        shown = os.fstat(file.fileno())
        assert (shown.st_size, shown.st_nlink) == (5, 0)
        os.ftruncate(file.fileno(), 3)
        assert os.pread(file.fileno(), 10, 0) == b"123"
        assert os.listdir(tmp_path) == ["a"]
        os.rename(tmp_path / "a", tmp_path / "b")
        assert os.pwrite(file.fileno(), b"4", 3) == 1
        assert os.fstat(file.fileno()).st_size == 4
        assert (tmp_path / "b").read_bytes() == b"another"


@pytest.mark.parametrize(("keep_cache", "reads"), [(True, 0), (False, 1)])
def test_a_file_stays_in_the_page_cache_if_open_says_so(folder, files, keep_cache, reads):
    (folder / "a").write_bytes(b"1234")
    (folder / "a").read_bytes()
    files.calls.clear()
    files.keep_cache = keep_cache
    assert (folder / "a").read_bytes() == b"1234"
    assert files.calls["read"] == reads


def test_direct_io_goes_around_the_page_cache(folder, files):
    files.direct_io = True
    (folder / "a").write_bytes(b"1234")
    with (folder / "a").open("rb", buffering=0) as file:
        files.calls.clear()
        assert file.read(2) == b"12"
        assert file.read(2) == b"34"
    assert files.calls["read"] == 2


def test_close_after_reading_waits_for_nothing(folder, files):
    (folder / "a").write_bytes(b"1")
    files.calls.clear()
    (folder / "a").read_bytes()
    assert files.calls["flush"] == 0


def test_large_writes_arrive_whole(folder, files):
    data = os.urandom(3 << 20)
    descriptor = os.open(folder / "a", os.O_CREAT | os.O_RDWR)
    assert os.write(descriptor, data) == len(data)
    assert files.calls["write"] == 3
    os.fsync(descriptor)
    os.close(descriptor)
    assert (folder / "a").read_bytes() == data
    assert files.calls["fsync"] == 1


def test_a_memory_map_reads_and_writes(folder):
    (folder / "a").write_bytes(b"0123456789")
    code = (
        "import mmap, sys;"
        "file = open(sys.argv[1], 'r+b');"
        "view = mmap.mmap(file.fileno(), 0);"
        "print(view[2:5].decode());"
        "view[0:2] = b'xy';"
        "view.flush()"
    )
    with child(code, folder / "a") as process:
        assert process.communicate(timeout=30)[0] == "234\n"
    assert (folder / "a").read_bytes() == b"xy23456789"


def test_locks_are_those_of_the_kernel(folder):
    (folder / "a").touch()
    with (folder / "a").open("r+b") as one, (folder / "a").open("r+b") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(one, fcntl.LOCK_EX)
