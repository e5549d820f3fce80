from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.app.socket_activation import inherited_sockets
from s3d.shared.errors import UsageError
from tests.agent_process import environment


def variables(count: int) -> dict[str, str]:
    return {"LISTEN_FDS": str(count), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "a:b"}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP socket and a Unix socket."""
    with socket.socket() as endpoint, socket.socket(socket.AF_UNIX) as control:
        endpoint.bind(("127.0.0.1", 0))
        control.bind(str(tmp_path / "socket"))
        yield endpoint, control


def inherit(*sockets: socket.socket) -> int:
    """Let a process have duplicates at neighbouring descriptors; the number of the first."""
    for number, each in enumerate(sockets, FIRST):
        os.dup2(each.fileno(), number)
    return FIRST


def test_the_sockets_are_told_apart_by_their_family(pair) -> None:
    env = variables(2) | {"HOME": "/"}
    sockets = inherited_sockets(env, first=inherit(*reversed(pair)))
    assert env == {"HOME": "/"}
    with sockets.endpoint as endpoint, sockets.control as control:
        assert endpoint.getsockname() == pair[0].getsockname()
        assert control.getsockname() == pair[1].getsockname()
        assert not os.get_inheritable(endpoint.fileno())
        with sockets.for_endpoint() as first, sockets.for_endpoint() as second:
            assert first.fileno() != second.fileno()


def test_those_of_another_process_stay_alone() -> None:
    assert inherited_sockets(variables(1) | {"LISTEN_PID": "1"}) == (None, None)
    assert inherited_sockets({}).for_endpoint() is None


def test_two_of_one_kind_are_refused(pair) -> None:
    with pytest.raises(UsageError, match="cannot use"):
        inherited_sockets(variables(2), first=inherit(pair[0], pair[0]))


FIRST = 200
"""A descriptor that no test has open."""
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4)
os.environ |= {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "s3d", "run"])
"""


def test_a_connection_waits_for_the_agent_that_it_starts(tmp_path: Path) -> None:
    """Both sockets take a request before the agent runs, and are there after it has stopped."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    path = home / "socket"
    with socket.create_server(("127.0.0.1", 0)) as endpoint, socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(path))
        path.chmod(0o600)
        ours.listen()
        port = endpoint.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as early:
            early.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            env = environment(home, S3D_SOCKET=str(path), S3D_ENDPOINT="http://127.0.0.1:9")
            descriptors = [endpoint.fileno(), ours.fileno()]
            agent = subprocess.Popen(
                [sys.executable, "-c", AS_SYSTEMD, *map(str, descriptors)],
                env=env,
                pass_fds=descriptors,
                stdout=subprocess.PIPE,
                text=True,
            )
            with agent:
                assert early.recv(12) == b"HTTP/1.1 403"
                assert agent.stdout is not None
                assert agent.stdout.readline().endswith(f"serves S3 on http://127.0.0.1:{port}\n")
                status = [sys.executable, "-m", "s3d", "status", "--json"]
                assert f":{port}" in subprocess.check_output(status, env=env, text=True)
                agent.terminate()
        assert path.exists()
        assert agent.returncode == 0
        with socket.create_connection(("127.0.0.1", port)):
            pass
