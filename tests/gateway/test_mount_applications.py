"""Programs that know only files, in a kernel mount of a gateway before SeaweedFS."""

from __future__ import annotations

import errno
import mmap
import os
import random
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.mount_client import MountClient
from s3d.cli.client.queue_client import QueueClient
from s3d.shared.mounting import MountSpec
from tests.admin_client import socket_page
from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import AgentProcess, launch
from tests.gateway.conftest import peer_client, remote_settings
from tests.peers.servers import Peer

pytestmark = needs_fuse
PUSHED = "s3d_queue_pushed_bytes_total"
BUCKET = f"mounted-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def agent(seaweedfs: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    with closing(peer_client(seaweedfs)) as remote:
        remote.create_bucket(Bucket=BUCKET)
    home = tmp_path_factory.mktemp("home") / "home"
    agent = launch(home, env=dict(remote_settings(seaweedfs)))
    yield agent
    agent.kill()


@pytest.fixture(scope="module")
def mount(agent: AgentProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mount")
    MountClient(agent.client).mount(MountSpec(str(folder), BUCKET))
    yield folder
    clear(folder)


@pytest.fixture
def folder(mount: Path, request: pytest.FixtureRequest) -> Path:
    folder = mount / request.node.name
    folder.mkdir()
    return folder


@pytest.fixture
def remote(seaweedfs: Peer) -> Iterator[Any]:
    with closing(peer_client(seaweedfs)) as client:
        yield client


def run(*words: object, cwd: Path | None = None) -> str:
    """The output of a program, which must succeed."""
    program = shutil.which(str(words[0]))
    if program is None:
        pytest.skip(f"needs {words[0]}")
    settings = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    who = {
        f"GIT_{role}_{what}": "a@b"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        [program, *map(str, words[1:])],
        cwd=cwd, env=settings | who, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def drain(agent: AgentProcess) -> None:
    """Wait until the remote has everything."""
    queue = QueueClient(agent.client)
    end = time.monotonic() + 30
    while queue.drain(10, hurry=True).moving.files:
        assert time.monotonic() < end, list(queue.transfers())[:4]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of a small program."""
    root = tmp_path_factory.mktemp("tree") / "tree"
    for number in range(24):
        path = root / f"dir {number % 3}" / f"file{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number * 500))
        os.utime(path, (1_000_000_000 + number, 1_000_000_000.5 + number))
    (root / "dir 0" / "file0.txt").chmod(0o755)
    return root


def contents(root: Path) -> dict[str, bytes]:
    found = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_git_clones_commits_and_checks(folder, tree, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(tree, source)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
        run("git", *words, cwd=source)
    run("git", "clone", "-q", source, folder / "clone")
    clone = folder / "clone"
    assert run("git", "status", "--short", cwd=clone) == ""
    (clone / "new").write_text("x")
    run("git", "add", "-A", cwd=clone)
    run("git", "commit", "-qm", "two", cwd=clone)
    run("git", "gc", "-q", cwd=clone)
    run("git", "fsck", "--strict", cwd=clone)
    assert contents(clone) == contents(tree) | {"new": b"x"}


def test_tar_unpacks_and_rsync_has_nothing_to_do_a_second_time(folder, tree, tmp_path):
    run("tar", "-cf", tmp_path / "tar", "-C", tree, ".")
    (folder / "tar").mkdir()
    run("tar", "-xf", tmp_path / "tar", "-C", folder / "tar")
    assert contents(folder / "tar") == contents(tree)
    assert (folder / "tar" / "dir 0" / "file0.txt").stat().st_mode & 0o777 == 0o755
    run("rsync", "-a", f"{tree}/", folder / "rsync")
    assert run("rsync", "-ai", "--omit-dir-times", f"{tree}/", folder / "rsync") == ""
    run("rsync", "-a", "--inplace", "--ignore-times", f"{tree}/", folder / "rsync")
    assert contents(folder / "rsync") == contents(tree)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_sqlite_keeps_its_database_intact(folder, mode):
    path = folder / "data.db"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
        db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
        for number in range(20):
            with db:
                db.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3_000))
        db.execute("BEGIN")
        db.execute("DELETE FROM t")
        db.rollback()
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT count(*) FROM t").fetchone() == (20,)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM t").fetchone() == (20,)


def counter(agent: AgentProcess, line: str) -> float:
    """A counter of the agent's metrics, by its name and labels."""
    text = socket_page(agent, "/metrics").body.decode()
    return next((float(row.split()[-1]) for row in text.splitlines() if row.startswith(line)), 0.0)


def bytes_written(agent: AgentProcess) -> int:
    """By the agent to the disk, so far."""
    written = 0
    for pid in agent.process_ids:
        rows = Path(f"/proc/{pid}/io").read_text().splitlines()
        written += int(next(row for row in rows if row.startswith("write_bytes")).split()[1])
    return written


def commit_often(agent: AgentProcess, path: Path, *, rows: int, commits: int) -> tuple[float, int]:
    """The bytes that were pushed, and that were written to the disk, for so many commits."""
    chooser = random.Random(7)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, os.urandom(3_900)) for n in range(rows)))
        db.execute("COMMIT")
        pushed = counter(agent, PUSHED)
        written = bytes_written(agent)
        for _ in range(commits):
            values = os.urandom(3_900), chooser.randrange(rows)
            db.execute("UPDATE t SET b = ? WHERE a = ?", values)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    drain(agent)
    return counter(agent, PUSHED) - pushed, bytes_written(agent) - written


