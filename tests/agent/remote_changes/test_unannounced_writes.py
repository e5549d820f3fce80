"""unannounced_writes: what the file has after a kill, a power cut and a clean end."""

from __future__ import annotations

import threading

import pytest

from s3d.agent.remote_changes import unannounced_writes
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.agent.remote_changes.unannounced_writes import UnannouncedWrites

PLACE = WatchedPrefix("bucket", "p/")
X, Y = (PLACE, "x"), (PLACE, "y\n\u00fc")
ANYTHING = (PLACE, "")


@pytest.fixture
def opened(tmp_path):
    """Makes an agent's file: opened("boot") is the first run after the last one, whatever became of
    that; what it has read is `left`."""

    def make(boot="boot"):
        writes = UnannouncedWrites(tmp_path / "file", boot)
        writes.left = writes.open([PLACE])
        return writes

    return make


def test_a_write_is_left_until_it_is_announced(opened):
    writes = opened()
    writes.begin([X, Y])
    assert opened().left == [X, Y]
    writes.end([X, Y])
    writes.settle([Y])
    assert opened().left == [X, Y], "the file is shortened when nothing waits any more"
    writes = opened()
    writes.settle([])
    assert opened().left == []


def test_a_write_without_an_answer_is_left(opened):
    writes = opened()
    writes.begin([X])
    writes.settle([])
    assert opened().left == [X]


def test_what_was_left_is_left_again_after_a_second_kill(opened):
    opened().begin([X])
    opened()
    assert opened().left == [X]


def test_after_another_boot_anything_may_have_changed(opened):
    opened()
    assert opened("next").left == [ANYTHING]
    assert opened("next").left == [ANYTHING], "killed before it was announced"
    writes = opened("next")
    writes.settle([])
    writes.close()
    assert opened("last").left == []


def test_without_an_id_of_the_boot_every_crash_is_a_power_cut(opened):
    opened("")
    assert opened("").left == [ANYTHING]


@pytest.mark.parametrize("data", [b"", b"x", b'{"format": 2, "boot": "boot"}\n'])
def test_what_cannot_be_read_may_be_anything(opened, tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    assert opened().left == [ANYTHING]


def test_a_torn_line_may_be_anything(opened, tmp_path):
    writes = opened()
    writes.begin([X])
    with (tmp_path / "file").open("ab") as file:
        file.write(b'["bucket", "p')
    assert opened().left == [ANYTHING]


def test_a_clean_end_leaves_no_file_unless_something_waits(opened, tmp_path):
    writes = opened()
    writes.begin([X])
    writes.close()
    assert opened().left == [X]
    writes = opened()
    writes.settle([])
    writes.close()
    assert not (tmp_path / "file").exists()


def test_the_file_does_not_grow_while_writes_go_on(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(unannounced_writes, "REWRITE_SIZE", 1_000)
    writes = opened()
    writes.begin([Y])
    for number in range(1_000):
        writes.begin([(PLACE, f"{number}")])
        writes.end([(PLACE, f"{number}")])
        writes.settle([])
    assert (tmp_path / "file").stat().st_size < 300_000
    assert Y in opened().left


def test_a_full_disk_is_no_error(tmp_path):
    writes = UnannouncedWrites(tmp_path / "none" / "file", "boot")
    assert writes.open([PLACE]) == []
    writes.begin([X])
    writes.end([X])
    writes.settle([X])
    writes.close()


async def test_the_loop_does_not_wait_for_the_disk(opened, monkeypatch):
    threads = []
    monkeypatch.setattr(
        unannounced_writes, "sync_file", lambda _: threads.append(threading.current_thread())
    )
    writes = opened()
    writes.begin([X])
    assert (writes.needs_sync, threads) == (True, [])
    await writes.sync()
    assert not writes.needs_sync
    assert threads
    assert threading.main_thread() not in threads


async def test_a_file_that_is_closed_needs_no_sync(opened):
    writes = opened()
    writes.close()
    await writes.sync()
