"""The program of the process of the mounts: its end, and its log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.process.channel import Channel
from s3d.agent.frontends.fuse.process.mount_main import ChannelHandler, log_end_of_thread
from s3d.agent.frontends.fuse.process.running_process import MODULE
from tests.known_load import wait_until


class Program:
    """The program, and the end of its socket that an agent has."""

    def __init__(self) -> None:
        self.end, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stderr=subprocess.PIPE,
            )

    def ignores(self, number: signal.Signals) -> bool:
        """Whether it ignores a signal; False also before it has begun to."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        ignored = next(int(row.split()[1], 16) for row in status if row.startswith("SigIgn"))
        return bool(ignored >> (number - 1) & 1)


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    yield program
    program.end.close()
    program.process.kill()
    program.process.communicate()


def test_it_ends_at_once_when_the_agent_has_ended(program: Program) -> None:
    program.end.close()
    assert program.process.wait(20) == 1
    assert program.process.stderr is not None
    assert program.process.stderr.read() == b""


def test_what_a_terminal_and_a_service_manager_send_to_all_does_not_end_it(
    program: Program,
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        wait_until(lambda number=number: program.ignores(number))
        program.process.send_signal(number)
    program.end.close()
    assert program.process.wait(20) == 1


async def test_a_record_is_sent_as_a_notice() -> None:
    lines: list[object] = []
    received = asyncio.Event()
    one, other = socket.socketpair()

    def take(value: object) -> None:
        lines.append(value)
        received.set()

    sender = Channel(one, handlers={}, listeners={})
    receiver = Channel(other, handlers={}, listeners={"log": take})
    handler = ChannelHandler(sender, asyncio.get_running_loop())
    record = logging.LogRecord("s3d.agent.x", logging.WARNING, "", 0, "at %d", (7,), None)
    await asyncio.to_thread(handler.emit, record)
    await received.wait()
    ((name, level, created, entry),) = lines
    assert (name, level, created) == ("s3d.agent.x", logging.WARNING, record.created)
    assert (entry["message"], entry["level"]) == ("at 7", "warning")
    sender.close()
    receiver.close()


def test_it_imports_nothing_from_the_folder_where_it_is_started(tmp_path: Path) -> None:
    (tmp_path / "s3d").mkdir()
    (tmp_path / "s3d" / "__init__.py").write_text("raise SystemExit(77)")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        ours.close()
        theirs.close()
        assert process.wait(20) == 1


def test_a_thread_that_ends_with_an_exception_is_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        raise OverflowError("too large")

    monkeypatch.setattr(threading, "excepthook", log_end_of_thread)
    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    assert "a thread of the mounts has ended name=worker" in caplog.text
    assert "OverflowError: too large" in caplog.text
