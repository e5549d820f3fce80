"""s3d mount and s3d umount with a real agent and real mounts."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from s3d.cli.client.transfer_client import TransferClient
from s3d.cli.mount_commands import mount_command, umount_command
from tests.agent.frontends.fuse.kernel.mounts import child, clear, fails, needs_fuse
from tests.agent_process import AgentProcess, environment, launch
from tests.forked_process import run_text

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home") / "home"
    yield home
    clear(home / "S3")
    clear(home / "p")


@pytest.fixture(scope="module")
def agent(home: Path) -> Iterator[AgentProcess]:
    """With one worker thread, so that a thread of it that waits for the mount stops everything."""
    agent = launch(home, env={"S3D_BUCKETS": "bkt,other"}, module="tests.one_worker")
    yield agent
    agent.kill()


@pytest.fixture
def run(agent: AgentProcess) -> Run:
    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = run_text("s3d", *map(str, arguments), env=agent.env)
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def mount(run: Run, home: Path) -> Iterator[Path]:
    run("mount")
    yield home / "S3"
    run("umount", "--all", "--force")


def test_without_an_agent_there_is_no_mount(tmp_path):
    env = environment(tmp_path)
    for words in (["mount"], ["mount", "ls"], ["umount", "--all"]):
        done = run_text("s3d", *words, env=env)
        assert done.returncode == 5


@needs_fuse
@pytest.mark.parametrize(
    ("places", "meant"),
    [
        (["bkt", "/d"], "/d --bucket bkt"),
        (["./d", "s3://bkt/p"], "./d --bucket s3://bkt/p"),
        (["s3://bkt"], "DIR --bucket s3://bkt"),
    ],
)
def test_a_bucket_is_named_by_its_option(run, places, meant):
    assert f"hint: for one bucket: s3d mount {meant}\n" in run("mount", *places, code=2).stderr


def test_files_and_objects_are_the_same(run, mount, agent):
    (mount / "bkt" / "a").write_text("from a program")
    assert run("get", "bkt/a").stdout == "from a program"
    agent.s3().put_object(Bucket="bkt", Key="d/b", Body=b"from a client")
    assert (mount / "bkt" / "d" / "b").read_text() == "from a client"
    (status,) = json.loads(run("status", "--json").stdout)["mounts"]
    assert (status["dir"], status["state"]) == (str(mount), "mounted")
    assert f"mount     {mount}" in run("status").stdout


@needs_fuse
def test_one_bucket_or_prefix_is_mounted(run, mount, home, agent):
    agent.s3().put_object(Bucket="bkt", Key="p/x")
    done = run("mount", home / "p", "--bucket", "bkt/p", "--read-only", "--json")
    status = json.loads(done.stdout)
    assert (status["bucket"], status["prefix"], status["read_only"]) == ("bkt", "p/", True)
    assert os.listdir(home / "p") == ["x"]
    rows = [json.loads(line) for line in run("mount", "ls", "--json").stdout.splitlines()]
    assert [(row["dir"], row["from_file"]) for row in rows] == [
        (str(mount), True),
        (str(home / "p"), True),
    ]
    assert f"there are 2 mounts: {mount}, {home / 'p'}" in run("umount", code=2).stderr
    assert run("umount", home / "p").stdout == f"unmounted {home / 'p'}\n"
    assert run("mount", "ls").stdout == f"{mount}  all buckets\n"
    assert run("umount").stdout == f"unmounted {mount}\n"


@needs_fuse
def test_a_wrong_folder_is_refused_with_the_fix(run, mount, home):
    (home / "full").mkdir(exist_ok=True)
    (home / "full" / "x").touch()
    synced = home / "synced"
    run("sync", "add", synced, "other/s", "--yes")
    for folder, why in (
        (mount, "mounted already"),
        (mount / "bkt", "inside a mount"),
        (home / "full", "not empty"),
        (synced / "x", "is a sync folder"),
        (home / "data" / "x", "its own files"),
    ):
        assert why in run("mount", folder, code=1).stderr
    for folder in (mount, mount / "bkt", home):
        assert "mounted" in run("sync", "add", folder, "other/t", "--yes", code=1).stderr
    run("sync", "rm", "synced", "--yes")
    run("umount", home / "full")


@needs_fuse
def test_who_uses_a_mount_is_named(run, mount):
    code = "import sys; file = open(sys.argv[1], 'w'); print(1, flush=True); input()"
    with child(code, mount / "bkt" / "open") as process:
        assert process.stdout.readline() == "1\n"
        for words in ([mount], ["--all"]):
            error = run("umount", *words, code=1).stderr
            assert f"({process.pid}) has {mount}/bkt/open open" in error
        assert json.loads(run("mount", "ls", "--json").stdout)["open_files"] == 1
        run("umount", mount, "--force")
        assert run("mount", "ls").stdout == ""
        process.kill()
    assert "name one DIR, or --all" in run("umount", "--all", mount, code=2).stderr
    assert "nothing is mounted" in run("umount", code=2).stderr
    assert "nothing mounted there" in run("umount", mount, code=3).stderr


@needs_fuse
@pytest.mark.rule("MOUNT-4")
def test_paths_in_a_mount_are_objects(run, mount, agent):
    """Every command that takes paths, with the files of the agent's own mount."""
    folder = mount / "bkt" / "own"
    agent.s3().put_object(Bucket="bkt", Key="own/a", Body=b"1")
    run("cp", folder / "a", "s3://other/a")
    run("cp", "-r", folder, mount / "other" / "copied")
    run("mv", folder / "a", folder / "b")
    run("cp", "s3://other/a", f"{folder}/")
    run("sync", folder, "s3://other/synced")
    run("put", "other/put", folder / "b")
    run("get", "other/put", folder / "got")
    listed = run("ls", "-r", "other").stdout
    for key in ("a", "copied/a", "synced/a", "synced/b", "put"):
        assert f"  {key}\n" in listed
    assert sorted(os.listdir(folder)) == ["a", "b", "got"]
    assert {each.kind for each in TransferClient(agent.client).all()} <= {"copy", "move"}