def test_commits_write_their_pages_and_are_not_pushed_one_by_one(folder, agent):
    pushed, written = commit_often(agent, folder / "data.db", rows=500, commits=40)
    size = (folder / "data.db").stat().st_size
    assert size <= pushed < 1.5 * size
    assert written < 20 << 20


@pytest.mark.torture
def test_a_thousand_commits_of_a_large_database(folder, agent):
    pushed, written = commit_often(agent, folder / "data.db", rows=50_000, commits=1_000)
    size = (folder / "data.db").stat().st_size
    assert size > 195 << 20
    assert pushed < 3.1 * size
    assert written < 2 << 30


def operate(root: Path) -> list[object]:
    """What programs do with files, and what they see.

    SeaweedFS lists an empty folder for a while after its last object was removed: such folders are
    not looked at.
    """
    seen: list[object] = []
    path = root / "file"
    path.write_bytes(b"0123456789" * 1_000)
    with path.open("ab") as file:
        file.write(b"appended")
    with path.open("r+b") as file:
        file.seek(5_000)
        file.write(b"middle")
        file.truncate(9_000)
    os.truncate(path, 9_500)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[100:106] = b"mapped"
        mapped.flush()
    seen += [path.read_bytes(), path.stat().st_size]
    with path.open("r+b", buffering=0) as file:
        path.unlink()
        file.write(b"unlinked")
        file.seek(0)
        seen += [file.read(20), os.fstat(file.fileno()).st_size, path.exists()]
    descriptor = os.open(root / "synced", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(descriptor, b"synced")
    os.fsync(descriptor)
    os.ftruncate(descriptor, 3)
    os.close(descriptor)
    os.replace(root / "synced", root / "renamed")
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/f").write_text("deep")
    os.rename(root / "d", root / "moved")
    seen.append(sorted(str(each.relative_to(root)) for each in root.rglob("*[mf]*")))
    seen.append((root / "moved/e/f").read_text())
    os.utime(root / "renamed", ns=(5, 1_500_000_007))
    (root / "renamed").chmod(0o640)
    found = (root / "renamed").stat()
    seen += [found.st_mtime_ns, oct(found.st_mode), found.st_size]
    for action in (
        lambda: (root / "moved").rmdir(),
        lambda: (root / "absent").unlink(),
        lambda: (root / "renamed" / "x").write_text(""),
        lambda: os.mkdir(root / "moved"),
        lambda: os.rename(root / "absent", root / "x"),
        lambda: os.rename(root / "moved", root / "moved" / "e" / "x"),
        lambda: os.open(root / "renamed", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
        lambda: (root / "moved").write_text(""),
    ):
        try:
            seen.append(action())
        except OSError as error:
            seen.append(errno.errorcode[error.errno or 0])
    shutil.rmtree(root / "moved")
    seen.append((root / "moved").exists())
    return seen


def test_files_behave_as_those_of_a_local_folder(folder, tmp_path):
    assert operate(folder) == operate(tmp_path)


def test_an_editor_saves_a_file(folder):
    (folder / "v.txt").write_text("hello\n")
    run("vim", "-es", "-u", "NONE", "-N", folder / "v.txt", "-c", "s/hello/goodbye/", "-c", "wq")
    assert (folder / "v.txt").read_text() == "goodbye\n"
    assert os.listdir(folder) == ["v.txt"]


@pytest.mark.rule("MOUNT-10")
def test_a_rename_is_seen_everywhere_at_once_and_reaches_the_remote(folder, agent, mount, remote):
    for number in range(20):
        (folder / f"{number}").write_text(str(number))
    drain(agent)
    old = folder.relative_to(mount)
    os.rename(folder, mount / "renamed folder")
    s3 = agent.s3()
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{old}/")
    assert listed["KeyCount"] == 0
    found = s3.get_object(Bucket=BUCKET, Key="renamed folder/7")
    assert found["Body"].read() == b"7"
    assert len(os.listdir(mount / "renamed folder")) == 20
    drain(agent)
    there = remote.list_objects_v2(Bucket=BUCKET, Prefix="renamed folder/")["Contents"]
    assert len(there) == 21  # with the marker of the folder
    assert remote.list_objects_v2(Bucket=BUCKET, Prefix=f"{old}/")["KeyCount"] == 0


def test_what_was_closed_is_at_the_remote_and_nothing_else(folder, agent, mount, remote):
    prefix = f"{folder.relative_to(mount)}/"
    data = os.urandom(300_000)
    (folder / "file").write_bytes(data)
    with (folder / "removed").open("wb") as file:
        file.write(b"x")
        file.flush()
        (folder / "removed").unlink()
    drain(agent)
    listed = [
        row["Key"] for row in remote.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    ]
    assert listed == [prefix, f"{prefix}file"]
    assert remote.get_object(Bucket=BUCKET, Key=f"{prefix}file")["Body"].read() == data


@pytest.mark.rule("MOUNT-9")
def test_a_foreign_version_stays_and_ours_is_beside_it(folder, agent, mount, remote):
    key = f"{folder.relative_to(mount)}/doc.txt"
    (folder / "doc.txt").write_text("first")
    drain(agent)
    with (folder / "doc.txt").open("r+") as file:
        file.write("ours!")
        remote.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    drain(agent)
    assert remote.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"theirs"
    listed = remote.list_objects_v2(Bucket=BUCKET, Prefix=key[:-4])["Contents"]
    (copy,) = [row["Key"] for row in listed if row["Key"] != key]
    assert " (conflict " in copy
    assert remote.get_object(Bucket=BUCKET, Key=copy)["Body"].read() == b"ours!"
