import errno
import os
from types import SimpleNamespace

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.disk import Disk

MIB = 1 << 20


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def space(monkeypatch):
    """Free and total bytes of the disk, to be set by the test."""
    facts = SimpleNamespace(f_bavail=1_000, f_blocks=100_000, f_frsize=MIB)
    monkeypatch.setattr(os, "statvfs", lambda path: facts)
    return facts


def test_writes_stop_above_the_floor_and_go_on_when_there_is_room_again(tmp_path, space):
    clock = Clock()
    disk = Disk(tmp_path, clock)
    disk.admit(488 * MIB)
    with pytest.raises(S3Error, match=str(tmp_path)) as refused:
        disk.admit(489 * MIB)
    assert (refused.value.code, refused.value.status) == ("SlowDown", 503)
    space.f_bavail = 2_000
    clock.now += 1
    disk.admit(489 * MIB)


def test_the_floor_of_a_small_disk_is_a_twentieth(tmp_path, space):
    space.f_blocks, space.f_bavail = 100, 6
    disk = Disk(tmp_path, Clock())
    disk.admit(MIB)
    with pytest.raises(S3Error):
        disk.admit(MIB + 1)


def test_the_disk_is_asked_once_a_second(tmp_path, space):
    clock = Clock()
    disk = Disk(tmp_path, clock)
    assert disk.free() == 1_000 * MIB
    space.f_bavail = 1
    clock.now += 0.9
    assert disk.free() == 1_000 * MIB
    clock.now += 0.2
    assert disk.free() == MIB


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named(tmp_path, number):
    with (
        pytest.raises(S3Error, match=f"no space left on the disk that holds {tmp_path}"),
        Disk(tmp_path).translate_errors(),
    ):
        raise OSError(number, os.strerror(number))


def test_another_error_of_the_disk_is_told_too(tmp_path):
    with (
        pytest.raises(S3Error, match="Input/output error") as refused,
        Disk(tmp_path).translate_errors(),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert refused.value.code == "SlowDown"


def test_the_ballast_gives_its_room_back(tmp_path):
    disk = Disk(tmp_path)
    assert disk.lay_ballast()
    ballast = tmp_path / "ballast"
    assert ballast.stat().st_blocks * 512 >= 16 * MIB
    assert disk.drop_ballast()
    assert not ballast.exists()
    assert not disk.drop_ballast()
    assert disk.lay_ballast()


def test_a_ballast_that_a_kill_has_cut_short_is_laid_again(tmp_path):
    (tmp_path / "ballast").write_bytes(b"\0" * MIB)
    assert Disk(tmp_path).lay_ballast()
    assert (tmp_path / "ballast").stat().st_size == 16 * MIB


def test_no_ballast_where_there_is_no_room_for_it(tmp_path, space):
    space.f_bavail = 520
    assert not Disk(tmp_path, Clock()).lay_ballast()
    assert list(tmp_path.iterdir()) == []
