import os
import resource
from pathlib import Path

import pytest

from s3d.agent.core.rotating_file import RotatingFile


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_file_is_rotated_and_the_oldest_is_dropped(tmp_path):
    file = RotatingFile(tmp_path / "log", max_size=10, max_files=3)
    for number in range(1, 8):
        file.write(b"line%d\n" % number)
    assert contents(tmp_path) == {"log": b"line7\n", "log.1": b"line6\n", "log.2": b"line5\n"}


def test_the_sizes_and_the_number_are_bounded(tmp_path):
    file = RotatingFile(tmp_path / "log", max_size=1000, max_files=5)
    for _ in range(1000):
        file.write(b"x" * 99 + b"\n")
    files = contents(tmp_path)
    assert len(files) == 5
    assert all(len(data) <= 1000 for data in files.values())


def test_one_file_alone_is_begun_again(tmp_path):
    file = RotatingFile(tmp_path / "log", max_size=10, max_files=1)
    file.write(b"12345678\n")
    file.write(b"abc\n")
    assert contents(tmp_path) == {"log": b"abc\n"}


def test_it_is_private_and_goes_on_where_the_last_run_ended(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    path.chmod(0o644)
    RotatingFile(path).write(b"new\n")
    assert path.read_bytes() == b"old\nnew\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_has_torn_is_ended(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"torn")
    RotatingFile(path).write(b"new\n")
    assert path.read_bytes() == b"torn\nnew\n"


def test_after_close_it_writes_to_what_is_at_the_path(tmp_path):
    path = tmp_path / "log"
    file = RotatingFile(path)
    file.write(b"one\n")
    path.rename(tmp_path / "moved")
    file.write(b"two\n")
    file.close()
    file.write(b"three\n")
    assert contents(tmp_path) == {"moved": b"one\ntwo\n", "log": b"three\n"}


def test_a_write_that_fails_half_way_leaves_no_part_of_a_line(tmp_path):
    file = RotatingFile(tmp_path / "log")
    file.write(b"whole\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # Python ignores SIGXFSZ
    try:
        with pytest.raises(OSError, match="File too large"):
            file.write(b"x" * 200 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "log").read_bytes() == b"whole\n"
    file.write(b"more\n")
    assert (tmp_path / "log").read_bytes() == b"whole\nmore\n"


def test_what_is_no_regular_file_is_never_rotated(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = RotatingFile(path, max_size=3)
    for _ in range(3):
        file.write(b"line\n")
    assert os.read(reader, 100) == b"line\n" * 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]
    os.close(reader)


def test_a_full_device_is_an_error():
    with pytest.raises(OSError, match="No space left"):
        RotatingFile(Path("/dev/full")).write(b"line\n")
