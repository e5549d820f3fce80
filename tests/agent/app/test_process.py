from __future__ import annotations

import asyncio
import os
import resource
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from s3d.agent.app import process
from s3d.agent.app.process import Notifier, only_one, private_folder, raise_file_limit
from s3d.shared.errors import AlreadyRunningError, UsageError


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_lock_has_one_holder_who_is_named(tmp_path):
    lock = tmp_path / "agent.lock"
    socket = tmp_path / "agent.sock"
    with (
        only_one(lock, socket, clock=lambda: 12.5),
        pytest.raises(AlreadyRunningError) as caught,
        only_one(lock, tmp_path / "other.sock"),
    ):
        pass
    assert caught.value.exit_code == 75
    assert f"pid {os.getpid()}" in caught.value.detail
    assert str(socket) in caught.value.detail


def test_the_lock_is_free_again_after_its_holder(tmp_path):
    for _ in range(2):
        with only_one(tmp_path / "agent.lock", tmp_path / "agent.sock"):
            assert mode(tmp_path / "agent.lock") == 0o600


def test_a_lock_file_without_a_name_in_it_is_no_riddle(tmp_path):
    lock = tmp_path / "agent.lock"
    with only_one(lock, tmp_path / "agent.sock"):
        lock.write_bytes(b"")
        with pytest.raises(AlreadyRunningError), only_one(lock, tmp_path / "agent.sock"):
            pass


def test_the_lock_file_is_not_followed_elsewhere(tmp_path):
    target = tmp_path / "precious"
    target.write_text("data")
    (tmp_path / "agent.lock").symlink_to(target)
    with (
        pytest.raises(OSError, match="symbolic"),
        only_one(tmp_path / "agent.lock", tmp_path / "agent.sock"),
    ):
        pass
    assert target.read_text() == "data"


def test_folders_are_made_private_and_closed_to_others(tmp_path):
    new, wide = tmp_path / "a" / "new", tmp_path / "wide"
    wide.mkdir()
    wide.chmod(0o755)
    for folder in (new, wide):
        private_folder(folder)
        assert mode(folder) == 0o700


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="another user"):
        private_folder(tmp_path)


HARDENED = """
import ctypes, os, resource, sys
from s3d.agent.app.process import harden
harden()
print(resource.getrlimit(resource.RLIMIT_CORE))
print(oct(os.umask(0)))
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft == min(hard, 65536))
PR_GET_DUMPABLE = 3
print(ctypes.CDLL(None).prctl(PR_GET_DUMPABLE) if sys.platform == "linux" else 0)
"""


def test_the_process_leaves_no_core_and_makes_private_files():
    out = subprocess.run(
        [sys.executable, "-c", HARDENED], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert out == ["(0, 0)", "0o77", "True", "0"]


def test_the_limit_of_descriptors_is_never_lowered(monkeypatch):
    asked = []
    monkeypatch.setattr(process.resource, "getrlimit", lambda which: (100_000, 200_000))
    monkeypatch.setattr(process.resource, "setrlimit", lambda *limits: asked.append(limits))
    assert raise_file_limit() == 100_000
    assert asked == []


def test_a_system_that_refuses_more_descriptors_is_no_reason_to_fail(monkeypatch):
    def refuse(which, limits):
        raise ValueError("not allowed")

    monkeypatch.setattr(process.resource, "getrlimit", lambda which: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(process.resource, "setrlimit", refuse)
    assert raise_file_limit() == 256


@pytest.mark.finding("S15")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize(
    ("owner", "mode", "is_refused"),
    [(4242, 0o777, True), (4242, 0o1777, False), (4242, 0o755, False), (0, 0o777, False)],
)
def test_a_folder_below_one_of_another_user_that_all_can_write_to(
    tmp_path, owner, mode, is_refused
):
    local = tmp_path / "local"
    local.mkdir()
    local.chmod(mode)
    os.chown(local, owner, owner)
    if not is_refused:
        private_folder(local / "data/store")
        return
    with pytest.raises(UsageError) as refused:
        private_folder(local / "data/store")
    assert str(local) in refused.value.detail


@pytest.fixture
def manager(tmp_path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_the_manager_gets_the_assignments_in_one_datagram(manager):
    Notifier(manager.getsockname()).send("READY=1", "STATUS=Serving")
    assert manager.recv(100) == b"READY=1\nSTATUS=Serving"


def test_an_address_may_be_abstract(tmp_path):
    name = f"s3d-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        try:
            listener.bind(f"\0{name}")
        except OSError:
            pytest.skip("no abstract sockets here")
        listener.settimeout(5)
        Notifier(f"@{name}").send("READY=1")
        assert listener.recv(100) == b"READY=1"


def test_without_a_manager_nothing_happens(tmp_path):
    Notifier().send("READY=1")
    Notifier(str(tmp_path / "nobody")).send("READY=1")


def test_the_variables_do_not_reach_children():
    env = {
        "NOTIFY_SOCKET": "/run/x",
        "WATCHDOG_USEC": "2000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/h",
    }
    notifier = Notifier.from_environment(env)
    assert env == {"HOME": "/h"}
    assert notifier._watchdog == 2.0


@pytest.mark.parametrize(
    "env", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}]
)
async def test_a_watchdog_that_is_not_for_us_is_not_fed(env, manager):
    notifier = Notifier.from_environment({**env, "NOTIFY_SOCKET": manager.getsockname()})
    await asyncio.wait_for(notifier.feed_watchdog(), 1)


async def test_the_watchdog_is_fed_twice_in_its_time(manager):
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        feeding = group.create_task(Notifier(manager.getsockname(), 0.05).feed_watchdog())
        began = loop.time()
        for _ in range(3):
            assert await asyncio.to_thread(manager.recv, 100) == b"WATCHDOG=1"
        assert loop.time() - began >= 0.045
        feeding.cancel()
