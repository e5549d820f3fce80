"""What the metrics cost: endpoints that count beside one that does not, in alternated short rounds.

They are in one process (cost_server.py). Two endpoints count, so that their difference shows the
noise. `S3D_TORTURE_ROUNDS=600 make torture-metrics_cost` measures for longer. It prints the
figures.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from statistics import median

import pytest

from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signing import sign
from tests.torture.cost_server import SIGNER

pytestmark = pytest.mark.torture

ROUNDS = int(os.environ.get("S3D_TORTURE_ROUNDS", "200"))
CONNECTIONS = 16
TURNS = {"GET": 12, "PUT": 3}
"""Requests on each connection in a round, one after the other."""
DATA = b"x" * 4_096
ENDPOINTS = {"on": "", "off": "off", "same": ""}
"""Name -> value of S3D_TELEMETRY."""
MAX_SHARE = 0.02
"""The share of the CPU that metrics may take."""


class Endpoint:
    """One endpoint, and the CPU microseconds that a request took in each round."""

    def __init__(self, port: int, process: int) -> None:
        address = ("127.0.0.1", port)
        self._connections = [socket.create_connection(address) for _ in range(CONNECTIONS)]
        self._tasks = Path(f"/proc/{process}/task")
        self._sizes: dict[str, int] = {}
        self.costs: dict[str, list[float]] = {"PUT": [], "GET": []}
        self._ask(_request("PUT", "/bucket"))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def measure(self, method: str) -> None:
        """One round."""
        request = _request(method, "/bucket/k", DATA if method == "PUT" else b"")
        if method not in self._sizes:
            self._sizes[method] = self._ask(request)
        before = self._cpu_time()
        for _ in range(TURNS[method]):
            for connection in self._connections:
                connection.sendall(request)
            for connection in self._connections:
                left = self._sizes[method]
                while left:
                    left -= len(connection.recv(left))
        count = TURNS[method] * CONNECTIONS
        self.costs[method].append((self._cpu_time() - before) / count * 1e6)

    def _ask(self, request: bytes) -> int:
        """Make one request; the bytes of its response, which are as many for each like it."""
        connection = self._connections[0]
        connection.sendall(request)
        answer = connection.recv(1 << 20)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(1 << 20)
        return len(head) + 4 + length

    def _cpu_time(self) -> float:
        """Seconds of all threads, to the nanosecond; proc(5) has clock ticks only."""
        tasks = self._tasks.glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _request(method: str, path: str, data: bytes = b"") -> bytes:
    wire = WireRequest(method, path, "", (("host", "localhost"),))
    signed = sign(wire, sha256(data).hexdigest(), SIGNER, time.time())
    headers = {"Host": "localhost", "Content-Length": str(len(data)), **signed}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + data


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[dict[str, Endpoint]]:
    command = [
        sys.executable,
        "-m",
        "tests.torture.cost_server",
        str(tmp_path),
        *ENDPOINTS.values(),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ports = [int(process.stdout.readline()) for _ in ENDPOINTS]
        opened = [Endpoint(port, process.pid) for port in ports]
        yield dict(zip(ENDPOINTS, opened, strict=True))
        for each in opened:
            each.close()
        process.communicate(timeout=30)


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_metrics_cost_at_most_two_percent(
    endpoints: dict[str, Endpoint], method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    every = list(endpoints.values())
    for _ in range(10):  # the first requests fill caches, and have Python specialize its code
        for each in every:
            each.measure("PUT")
            each.measure(method)
    for each in every:
        each.costs[method].clear()
    for number in range(ROUNDS):
        for at in range(len(every)):
            every[(at + number) % len(every)].measure(method)
    on, off, same = (endpoints[name].costs[method] for name in ENDPOINTS)
    costs = [median(one / other - 1 for one, other in zip(a, off, strict=True)) for a in (on, same)]
    spread = abs(median(one / other - 1 for one, other in zip(on, same, strict=True)))
    with capsys.disabled():
        print(
            f"\n{method} 4 KiB: {median(on):.1f} us with metrics, {median(off):.1f} us without; "
            f"{costs[0]:+.1%} and {costs[1]:+.1%}; A/A {spread:.1%}"
        )
    assert sum(costs) / 2 <= MAX_SHARE + spread
