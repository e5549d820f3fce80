"""With a stand-in for systemctl that writes down its calls: no systemd runs where the tests do."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from s3d.cli.service.service_commands import service_manager
from s3d.shared.errors import S3dError
from tests.cli.conftest import Commands

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$HOME/calls"
case "$*" in
  *show*) printf 'ActiveState=active\\nMainPID=%s\\nUnitFileState=enabled\\n' "${PID:-0}" ;;
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


def test_the_command_of_the_unit_is_ready_only_when_it_serves(service: Commands) -> None:
    assert service("service", "install", "--no-now", S3D_ENDPOINT="").code == 0
    unit = (service.home / ".config/systemd/user/s3d.service").read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(service.home / "notify"))
        manager.settimeout(60)
        env = service.env | {
            "NOTIFY_SOCKET": str(service.home / "notify"),
            "WATCHDOG_USEC": "200000",
        }
        command = shlex.split(start.removeprefix("ExecStart="))
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, cwd="/") as agent:
            seen = [manager.recv(4096).decode()]
            assert seen[0].startswith("READY=1\nSTATUS=Serving http://")
            address = seen[0].rpartition("//")[2].split(":")
            socket.create_connection((address[0], int(address[1])), timeout=10).close()
            assert [manager.recv(4096) for _ in range(2)] == [b"WATCHDOG=1"] * 2
            agent.send_signal(signal.SIGTERM)
            while not seen[-1].startswith("STOPPING=1"):
                seen.append(manager.recv(4096).decode())
        assert agent.returncode == 0


def test_without_a_manager_it_says_what_to_run(tmp_path) -> None:
    with pytest.raises(S3dError, match="no service manager") as caught:
        service_manager({"PATH": str(tmp_path)})
    assert caught.value.remedy == "let your service manager run: s3d run"
