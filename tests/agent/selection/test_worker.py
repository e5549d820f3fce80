"""One thing after the other, in a thread that nobody has to wait for."""

import subprocess
import sys
import threading

import pytest

from s3d.agent.selection.worker import Worker


def test_results_and_errors_come_back():
    worker = Worker("test")
    assert worker.submit(divmod, 7, 2).result(10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        worker.submit(divmod, 7, 0).result(10)
    assert worker.submit(threading.current_thread).result(10).name == "test"
    worker.close()


def test_what_is_cancelled_before_its_turn_is_not_begun():
    worker, go, done = Worker("test"), threading.Event(), []
    first = worker.submit(go.wait, 10)
    second = worker.submit(done.append, 2)
    assert second.cancel()
    go.set()
    assert first.result(10)
    worker.submit(done.append, 3).result(10)
    worker.close()
    assert done == [3]


def test_a_process_ends_without_it():
    text = """
import time
from s3d.agent.selection.worker import Worker
Worker("test").submit(time.sleep, 60)
"""
    assert subprocess.run([sys.executable, "-c", text], timeout=20, check=False).returncode == 0
