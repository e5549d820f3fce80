"""A mount after a restart of the agent: files show the times and permissions that they had."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.frontends.fuse.kernel.mounts import clear, is_usable, needs_fuse
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.known_load import wait_until

pytestmark = needs_fuse

FILES = 30
MTIME_NS = 1_600_000_000_123_456_789
WHO = ("NAME", "EMAIL")
MODES = (0o600, 0o644, 0o755)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "S3"
    clear(tmp_path / "S3")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local folder with files of all kinds of times and permissions."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for number in range(FILES):
        file = source / ("sub" if number % 2 else "") / f"f{number}"
        file.write_bytes(b"x" * number)
        file.chmod(MODES[number % len(MODES)])
        os.utime(file, ns=(MTIME_NS, MTIME_NS + number * 1_000_000_007))
    (source / "link").symlink_to("sub/f1")
    os.utime(source / "link", ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
    return source


def rsync(source: Path, target: Path) -> list[str]:
    """The files that are copied or changed."""
    command = ["rsync", "-rlpt", "--itemize-changes", "--out-format=%i %n", f"{source}/", target]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if len(line.split()[0]) == 11]
    return [line for line in lines if not line.endswith("/")]


def git(*words: object, cwd: Path) -> str:
    names = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in WHO}
    env = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]} | names
    command = ["git", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, check=True
    ).stdout


def changed_since(snapshot: Path, folder: Path) -> list[str]:
    """The files that an incremental tar packs. snapshot: tar's list of the last one."""
    command = ["tar", "-cf", "-", "--no-check-device", "-g", snapshot, "-C", folder.parent]
    packed = subprocess.run([*command, folder.name], capture_output=True, check=True).stdout
    listed = subprocess.run(["tar", "-tf", "-"], input=packed, capture_output=True, check=True)
    return [line for line in listed.stdout.decode().splitlines() if not line.endswith("/")]


def object_requests(network: Network) -> list[str]:
    """The HEADs, and the GETs of objects, since the last call."""
    heads = [each.head for each in network.take_seen()]
    return [
        f"{head.method} {head.target}"
        for head in heads
        if head.method == "HEAD" or (head.method == "GET" and "list-type" not in head.target)
    ]


def test_git_and_tar_find_nothing_changed_after_a_restart(
    gateway: Gateway, network: Network, folder: Path, source: Path, new_bucket: str, tmp_path: Path
) -> None:
    (source / "link").unlink()
    settings = {"S3D_FUSE_MOUNT": "true", "S3D_FUSE_MOUNT_DIR": str(folder)}
    agent = gateway.start(**settings)
    git("init", "-q", cwd=source)
    git("add", "-A", cwd=source)
    git("commit", "-qm", "one", cwd=source)
    clone = folder / new_bucket / "clone"
    git("clone", "-q", source, clone, cwd=source)
    for file in clone.rglob("f*"):  # older than the index, or git reads them each time
        os.utime(file, ns=(MTIME_NS, MTIME_NS))
    assert git("status", "--porcelain", cwd=clone) == ""
    files = len(changed_since(tmp_path / "snapshot", clone))
    assert files > FILES
    gateway.drain()
    assert agent.stop() == 0
    gateway.start(**settings)
    network.take_seen()
    assert git("status", "--porcelain", cwd=clone) == ""
    assert changed_since(tmp_path / "snapshot", clone) == []
    of_files = [
        each for each in object_requests(network) if each.rpartition("/")[2].startswith("f")
    ]
    assert len(of_files) < FILES / 3, of_files
    gateway.agent.stop()


@pytest.mark.rule("MOUNT-13")
def test_a_mount_whose_process_has_died_is_mounted_again(
    gateway: Gateway, folder: Path, new_bucket: str
) -> None:
    agent = gateway.start(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(folder))
    (folder / new_bucket / "before").write_bytes(b"x" * 1_000_000)
    pid, mounts = agent.process_ids
    os.kill(mounts, signal.SIGKILL)
    wait_until(lambda: len(agent.process_ids) == 2 and agent.process_ids != [pid, mounts])
    wait_until(lambda: is_usable(folder))
    assert (folder / new_bucket / "before").read_bytes() == b"x" * 1_000_000
    assert "the process of the mounts is started again" in agent.stderr
    (folder / new_bucket / "after").write_bytes(b"y")
    assert agent.stop() == 0
    assert os.listdir(folder) == []


def test_an_interrupt_from_the_terminal_ends_all_processes_in_order(
    gateway: Gateway, folder: Path, remote: Any, new_bucket: str
) -> None:
    """The terminal sends it to the process of the mounts, too, which has still to hand over."""
    agent = gateway.start(S3D_FUSE_MOUNT="true", S3D_FUSE_MOUNT_DIR=str(folder))
    file = (folder / new_bucket / "open").open("wb")
    file.write(b"x" * 100_000)
    file.flush()
    for pid in agent.process_ids:
        os.kill(pid, signal.SIGINT)
    wait_until(lambda: not os.path.ismount(folder))
    file.close()
    assert agent.wait() == 0
    gateway.start()
    gateway.drain()
    assert remote.head_object(Bucket=new_bucket, Key="open")["ContentLength"] == 100_000
    gateway.agent.stop()


def test_rsync_copies_nothing_again_and_no_file_costs_a_request(
    gateway: Gateway, network: Network, folder: Path, source: Path, new_bucket: str
) -> None:
    settings = {
        "S3D_FUSE_MOUNT": "true",
        "S3D_FUSE_MOUNT_DIR": str(folder),
        "S3D_FUSE_SYMLINKS": "true",
    }
    agent = gateway.start(**settings)
    target = folder / new_bucket / "copy"
    assert len(rsync(source, target)) == FILES + 1
    gateway.queue.pause()
    (target / "untouched").symlink_to("sub/f1")  # no program sets its time
    made_ns = (target / "untouched").lstat().st_mtime_ns
    wait_until(lambda: time.time() >= made_ns // 10**9 + 1)  # it is pushed in another second
    gateway.queue.resume()
    gateway.drain()
    inodes = {file: file.stat().st_ino for file in target.rglob("*")}
    assert agent.stop() == 0
    gateway.start(**settings)
    network.take_seen()
    assert rsync(source, target) == []
    heads = [each for each in network.take_seen() if each.head.method == "HEAD"]
    assert len(heads) < FILES / 3, heads
    for file in source.rglob("f*"):
        copy = (target / file.relative_to(source)).stat()
        assert (copy.st_mtime_ns, copy.st_mode) == (file.stat().st_mtime_ns, file.stat().st_mode)
    assert {file: file.stat().st_ino for file in target.rglob("*")} == inodes
    assert os.readlink(target / "link") == "sub/f1"
    assert (target / "untouched").lstat().st_mtime_ns == made_ns
    size = os.statvfs(folder)
    assert size.f_bavail == size.f_blocks, "nothing is known of what a remote has used"
    gateway.agent.stop()
