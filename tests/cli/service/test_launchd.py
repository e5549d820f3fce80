from __future__ import annotations

import os
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


LAUNCHCTL = """#!/bin/sh
cd "$HOME" || exit 1
test "$1" = print || echo "$1" "$2" >> calls
case "$1" in
  print) test -e loaded || exit 113; echo "state = $(cat loaded)" ;;
  bootstrap) test -e loaded && { echo "Bootstrap failed: 5: Input/output error" >&2; exit 5; }
    echo running > loaded ;;
  bootout) rm loaded ;;
  kickstart) test -e loaded && echo running > loaded ;;
esac
"""
"""A stand-in with the rules of launchctl: what is loaded cannot be loaded again, and what is not
loaded cannot be started."""


@pytest.fixture
def launchd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Launchd:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "launchctl"
    script.write_text(LAUNCHCTL)
    script.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    return Launchd({"HOME": str(tmp_path)})


def definition(folder: Path) -> Definition:
    return Definition(command=("s3d", "run"), env={}, log=folder / "service.log")


def calls(folder: Path) -> list[str]:
    lines = (folder / "calls").read_text().split("\n")[:-1]
    (folder / "calls").unlink()
    return [line.split()[0] for line in lines]


def test_an_agent_that_has_ended_is_started_again(launchd: Launchd, tmp_path: Path) -> None:
    launchd.install(definition(tmp_path))
    launchd.start()
    (tmp_path / "loaded").write_text("not running")
    launchd.start()
    assert launchd.status().state == "running"
    assert calls(tmp_path) == ["bootstrap", "kickstart"]


def test_one_that_is_not_loaded_is_restarted(launchd: Launchd, tmp_path: Path) -> None:
    launchd.install(definition(tmp_path))
    launchd.restart()
    launchd.restart()
    assert calls(tmp_path) == ["bootstrap", "kickstart"]


def test_launchd_reads_a_new_definition(launchd: Launchd, tmp_path: Path) -> None:
    launchd.install(definition(tmp_path))
    launchd.start()
    launchd.install(definition(tmp_path))
    launchd.start()
    launchd.uninstall()
    assert calls(tmp_path) == ["bootstrap", "bootout", "bootstrap", "bootout"]


def test_sockets_are_refused(tmp_path: Path) -> None:
    listening = Listening("127.0.0.1:1", tmp_path)
    with pytest.raises(UsageError, match="needs systemd"):
        Launchd({"HOME": str(tmp_path)}).install(
            Definition(command=("s3d",), env={}, log=tmp_path, listening=listening)
        )
