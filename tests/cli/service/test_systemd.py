from __future__ import annotations

import configparser
import subprocess
from pathlib import Path
from shutil import which

import pytest

from s3d.cli.service.service_manager import Definition, Listening, agent_command
from s3d.cli.service.systemd import SOCKET_UNIT, UNIT, Systemd, service_unit, socket_unit

ODD = '/a home/50% "off"/$x\\y'


def definition(tmp_path: Path, **fields) -> Definition:
    log = tmp_path / "log"
    return Definition(**{"command": tuple(agent_command()), "env": {}, "log": log} | fields)


@pytest.mark.skipif(which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("mounts", [False, True])
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path, *, mounts: bool) -> None:
    listening = Listening("127.0.0.1:33333", tmp_path / "run" / "agent.sock")
    unit = service_unit(definition(tmp_path, mounts=mounts, env={"S3D_LOCAL_DIR": ODD}))
    # The manual is only there where the package of a distribution has installed it.
    unit = unit.replace("Documentation=man:s3d(1)\n", "")
    (tmp_path / UNIT).write_text(unit)
    (tmp_path / SOCKET_UNIT).write_text(socket_unit(listening))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", tmp_path / UNIT, tmp_path / SOCKET_UNIT],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    ours = [line for line in done.stderr.splitlines() if "s3d" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return parser


def test_a_command_and_variables_are_quoted_for_systemd(tmp_path: Path) -> None:
    unit = read(
        service_unit(definition(tmp_path, command=(ODD, "run"), env={"S3D_LOCAL_DIR": ODD}))
    )
    escaped = '/a home/50%% \\"off\\"/{}x\\\\y'
    assert unit["Service"]["ExecStart"] == f'"{escaped.format("$$")}" run'
    assert unit["Service"]["Environment"] == f'"S3D_LOCAL_DIR={escaped.format("$")}"'


def test_a_service_is_for_one_folder(tmp_path: Path) -> None:
    systemd = Systemd({"XDG_CONFIG_HOME": str(tmp_path)})
    unit = tmp_path / "systemd/user" / UNIT
    unit.parent.mkdir(parents=True)
    for folder in ("", ODD, "/a"):
        env = {"S3D_LOCAL_DIR": folder} if folder else {}
        unit.write_text(service_unit(definition(tmp_path, env=env)))
        assert [systemd.is_for(each) for each in ("", ODD, "/a")] == [
            each == folder for each in ("", ODD, "/a")
        ]


def test_only_an_agent_with_mounts_may_gain_privileges(tmp_path: Path) -> None:
    assert read(service_unit(definition(tmp_path)))["Service"]["NoNewPrivileges"] == "yes"
    with_mounts = read(service_unit(definition(tmp_path, mounts=True)))["Service"]
    assert not {"NoNewPrivileges", "SystemCallFilter"} & set(with_mounts)


def test_the_sockets_are_private(tmp_path: Path) -> None:
    text = socket_unit(Listening("127.0.0.1:33333", Path("/run/user/1/s3d/100%.sock")))
    assert "ListenStream=127.0.0.1:33333\nListenStream=/run/user/1/s3d/100%%.sock\n" in text
    assert read(text)["Socket"]["SocketMode"] == "0600"
