import threading
from dataclasses import dataclass

import pytest

from s3d.agent.frontends.fuse import background_writes
from s3d.agent.frontends.fuse.background_writes import BackgroundWrites, is_due


@dataclass
class File:
    handles: int = 1
    tried_at: float = 0.0
    problem: OSError | None = None
    is_dirty: bool = True
    is_synced: bool = False
    idle: float = 0.0
    size: int = 100


@pytest.mark.parametrize(
    ("file", "now", "due"),
    [
        (File(is_dirty=False, handles=0), 1e9, False),
        (File(handles=0), 0.0, True),
        (File(handles=0, problem=OSError()), 1.0, False),
        (File(handles=0, problem=OSError()), 3.0, True),
        (File(is_synced=True), 29.0, False),
        (File(is_synced=True), 31.0, True),
        (File(idle=6.0), 31.0, True),
        (File(), 31.0, False),
        (File(), 301.0, True),
        (File(is_synced=True, size=2 << 30), 1e9, False),
    ],
)
def test_when_a_file_is_handed_over(file, now, due):
    assert is_due(file, now) is due


def test_the_thread_survives_errors_and_ends(monkeypatch):
    monkeypatch.setattr(background_writes, "TICK", 0.001)
    seen, done = [], threading.Event()
    files = [File(handles=0), File(handles=0)]

    def hand_over(file: File) -> None:
        seen.append(file)
        if len(seen) == 4:
            done.set()
        raise OSError("no") if file is files[0] else ValueError("a bug")

    thread = BackgroundWrites(lambda: files, hand_over)
    thread.start()
    assert done.wait(10)
    thread.stop()
    assert not thread._thread.is_alive()
