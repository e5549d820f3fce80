"""The admin address of a real agent: how it starts, what it refuses, what it survives."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from s3d.agent.app.process import raise_file_limit
from s3d.shared.diagnostics import NOT_READY, READY, ReadinessCheck
from tests.admin_client import ANY_PORT, admin_url, page, socket_page
from tests.agent_process import AgentProcess, StartFailed
from tests.scrape import parse
from tests.user_guide import GUIDE

ANY_ADDRESS = "http://0.0.0.0:0"


def test_the_lines_of_the_user_guide_work(start_agent):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    agent = start_agent(env={"S3D_ADMIN": ANY_PORT})
    example = GUIDE.partition("\n# Monitoring\n")[2].partition("```shell")[2].partition("```")[0]
    lines = re.findall(r"^\$ (curl .*)$", example, re.MULTILINE)
    answers = []
    for line in lines:
        command = line.replace("http://127.0.0.1:33334", admin_url(agent)).split()
        answers.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    health, readiness, metrics = answers
    assert health == "ok\n"
    assert readiness in example
    assert parse(metrics).types


def test_it_is_off_by_default(agent):
    assert agent.client.status().admin is None
    assert not agent.places.admin_token_file.exists()


def test_the_control_socket_always_has_the_three_pages(agent):
    assert socket_page(agent, "/healthz").body == b"ok\n"
    assert socket_page(agent, "/readyz").readiness.status == READY
    assert parse(socket_page(agent, "/metrics").body.decode()).types


def exposed(start_agent, **env: str) -> tuple[AgentProcess, str]:
    """An agent that other machines can reach, and the URL for this one."""
    agent = start_agent(env={"S3D_ADMIN": ANY_ADDRESS, "S3D_LOG_LEVEL": "debug", **env})
    return agent, admin_url(agent)


def test_beyond_loopback_there_is_a_token_that_only_the_owner_can_read(start_agent):
    agent, url = exposed(start_agent)
    file = agent.places.admin_token_file
    assert agent.client.status().admin.token_file == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = file.read_text().strip()
    assert len(token) >= 43
    assert page(url, "/healthz").body == b"ok\n"
    assert page(url, "/readyz").body == b'{"status":"ready"}\n'
    assert page(url, "/metrics").status == 401
    assert page(url, "/metrics", Authorization=f"Bearer {token}x").status == 401
    assert page(url, "/metrics", Authorization=f"Bearer {token}").status == 200
    assert page(url, "/readyz", Authorization=f"Bearer {token}").readiness.checks
    (warning,) = agent.client.status().warnings
    assert warning.startswith("http://0.0.0.0:0 can be reached from the network")
    assert agent.stop() == 0
    assert token not in agent.stderr


@pytest.mark.slow
def test_the_token_survives_a_restart_and_is_refused_when_others_can_read_it(start_agent):
    first, _ = exposed(start_agent)
    token = first.places.admin_token_file.read_text()
    assert first.stop() == 0
    second, _ = exposed(start_agent)
    assert second.places.admin_token_file.read_text() == token
    assert second.stop() == 0
    second.places.admin_token_file.chmod(0o644)
    with pytest.raises(StartFailed) as caught:
        exposed(start_agent)
    assert caught.value.code == 2
    assert f"chmod 600 {second.places.admin_token_file}" in caught.value.stderr


def test_a_chosen_token_is_needed_on_loopback_too_and_shown_nowhere(start_agent):
    token = "planted-secret-token-0123456789"
    env = {"S3D_ADMIN": ANY_PORT, "S3D_ADMIN_TOKEN": token, "S3D_LOG_LEVEL": "debug"}
    agent = start_agent(env=env)
    url = admin_url(agent)
    assert page(url, "/metrics").status == 401
    metrics = page(url, "/metrics", Authorization=f"Bearer {token}")
    assert metrics.status == 200
    assert not agent.places.admin_token_file.exists()
    config = socket_page(agent, "/v1/config").body
    assert agent.stop() == 0
    assert token.encode() not in metrics.body + config + agent.stderr.encode()


def test_a_taken_port_is_an_error_before_anything_is_opened(start_agent, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StartFailed) as caught:
            start_agent(env={"S3D_ADMIN": url})
    assert caught.value.code == 1
    assert f"cannot listen on {url}: another program is listening" in caught.value.stderr
    assert "S3D_ADMIN" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
    assert not (tmp_path / "home" / "data" / "store").exists()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("http://127.0.0.1:33334/metrics", "the address has no path"),
        ("http://127.0.0.1:33999", "is the address of S3"),
    ],
)
def test_a_bad_address_is_refused_with_what_to_write(start_agent, value, words):
    with pytest.raises(StartFailed) as caught:
        start_agent(env={"S3D_ADMIN": value, "S3D_ENDPOINT": "http://127.0.0.1:33999"})
    assert caught.value.code == 2
    assert words in caught.value.stderr
    assert "S3D_ADMIN" in caught.value.stderr


@pytest.mark.slow
def test_a_thousand_idle_connections_keep_neither_a_monitor_nor_a_client_out(start_agent):
    raise_file_limit()
    agent = start_agent("--bucket", "bucket", env={"S3D_ADMIN": ANY_PORT})
    url = admin_url(agent)
    address = ("127.0.0.1", urlsplit(url).port)
    with ExitStack() as leaving:
        idle = [leaving.enter_context(socket.create_connection(address)) for _ in range(1_000)]
        assert page(url, "/healthz").body == b"ok\n"
        assert page(url, "/metrics").status == 200
        with closing(agent.s3()) as s3:
            s3.put_object(Bucket="bucket", Key="k", Body=b"data")
        ended = [connection for connection in idle if is_ended(connection)]
        assert len(idle) - len(ended) <= 64


def is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended it, with or without a reset."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.slow
def test_scrapes_succeed_under_load(start_agent):
    agent = start_agent("--bucket", "bucket", env={"S3D_ADMIN": ANY_PORT})
    url, ended = admin_url(agent), threading.Event()

    def write(number: int) -> None:
        with closing(agent.s3()) as s3:
            for at in range(10_000):
                if ended.is_set():
                    return
                s3.put_object(Bucket="bucket", Key=f"{number}/{at}", Body=b"x" * 4096)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            answer = page(url, "/metrics")
            assert answer.status == 200
            parse(answer.body.decode())
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_while_it_stops_it_is_alive_and_not_ready(start_agent):
    agent = start_agent("--bucket", "bucket", env={"S3D_ADMIN": ANY_PORT, "S3D_AUTH": "none"})
    url, parts = admin_url(agent), urlsplit(agent.endpoint)
    assert page(url, "/readyz").readiness.status == READY
    with socket.create_connection((parts.hostname, parts.port)) as client:
        client.sendall(f"PUT /bucket/k HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                       "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n".encode())  # fmt: skip
        assert client.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n", "it has the request"
        agent.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 10
        while (answer := page(url, "/readyz")).status == 200:
            assert time.monotonic() < end
        assert answer.readiness.status == NOT_READY
        stopping = ReadinessCheck("endpoint", False, "the agent is stopping")
        assert answer.readiness.checks[0] == stopping
        assert page(url, "/healthz").body == b"ok\n"
        client.sendall(b"data")
        assert client.recv(64).startswith(b"HTTP/1.1 200")
    assert agent.wait() == 0
    with pytest.raises(OSError, match="refused"):
        page(url, "/healthz")
