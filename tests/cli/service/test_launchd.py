from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from s3d.cli.service.launchd import Launchd, property_list
from s3d.cli.service.service_manager import Definition, Listening
from s3d.shared.errors import UsageError

DEFINITION = Definition(
    command=("/opt/s3d/bin/s3d", "run"),
    env={"S3D_LOCAL_DIR": "/a b"},
    log=Path("/logs/service.log"),
)


def test_the_property_list_has_what_launchd_needs() -> None:
    read = plistlib.loads(property_list(DEFINITION))
    assert read["ProgramArguments"] == ["/opt/s3d/bin/s3d", "run"]
    assert read["EnvironmentVariables"] == {"S3D_LOCAL_DIR": "/a b"}
    assert (read["RunAtLoad"], read["KeepAlive"]) == (True, {"SuccessfulExit": False})
    assert read["StandardErrorPath"] == "/logs/service.log"


def test_its_file_is_that_of_a_launch_agent(tmp_path: Path) -> None:
    launchd = Launchd({"HOME": str(tmp_path)})
    assert launchd.uninstall() is None
    log = tmp_path / "state" / "service.log"
    file = launchd.install(Definition(command=("s3d", "run"), env={}, log=log))
    assert file == tmp_path / "Library" / "LaunchAgents" / "dev.s3d.agent.plist"
    assert plistlib.loads(file.read_bytes())["Label"] == "dev.s3d.agent"
    assert log.parent.is_dir()


def test_a_launch_agent_is_for_one_folder(tmp_path: Path) -> None:
    launchd = Launchd({"HOME": str(tmp_path)})
    log = tmp_path / "service.log"
    launchd.install(Definition(command=("s3d", "run"), env={"S3D_LOCAL_DIR": "/a b"}, log=log))
    assert [launchd.is_for(folder) for folder in ("/a b", "/a", "")] == [True, False, False]


def test_sockets_are_refused(tmp_path: Path) -> None:
    listening = Listening("127.0.0.1:1", tmp_path)
    with pytest.raises(UsageError, match="needs systemd"):
        Launchd({"HOME": str(tmp_path)}).install(
            Definition(command=("s3d",), env={}, log=tmp_path, listening=listening)
        )
