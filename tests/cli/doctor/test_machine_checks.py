from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from s3d.cli.doctor.machine_checks import (
    check_files,
    check_mounts,
    check_proxy,
    check_service,
    check_watches,
    service_finding,
)
from s3d.cli.service.service_manager import ServiceStatus
from s3d.shared.findings import Level
from s3d.shared.mount_table import mounts_of_s3d
from tests.cli.doctor.mortal_mount import CAN_MOUNT, mounted


def test_a_low_limit_of_open_files_is_named() -> None:
    assert check_files((256, resource.RLIM_INFINITY)).level is Level.OK
    found = check_files((256, 512))
    assert (found.level, "512 files" in found.text) == (Level.FAIL, True)
    assert "ulimit -Hn" in found.remedy


def test_few_watches_matter_only_with_sync_folders(tmp_path: Path) -> None:
    (tmp_path / "max_user_watches").write_text("100\n")
    (found,) = check_watches(has_folders=True, limits=tmp_path)
    assert (found.level, "only 100 folders" in found.text) == (Level.WARN, True)
    assert "max_user_watches=" in found.remedy
    (found,) = check_watches(has_folders=False, limits=tmp_path)
    assert found.level is Level.OK
    assert [*check_watches(has_folders=True, limits=tmp_path / "hidden")] == []


def test_without_an_instance_of_inotify_nothing_is_watched() -> None:
    """The descriptors of this process run out first: the answer is the same."""
    code = (
        "import resource; from s3d.cli.doctor.machine_checks import check_watches;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3));"
        "print(*check_watches(has_folders=True))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no more folders can be watched: Too many open files" in done.stdout


@pytest.mark.parametrize(
    ("env", "level"),
    [
        ({}, Level.OK),
        ({"https_proxy": "http://p:1"}, Level.OK),
        ({"HTTP_PROXY": "http://p:1"}, Level.WARN),
        ({"all_proxy": "http://p:1", "NO_PROXY": "example.org"}, Level.WARN),
        ({"http_proxy": "http://p:1", "no_proxy": "localhost,127.0.0.1"}, Level.OK),
        ({"http_proxy": "http://p:1", "NO_PROXY": "*"}, Level.OK),
    ],
)
def test_a_proxy_that_takes_localhost_is_named(env: dict[str, str], level: Level) -> None:
    found = check_proxy(env, "127.0.0.1")
    assert found.level is level
    if level is Level.WARN:
        assert "http://p:1" in found.text
        assert found.remedy.endswith('127.0.0.1"')


def test_the_password_of_a_proxy_is_not_shown() -> None:
    found = check_proxy({"http_proxy": "http://me:secret@proxy:3128"}, "127.0.0.1")
    assert "http://***@proxy:3128" in found.text
    assert "secret" not in f"{found.text} {found.remedy}"


def test_without_fusermount3_nothing_can_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = check_mounts([tmp_path], [])
    assert (found.level, "fusermount3" in found.text) == (Level.FAIL, True)
    assert "fuse3" in found.remedy
    assert [*check_mounts([], [])] == []


@pytest.mark.skipif(not CAN_MOUNT, reason="needs FUSE")
def test_a_mount_whose_agent_is_dead_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "a mount"
    with mounted(folder) as kill:
        assert folder in mounts_of_s3d()
        (found,) = check_mounts([], [folder])
        assert found.level is Level.OK
        kill()
        (of_another,) = check_mounts([], [folder])
        assert of_another.level is Level.WARN, "the mount of another agent is no failure"
        (found,) = check_mounts([folder], [folder])
        assert (found.level, str(folder) in found.text) == (Level.FAIL, True)
        assert "not connected" in found.text
        assert found.remedy.startswith(f"fusermount3 -uz {folder}")


@pytest.mark.parametrize(
    ("state", "enabled", "lingers", "level", "words"),
    [
        ("active", True, True, Level.OK, "starts at login, and is active"),
        ("inactive", True, False, Level.OK, "loginctl enable-linger"),
        ("active", True, None, Level.OK, "is active"),
        ("active", False, True, Level.WARN, "does not start at login"),
        ("failed", True, True, Level.FAIL, "has failed"),
        ("", False, None, Level.WARN, "systemd does not answer"),
    ],
)
def test_the_state_of_the_service_has_a_meaning(
    state: str, *, enabled: bool, lingers: bool | None, level: Level, words: str
) -> None:
    status = ServiceStatus(
        manager="systemd",
        file="/u/s3d.service",
        installed=True,
        enabled=enabled,
        state=state,
        lingers=lingers,
    )
    found = service_finding(status)
    assert (found.level, words in found.text) == (level, True), found
    assert bool(found.remedy) is (level is not Level.OK)


def test_without_a_service_there_is_no_finding(tmp_path: Path) -> None:
    assert [*check_service({"PATH": str(tmp_path)})] == []
