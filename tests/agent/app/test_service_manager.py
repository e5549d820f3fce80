import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from s3d.agent.app.service_manager import Notifier


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
