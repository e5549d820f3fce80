"""Two mappings of the same memory, as the two processes have them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from s3d.agent.frontends.fuse.process import change_barrier
from s3d.agent.frontends.fuse.process.change_barrier import (
    ChangeBarrier,
    ChangeCounter,
    create_shared_number,
)
from tests.agent.frontends.fuse.process.pairs import copies
from tests.agent.frontends.fuse.store_thread import until

CHANGES = 300_000


@pytest.fixture
def shared():
    descriptor = create_shared_number()
    counter, barrier = ChangeCounter(descriptor), ChangeBarrier(descriptor)
    os.close(descriptor)
    yield counter, barrier
    counter.close()


def test_nothing_is_waited_for_when_nothing_has_changed(shared, monkeypatch):
    monkeypatch.setattr(change_barrier, "_PATIENCE", 100)
    _, barrier = shared
    barrier.wait()


def test_a_request_waits_until_the_changes_before_it_are_known(shared, monkeypatch):
    monkeypatch.setattr(change_barrier, "_PATIENCE", 100)
    counter, barrier = shared
    assert [counter.add(), counter.add()] == [1, 2]

    def wait_is_on() -> bool:
        """Whether all three have read the number, and found that too little is known."""
        return len(barrier._changed._waiters) == 3

    threads = [threading.Thread(target=barrier.wait, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(wait_is_on)
    counter.add()  # begun after the requests: nobody waits for it
    barrier.note(1)
    until(wait_is_on)
    barrier.note(2)
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_a_request_goes_on_when_its_patience_is_over(shared, monkeypatch):
    monkeypatch.setattr(change_barrier, "_PATIENCE", 0.01)
    counter, barrier = shared
    counter.add()
    begun = time.monotonic()
    barrier.wait()
    assert time.monotonic() - begun >= 0.01


READER = f"""
import mmap, sys
shared = memoryview(mmap.mmap(int(sys.argv[1]), 8, access=mmap.ACCESS_READ)).cast("Q")
print("ready", flush=True)
least = smaller = 0
while least < {CHANGES}:
    seen = shared[0]
    smaller += seen < least
    least = max(least, seen)
print(smaller)
"""


def test_another_process_never_sees_a_smaller_number():
    """It saw zero while a number was written, and its request did not wait."""
    descriptor = create_shared_number()
    counter = ChangeCounter(descriptor)
    with subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", READER, str(descriptor)],
        pass_fds=(descriptor,), stdout=subprocess.PIPE, text=True,
    ) as reader:  # fmt: skip
        assert reader.stdout is not None
        reader.stdout.readline()
        for _ in range(CHANGES):
            counter.add()
        assert reader.stdout.read() == "0\n"
    counter.close()
    os.close(descriptor)


def test_the_memory_has_no_name_and_ends_with_its_users():
    descriptor = create_shared_number()
    assert not os.get_inheritable(descriptor)
    before = copies(descriptor)
    counter = ChangeCounter(descriptor)
    barrier = ChangeBarrier(descriptor)
    assert copies(descriptor) == before + 2
    shown = os.readlink(f"/proc/self/fd/{descriptor}")
    assert shown == "/memfd:s3d-mount-changes (deleted)"
    assert counter.add() == 1
    barrier.note(1)
    barrier.wait()
    counter.close()
    del barrier
    assert copies(descriptor) == before == 1
    os.close(descriptor)
