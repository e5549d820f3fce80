"""Small files stay in memory until somebody needs them on the disk."""

import os
import sys
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse import staged_content
from s3d.agent.frontends.fuse.staged_content import (
    SMALL,
    WRITE_BACK,
    StagedContent,
    begin_write_back,
    copy_file,
)


@pytest.mark.parametrize("size", [0, 5, SMALL + 1, 3 << 20])
def test_the_first_bytes_of_a_file_are_copied(tmp_path, size):
    data = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as source, (tmp_path / "b").open("wb") as target:
        copy_file(source.fileno(), target.fileno(), size)
    assert (tmp_path / "b").read_bytes() == data[:size]


def written(folder: Path, data: bytes) -> StagedContent:
    content = StagedContent.create(folder, 1, 0)
    content.make_room(len(data))
    os.pwrite(content.fd, data, 0)
    content.size = len(data)
    return content


def test_a_small_file_has_no_name_until_it_is_saved(tmp_path):
    content = written(tmp_path, b"some bytes")
    assert (list(tmp_path.iterdir()), content.all_bytes()) == ([], b"some bytes")
    descriptor = content.fd
    content.save()
    assert (tmp_path / "1").read_bytes() == b"some bytes"
    assert (content.fd, content.all_bytes()) == (descriptor, None)
    os.pwrite(content.fd, b"S", 0)
    content.close()
    assert (tmp_path / "1").read_bytes() == b"Some bytes"


def test_a_file_that_grows_gets_a_name(tmp_path):
    content = written(tmp_path, b"x" * SMALL)
    assert list(tmp_path.iterdir()) == []
    content.make_room(SMALL + 1)
    os.pwrite(content.fd, b"y", SMALL)
    assert (tmp_path / "1").read_bytes() == b"x" * SMALL + b"y"
    content.close()


def test_a_large_file_has_a_name_at_once(tmp_path):
    content = StagedContent.create(tmp_path, 1, SMALL + 1)
    assert (tmp_path / "1").read_bytes() == bytes(SMALL + 1)
    content.close()


@pytest.mark.parametrize("size", [3, SMALL, SMALL + 1])
def test_a_copy_has_the_first_bytes_and_the_time(tmp_path, size):
    content = written(tmp_path, os.urandom(SMALL + 2))
    content.mtime_ns = 5
    copied = content.copy(2, size)
    assert (copied.size, copied.mtime_ns, copied.is_saved) == (size, 5, size > SMALL)
    assert os.pread(copied.fd, size + 1, 0) == os.pread(content.fd, size, 0)
    content.close()
    copied.close()


def test_a_file_that_cannot_be_saved_stays_as_it_is(tmp_path):
    content = written(tmp_path, b"some bytes")
    (tmp_path / "1").mkdir()
    with pytest.raises(FileExistsError):
        content.save()
    (tmp_path / "1").rmdir()
    assert content.all_bytes() == b"some bytes"
    content.save()
    assert (tmp_path / "1").read_bytes() == b"some bytes"
    content.close()


def test_a_large_file_gets_to_the_disk_while_it_is_written(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(staged_content, "begin_write_back", lambda *call: told.append(call[1:]))
    content = StagedContent.create(tmp_path, 1, SMALL + 1)
    for end in (100, WRITE_BACK, WRITE_BACK + 5, 5, 3 * WRITE_BACK):
        content.note_written(end)
    assert told == [(0, WRITE_BACK), (WRITE_BACK, 2 * WRITE_BACK)]
    content.close()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has sync_file_range(2)")
def test_the_kernel_is_told_to_write(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write(bytes(WRITE_BACK))
        file.flush()
        assert begin_write_back(file.fileno(), 0, WRITE_BACK)
