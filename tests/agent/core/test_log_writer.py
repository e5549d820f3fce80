import json
import logging
import threading
from pathlib import Path

import pytest

from s3d.agent.core.log_writer import QUEUE, LogFileHandler, LogWriter
from s3d.agent.core.rotating_file import RotatingFile

LOG = logging.getLogger("s3d.agent.test_log_writer")


class Breaking(RotatingFile):
    """A file on a disk that is full while `error` is set, and that stalls while `gate` is shut."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.error: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.tried = threading.Semaphore(0)

    def write(self, data: bytes) -> None:
        self.gate.wait()
        try:
            if self.error is not None:
                raise self.error
            super().write(data)
        finally:
            if data:
                self.tried.release()


@pytest.fixture
def file(tmp_path):
    return Breaking(tmp_path / "log")


def test_lines_of_all_threads_are_written_before_it_closes(file):
    writer = LogWriter(file)
    threads = [
        threading.Thread(target=lambda: [writer.put(b"line\n") for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert file.path.read_bytes() == b"line\n" * 2000
    assert (writer.lost, writer.trouble) == (0, "")


def test_a_disk_that_stalls_costs_lines_and_no_memory(file):
    file.gate.clear()
    writer = LogWriter(file)
    for _ in range(QUEUE * 2):
        writer.put(b"line\n")
    assert writer.lost >= QUEUE * 0.9
    file.gate.set()
    writer.close()
    assert file.path.read_bytes().count(b"\n") + writer.lost == QUEUE * 2


def test_a_full_disk_is_reported_once_and_the_gap_is_marked(file, caplog):
    caplog.set_level(logging.INFO)
    handler = LogFileHandler(file, retry=0.0)
    LOG.addHandler(handler)
    try:
        LOG.warning("before")
        file.tried.acquire()
        file.error = OSError(28, "No space left on device")
        for _ in range(3):
            LOG.warning("lost")
            file.tried.acquire()
        assert "No space left on device" in handler.writer.trouble
        assert str(file.path) in handler.writer.trouble
        file.error = None
        LOG.warning("after")
        file.tried.acquire()
    finally:
        LOG.removeHandler(handler)
        handler.close()
    messages = [json.loads(line)["message"] for line in file.path.read_bytes().splitlines()]
    assert messages == [
        "before",
        "lines are missing here, because the file could not be written: 3",
        "after",
    ]
    assert (handler.writer.trouble, handler.writer.lost) == ("", 3)
    assert sum("not logged to a file" in message for message in caplog.messages) == 1


def test_between_two_attempts_nothing_is_tried(file):
    writer = LogWriter(file, retry=1000.0)
    file.error = OSError(28, "No space left on device")
    writer.put(b"one\n")
    file.tried.acquire()
    file.error = None
    writer.put(b"two\n")
    writer.reopen()  # the operator has made room, and says so
    writer.put(b"three\n")
    file.tried.acquire()
    writer.close()
    assert file.path.read_bytes() in (b"three\n", b"two\nthree\n")


def test_a_path_that_cannot_be_written_shows_before_the_first_line(tmp_path, caplog):
    writer = LogWriter(RotatingFile(tmp_path / "none" / "log"))
    writer.close()
    assert writer.trouble == f"{tmp_path}/none/log cannot be written: No such file or directory"
    assert len(caplog.messages) == 1


def test_reopen_leaves_a_file_that_was_moved(file, tmp_path):
    writer = LogWriter(file)
    writer.put(b"one\n")
    file.tried.acquire()
    file.path.rename(tmp_path / "moved")
    writer.reopen()
    writer.put(b"two\n")
    writer.close()
    assert (tmp_path / "moved").read_bytes() == b"one\n"
    assert file.path.read_bytes() == b"two\n"
