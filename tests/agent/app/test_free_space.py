import os
import shutil
import threading

import pytest

from s3d.agent.app import free_space
from s3d.agent.app.free_space import VALID, FreeSpace
from tests.agent.manual_clock import ManualClock


def measure(disks: FreeSpace) -> None:
    for thread in disks.measure():
        thread.join()


@pytest.fixture
def hung(tmp_path, monkeypatch):
    """A folder whose disk answers once the event is set."""
    usage, answers = shutil.disk_usage, threading.Event()
    folder = tmp_path / "hung"
    folder.mkdir()

    def wait(path):
        if path == folder:
            assert answers.wait(30)
        return usage(path)

    monkeypatch.setattr(shutil, "disk_usage", wait)
    yield folder, answers
    answers.set()


def test_free_space_by_folder(tmp_path):
    disks = FreeSpace({"state": tmp_path, "store": tmp_path / "missing"})
    assert disks.free() == {}
    measure(disks)
    stats = os.statvfs(tmp_path)
    assert list(disks.free()) == ["state"]
    assert abs(disks.free()["state"] - stats.f_bavail * stats.f_frsize) < 1 << 30


def test_a_disk_that_hangs_holds_up_nobody_and_has_one_thread(tmp_path, hung):
    folder, answers = hung
    disks = FreeSpace({"hung": folder, "state": tmp_path})
    (waiting, other) = disks.measure()
    other.join()
    assert list(disks.free()) == ["state"]
    assert len(disks.measure()) == 1
    assert waiting.daemon
    answers.set()
    waiting.join()
    assert sorted(disks.free()) == ["hung", "state"]


def test_the_start_waits_for_a_hung_disk_only_a_moment(hung, monkeypatch):
    monkeypatch.setattr(free_space, "START_WAIT", 0.01)
    disks = FreeSpace({"hung": hung[0]})
    disks.start()
    assert disks.free() == {}


def test_a_measurement_is_not_shown_for_ever(tmp_path):
    clock = ManualClock()
    disks = FreeSpace({"state": tmp_path}, clock=clock)
    measure(disks)
    clock.now += VALID
    assert disks.free()
    clock.now += 1
    assert disks.free() == {}


def test_a_folder_that_is_gone_has_no_number(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    disks = FreeSpace({"state": folder})
    measure(disks)
    assert disks.free()
    folder.rmdir()
    measure(disks)
    assert disks.free() == {}
