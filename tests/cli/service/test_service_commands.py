"""With a stand-in for systemctl that writes down its calls: no systemd runs where the tests do."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from s3d.cli.service.service_commands import service_manager
from s3d.shared.errors import S3dError
from tests.agent_process import AgentProcess
from tests.cli.conftest import Commands

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$HOME/calls"
case "$*" in
  *show*) printf 'ActiveState=active\\nMainPID=%s\\nUnitFileState=enabled\\n' "${PID:-0}" ;;
esac
case "$*" in
  *"${FAILS:-nothing} s3d"*) echo "Job for s3d.service failed." >&2; exit 1 ;;
esac
test -z "$BROKEN" || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
"""


@pytest.fixture
def service(alone: Commands, tmp_path: Path) -> Commands:
    for name in ("systemctl", "loginctl"):
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(SYSTEMCTL if name == "systemctl" else "#!/bin/sh\necho Linger=no\n")
        script.chmod(0o700)
    env = alone.env | {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    return Commands(tmp_path, env)


def calls(service: Commands) -> list[str]:
    file = service.home / "calls"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return [line.removeprefix("--user ") for line in lines if "show" not in line]


def test_a_service_that_mounts_may_run_fusermount3(service: Commands) -> None:
    unit = service.home / ".config" / "systemd" / "user" / "s3d.service"
    service("service", "install")
    assert "NoNewPrivileges=yes" in unit.read_text()
    service("service", "install", S3D_FUSE_MOUNT="true")
    assert "NoNewPrivileges" not in unit.read_text()


def test_it_is_installed_shown_and_removed(service: Commands) -> None:
    unit = service.home / ".config" / "systemd" / "user" / "s3d.service"
    assert "(not installed)" in service("service").out
    done = service("service", "install", S3D_REMOTE="aws")
    assert done.code == 0, done.err
    assert f"installed {unit}" in done.err + done.out
    assert "the service does not see" in done.err
    assert "S3D_REMOTE" in done.err
    assert "S3D_LOCAL_DIR" not in done.err
    assert calls(service) == ["daemon-reload", "enable s3d.service", "start s3d.service"]
    assert f"Environment=S3D_LOCAL_DIR={service.env['S3D_LOCAL_DIR']}" in unit.read_text()
    status = json.loads(service("service", "status", "--json", PID="4711").out)
    assert (status["installed"], status["enabled"], status["state"]) == (True, True, "active")
    assert (status["pid"], status["lingers"]) == (4711, False)
    assert "enable-linger" in service("service", "status").out
    assert f"{unit} starts at login, and is active" in service("doctor").out
    calls(service)
    assert service("service", "install", PID="4711").code == 0
    assert calls(service)[-1] == "restart s3d.service"
    assert f"removed {unit}" in (gone := service("service", "uninstall")).out + gone.err
    assert calls(service) == ["disable --now s3d.service", "daemon-reload"]
    assert not unit.exists()
    assert "not installed" in (gone := service("service", "uninstall")).out + gone.err


def test_with_sockets_systemd_listens(service: Commands) -> None:
    done = service(
        "service", "install", "--socket", "--no-now", S3D_ENDPOINT="http://127.0.0.1:44444"
    )
    assert done.code == 0, done.err
    text = (service.home / ".config/systemd/user/s3d.socket").read_text()
    assert "ListenStream=127.0.0.1:44444" in text
    assert calls(service) == ["daemon-reload", "enable s3d.service s3d.socket"]
    assert service("service", "uninstall").code == 0
    assert not list((service.home / ".config/systemd/user").iterdir())
    done = service("service", "install", "--socket", S3D_ENDPOINT="http://127.0.0.1:0")
    assert (done.code, "needs a port" in done.err) == (2, True)


def test_without_a_session_of_the_user_it_says_so(service: Commands) -> None:
    done = service("service", "install", BROKEN="yes")
    assert done.code == 1
    assert "Failed to connect to bus" in done.err
    assert "s3d run" in done.err
    assert "does not answer" in service("service", BROKEN="yes").out
    assert not (service.home / ".config/systemd").exists(), "nothing is left half installed"
    assert "not installed" in service("service", "uninstall", BROKEN="yes").out


def test_a_start_that_fails_leads_to_the_log_of_the_agent(service: Commands) -> None:
    done = service("service", "install", FAILS="start")
    assert done.code == 1
    assert "Job for s3d.service failed" in done.err
    assert "hint: s3d logs" in done.err
    assert "sudo" not in done.err


def test_an_agent_that_runs_already_is_not_a_failed_start(service: Commands) -> None:
    assert service("start").code == 0
    try:
        done = service("service", "install")
        assert (done.code, "runs already, as process" in done.out) == (0, True), done.err
        assert "s3d restart" in done.out
        assert calls(service) == ["daemon-reload", "enable s3d.service"]
        assert service("restart").code == 0
        assert calls(service) == ["restart s3d.service"]
        assert service("status").code == 5, "the agent has made room for the service"
    finally:
        service("stop")


def test_the_variables_that_a_service_does_not_see_are_named(service: Commands) -> None:
    terminal = {"AWS_PROFILE": "work", "HTTPS_PROXY": "http://proxy:3128", "AWS_ENDPOINT_URL": "x"}
    alone = service("service", "install", **terminal)
    assert (alone.code, "AWS_PROFILE" in alone.err) == (0, False), "without a remote"
    done = service("service", "install", S3D_REMOTE="aws", XDG_CACHE_HOME="/c", **terminal)
    assert "does not see AWS_PROFILE, HTTPS_PROXY of this terminal" in done.err
    unit = (service.home / ".config/systemd/user/s3d.service").read_text()
    assert "Environment=XDG_CACHE_HOME=/c\n" in unit


def test_an_agent_of_another_folder_is_not_the_service(service: Commands) -> None:
    assert service("service", "install").code == 0
    calls(service)
    other = {"S3D_LOCAL_DIR": str(service.home / "other"), "S3D_SOCKET": ""}
    try:
        assert "started the service" not in service("start", **other).out
        assert calls(service) == []
    finally:
        assert service("stop", **other).code == 0
    service("start")
    assert calls(service) == ["start s3d.service"]


AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4)
os.environ |= {"LISTEN_FDS": "2", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[3], sys.argv[3:])
"""
"""What systemd does with the sockets of s3d.socket before it runs the command of the service."""


def test_the_command_of_the_unit_serves_when_it_is_ready_and_stops_in_order(
    service: Commands,
) -> None:
    """With a real NOTIFY_SOCKET and LISTEN_FDS: a connection that waits since before the start is
    answered, and once the agent has said READY=1 every request is. A request that is running at
    SIGTERM is finished after STOPPING=1 and before the end of the process."""
    assert service("service", "install", "--no-now", S3D_ENDPOINT="").code == 0
    unit = (service.home / ".config/systemd/user/s3d.service").read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    with ExitStack() as closing:
        manager = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(service.home / "notify"))
        manager.settimeout(60)
        control = closing.enter_context(socket.socket(socket.AF_UNIX))
        control.bind(str(service.home / "control"))
        control.listen()
        endpoint = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = endpoint.getsockname()[1]
        early = closing.enter_context(request(port))
        env = service.env | {
            "NOTIFY_SOCKET": str(service.home / "notify"),
            "WATCHDOG_USEC": "200000",
            "S3D_SOCKET": str(service.home / "control"),
        }
        sockets = (endpoint.fileno(), control.fileno())
        command = shlex.split(start.removeprefix("ExecStart="))
        command = [sys.executable, "-c", AS_SYSTEMD, *map(str, sockets), *command]
        options = {"env": env, "pass_fds": sockets, "stdout": subprocess.PIPE, "cwd": "/"}
        agent = closing.enter_context(subprocess.Popen(command, **options))
        seen = [manager.recv(4096).decode()]
        assert seen[0] == f"READY=1\nSTATUS=Serving http://127.0.0.1:{port}"
        with request(port) as ready:
            assert [each.recv(12) for each in (early, ready)] == [b"HTTP/1.1 403"] * 2
        assert [manager.recv(4096) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        s3 = AgentProcess(Path(env["S3D_LOCAL_DIR"]), agent, env).s3()
        s3.create_bucket(Bucket="bucket")
        running = closing.enter_context(upload(s3, port))
        answers = closing.enter_context(running.makefile("rb"))
        assert answers.readline() + answers.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        agent.send_signal(signal.SIGTERM)
        while not seen[-1].startswith("STOPPING=1"):
            seen.append(manager.recv(4096).decode())
        assert agent.poll() is None, "it has a request to finish"
        running.sendall(b"data")
        assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
        assert agent.wait(30) == 0


def request(port: int) -> socket.socket:
    """A connection on which an unsigned request has been sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    return connection


def upload(s3: Any, port: int) -> socket.socket:
    """A connection on which the agent is to invite the four bytes of a PUT."""
    place = {"Bucket": "bucket", "Key": "k"}
    target = urlsplit(s3.generate_presigned_url("put_object", Params=place))
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        f"PUT {target.path}?{target.query} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def test_without_a_manager_it_says_what_to_run(tmp_path) -> None:
    with pytest.raises(S3dError, match="no service manager") as caught:
        service_manager({"PATH": str(tmp_path)})
    assert caught.value.remedy == "let your service manager run: s3d run"
