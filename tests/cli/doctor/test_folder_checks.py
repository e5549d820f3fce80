from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.storage import disk
from s3d.cli.doctor.folder_checks import (
    FLOOR,
    FLOOR_SHARE,
    _room,
    check_endpoint,
    check_folders,
    check_secrets,
)
from s3d.shared.config.gateway_settings import CacheConfig, QueueConfig
from s3d.shared.config.schema import Config
from s3d.shared.findings import Level
from s3d.shared.paths import Places, find_places


def places_in(folder: Path) -> Places:
    return find_places(Config(local_dir=folder), {})


def test_folders_that_can_be_written_show_their_room(tmp_path: Path) -> None:
    found = [*check_folders(places_in(tmp_path), has_remote=False)]
    assert {each.check for each in found} == {"disk"}
    assert all("free for the" in each.text for each in found)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    if os.geteuid():
        pytest.skip("only root mounts file systems")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "s3d-test", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_is_named(small_disk: Path) -> None:
    found = [*check_folders(places_in(small_disk), has_remote=False)]
    assert [each.level for each in found] == [Level.FAIL] * 2
    assert str(small_disk) in found[0].text
    assert "free some space" in found[0].remedy


@pytest.mark.parametrize(
    ("free", "total", "level", "words"),
    [
        (300 << 20, 1 << 40, Level.FAIL, "below 512 MiB, s3d refuses writes"),
        (513 << 20, 1 << 40, Level.WARN, "513 MiB free"),
        (2 << 30, 1 << 40, Level.OK, "2 GiB free"),
        (300 << 20, 4 << 30, Level.WARN, "300 MiB free"),
        (40 << 20, 1 << 30, Level.FAIL, "below 51.2 MiB, s3d refuses writes"),
        (60 << 20, 64 << 20, Level.FAIL, "60 MiB free"),
    ],
)
def test_a_disk_is_full_when_the_agent_refuses_writes(
    free: int, total: int, level: Level, words: str
) -> None:
    found = _room("data", Path("/data"), free=free, total=total)
    assert (found.level, words in found.text) == (level, True), found.text


def test_a_disk_of_the_cache_alone_takes_no_writes() -> None:
    found = _room("cache", Path("/cache"), free=300 << 20, total=1 << 40)
    assert (found.level, "refuses" in found.text) == (Level.WARN, False)


def test_the_floor_is_that_of_the_agent() -> None:
    assert (FLOOR, FLOOR_SHARE) == (disk._FLOOR, disk._FLOOR_SHARE)


def test_a_disk_that_is_read_only_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    found = [*check_folders(places_in(small_disk), has_remote=False)]
    assert [(each.check, each.level) for each in found] == [("folders", Level.FAIL)] * 2
    assert "read-only" in found[0].text
    assert "S3D_LOCAL_DIR" in found[0].remedy


def test_the_queue_and_the_cache_have_disks_of_their_own(tmp_path: Path, small_disk: Path) -> None:
    config = Config(local_dir=tmp_path / "home", write_queue=QueueConfig(dir=small_disk / "q"),
                    read_cache=CacheConfig(dir=small_disk / "c"))  # fmt: skip
    places = find_places(config, {})
    found = [*check_folders(places, has_remote=True)]
    full = [each for each in found if each.level is Level.FAIL]
    assert [str(small_disk / name) in each.text for name, each in zip("qc", full, strict=True)] == [
        True,
        True,
    ]
    assert "S3D_WRITE_QUEUE_DIR" in full[0].remedy
    assert "S3D_READ_CACHE_DIR" in full[1].remedy
    assert len([*check_folders(places, has_remote=False)]) == 2


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    found = [*check_folders(places_in(tmp_path / "home"), has_remote=False)]
    assert [each.level for each in found] == [Level.FAIL] * 2


def test_keys_that_others_can_read_are_named(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    places.state_dir.mkdir(parents=True)
    assert [*check_secrets(places)] == []
    places.credentials_file.write_text("")
    places.credentials_file.chmod(0o644)
    (found,) = check_secrets(places)
    assert (found.level, str(places.credentials_file) in found.text) == (Level.FAIL, True)
    assert found.remedy == f"chmod 600 {places.credentials_file}"
    places.credentials_file.chmod(0o600)
    (found,) = check_secrets(places)
    assert found.level is Level.OK


def test_a_port_that_another_program_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = Config(endpoint=f"http://127.0.0.1:{port}")
        found = check_endpoint(config, served="")
        assert (found.level, f"port {port}" in found.text) == (Level.FAIL, True)
        assert "S3D_ENDPOINT" in found.remedy
        assert "http://x:1" in check_endpoint(config, served="http://x:1").text
    assert check_endpoint(config, served="").level is Level.OK
    config = Config(endpoint="http://127.0.0.1:0")
    assert "picks a free port" in check_endpoint(config, served="").text


def test_an_address_of_another_machine_is_named() -> None:
    found = check_endpoint(Config(endpoint="http://192.0.2.1:33333"), served="")
    assert (found.level, "192.0.2.1" in found.text) == (Level.FAIL, True)