@needs_fuse
@pytest.mark.rule("MOUNT-1")
def test_a_busy_mount_outlives_a_killed_agent(tmp_path):
    own = tmp_path / "home"
    env = {"S3D_BUCKETS": "bkt", "S3D_FUSE_MOUNT": "true"}
    agent = launch(own, env=env)
    folder = own / "S3" / "bkt"
    (folder / "a").write_text("closed")
    code = "import sys, itertools\nfor n in itertools.count(): open(sys.argv[1], 'w').write(str(n))"
    with child(code, folder / "busy") as writes:
        os.stat(own / "S3")  # the kernel remembers its attributes for a second
        agent.kill()
        assert writes.wait(30) != 0
    with fails(errno.ENOTCONN):
        os.listdir(folder)
    again = launch(own, env=env)
    try:
        assert (folder / "a").read_text() == "closed"
        assert again.stop() == 0
        assert os.listdir(own / "S3") == []
    finally:
        again.kill()
        clear(own / "S3")


@needs_fuse
def test_the_level_of_a_logger_counts_for_the_lines_of_the_mounts(tmp_path):
    env = {
        "S3D_BUCKETS": "bkt",
        "S3D_FUSE_MOUNT": "true",
        "S3D_LOG_LEVEL": "error,s3d.agent.frontends.fuse=warning",
    }
    agent = launch(tmp_path / "home", env=env)
    try:
        with (agent.home / "S3" / "bkt" / "a").open("w") as file:
            file.write("x")
            run_text("s3d", "umount", "--all", "--force", env=agent.env)
            agent.stop()
            assert "files were cut off while open for writing" in agent.stderr
            with suppress(OSError):
                file.close()
    finally:
        agent.kill()
        clear(agent.home / "S3")


@pytest.mark.parametrize("command", [mount_command, umount_command])
def test_no_command_looks_at_the_folder_which_may_hang(command, tmp_path, monkeypatch):
    seen = []
    real = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, **options: seen.append(path) or real(path, **options)
    )
    command.make_context(command.name, [str(tmp_path)])
    monkeypatch.undo()
    assert str(tmp_path) not in seen
