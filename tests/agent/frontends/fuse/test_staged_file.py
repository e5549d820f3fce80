"""The bytes of a file that is open for writing are those that a local file would have."""

import errno
import itertools
import os
import random
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse import staged_content
from s3d.agent.frontends.fuse.byte_ranges import OldBytes
from s3d.agent.frontends.fuse.staged_file import StagedFile, StagingFolder

OLD = bytes(range(251)) * 40


class Old:
    """The old version, and which of its bytes were fetched."""

    def __init__(self, data: bytes = OLD) -> None:
        self.data = data
        self.fetched: list[tuple[int, int]] = []

    def read(self, offset: int, size: int) -> bytes:
        self.fetched.append((offset, size))
        return self.data[offset : offset + size]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def make(folder: Path, old: Old | None = None) -> StagedFile:
    ids = itertools.count(1)
    staging = StagingFolder(folder, lambda: next(ids))
    return StagedFile(staging, old_size=len(old.data) if old else 0, old=old)


def test_a_file_that_is_not_read_fetches_only_what_was_not_overwritten(folder):
    old = Old()
    file = make(folder, old)
    file.write(b"x" * 1_000, 500)
    assert old.fetched == []
    file.fill()
    assert old.fetched == [(0, 500), (1_500, len(OLD) - 1_500)]
    assert file.read(0, 1 << 20) == OLD[:500] + b"x" * 1_000 + OLD[1_500:]


def test_an_overwritten_file_fetches_nothing(folder):
    old = Old()
    file = make(folder, old)
    for start in range(0, len(OLD), 1_000):
        file.write(b"y" * 1_000, start)
    file.fill()
    assert old.fetched == []


def test_what_was_cut_off_does_not_come_back(folder):
    file = make(folder, Old())
    file.truncate(100)
    file.truncate(300)
    assert file.read(0, 500) == OLD[:100] + bytes(200)
    file.fill()
    assert file.read(0, 500) == OLD[:100] + bytes(200)


def test_an_append_begins_at_the_end(folder):
    file = make(folder, Old())
    file.write(b"end", None)
    assert file.read(len(OLD) - 2, 100) == OLD[-2:] + b"end"


def test_an_empty_write_behind_the_end_does_not_extend_the_file(folder):
    file = make(folder)
    assert file.write(b"", 100) == 0
    assert (file.size, file.revision) == (0, 0)


def test_a_frozen_version_does_not_change(folder):
    file = make(folder)
    file.write(b"first version", 0)
    frozen = file.freeze()
    assert file.read(0, 100) == b"first version"
    assert file.id == 1
    file.write(b"SECOND", 0)
    assert frozen.read_bytes() == b"first version"
    assert file.id == 2
    assert file.read(0, 100) == b"SECOND" + b"first version"[6:]
    assert file.revision > frozen.revision


def test_an_emptied_file_copies_nothing_of_the_frozen_version(folder, monkeypatch):
    file = make(folder)
    file.write(b"first version", 0)
    file.freeze()
    sizes: list[int] = []
    monkeypatch.setattr(staged_content, "copy_file", lambda *call: sizes.append(call[2]))
    file.truncate(0)
    assert sizes == [0]


def test_a_frozen_version_without_a_name_can_still_be_read_and_written(folder):
    file = make(folder)
    file.write(b"content", 0)
    file.sync()
    file.freeze().path.unlink()
    assert file.read(0, 100) == b"content"
    file.write(b"C", 0)
    assert file.read(0, 100) == b"Content"


def test_a_file_of_an_earlier_run_has_its_ranges(folder):
    old = Old()
    file = make(folder, old)
    file.write(b"written", 10)
    file.read(100, 50)
    ranges = file.sync().ranges
    file.close(remove=False)
    again = StagedFile.recover(StagingFolder(folder, lambda: 2), 1, old, OldBytes(len(OLD), ranges))
    old.fetched.clear()
    assert again.read(10, 7) == b"written"
    assert again.read(100, 50) == OLD[100:150]
    assert old.fetched == []
    again.fill()
    assert again.read(0, len(OLD)) == OLD[:10] + b"written" + OLD[17:]


def test_ranges_are_recorded_once(folder):
    file = make(folder, Old())
    file.write(b"a", 0)
    synced = file.sync()
    assert (synced.id, synced.old_end, synced.ranges) == (1, len(OLD), [(0, 1)])
    assert file.sync().ranges == []
    file.give_back(synced)
    assert file.sync().ranges == [(0, 1)]
    file.fill()
    assert file.sync()[2:] == (0, [])


def test_an_old_version_that_is_gone_is_an_error_and_nothing_changes(folder):
    class Gone(Old):
        def read(self, offset: int, size: int) -> bytes:
            raise OSError(errno.ESTALE, "another version")

    file = make(folder, Gone())
    file.write(b"x", 0)
    with pytest.raises(OSError, match="another version"):
        file.fill()
    assert file.read(0, 1) == b"x"


def test_an_old_version_that_is_too_short_is_an_error(folder):
    class Short(Old):
        def read(self, offset: int, size: int) -> bytes:
            return b""

    with pytest.raises(OSError, match="bytes were expected"):
        make(folder, Short()).read(0, 10)


def test_a_closed_file_leaves_nothing(folder):
    file = make(folder)
    file.write(b"x", 0)
    file.close()
    assert list(folder.iterdir()) == []


OPERATIONS = ("read", "write", "append", "truncate", "fill", "freeze", "reopen")


def operate(file: StagedFile, model: Path, random: random.Random, recorded: list) -> StagedFile:
    """One random operation on the file and on a local file."""
    size, offset = random.randrange(2_000), random.randrange(14_000)
    name = random.choice(OPERATIONS)
    with model.open("r+b") as local:
        if name == "read":
            local.seek(offset)
            assert file.read(offset, size) == local.read(size)
        elif name in ("write", "append"):
            data = random.randbytes(size)
            local.seek(offset if name == "write" else 0, os.SEEK_SET if name == "write" else 2)
            local.write(data)
            file.write(data, offset if name == "write" else None)
        elif name == "truncate":
            local.truncate(offset)
            file.truncate(offset)
    if name in ("fill", "freeze"):
        file.fill()
    if name == "freeze":
        frozen = file.freeze()
        assert frozen.read_bytes() == model.read_bytes()
    if name == "reopen":
        synced = file.sync()
        recorded += synced.ranges
        file.close(remove=False)
        old_bytes = OldBytes(synced.old_end, recorded)
        file = StagedFile.recover(file._staging, synced.id, file.old, old_bytes)
    assert file.size == model.stat().st_size
    return file


def check_random_operations(folder: Path, model: Path, seed: int, count: int) -> None:
    chooser = random.Random(seed)
    old = Old(chooser.randbytes(10_000))
    model.write_bytes(old.data)
    file, recorded = make(folder, old), []
    for _ in range(count):
        file = operate(file, model, chooser, recorded)
    file.fill()
    assert file.read(0, 1 << 20) == model.read_bytes()
    file.close()


@pytest.mark.parametrize("seed", range(4))
def test_random_operations_are_equal_to_a_local_file(folder, tmp_path, seed, monkeypatch):
    if seed % 2:  # files begin in memory, and grow out of it
        monkeypatch.setattr(staged_content, "SMALL", 8_000)
    check_random_operations(folder, tmp_path / "file", seed, 400)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100, 120))
def test_ten_thousand_random_operations_are_equal_to_a_local_file(folder, tmp_path, seed):
    check_random_operations(folder, tmp_path / "file", seed, 10_000)
