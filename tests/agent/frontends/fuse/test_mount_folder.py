from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.kernel import fusermount
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.mount_folder import holders, prepare
from s3d.shared.mount_table import is_dead, mounts_at
from tests.agent.frontends.fuse.kernel.memory_fs import MemoryFs
from tests.agent.frontends.fuse.kernel.mounts import child, mounted, needs_fuse


def test_a_folder_is_made(tmp_path):
    folder = prepare(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_used_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(MountFailed, match="not empty"):
        prepare(tmp_path / "full")
    with pytest.raises(MountFailed, match="it is not a folder"):
        prepare(tmp_path / "file")


def test_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert prepare(tmp_path / "link") == tmp_path / "real"
    assert prepare(tmp_path / "link" / "below") == tmp_path / "real" / "below"


@needs_fuse
def test_a_mount_that_lives_is_left_alone(tmp_path):
    with mounted(tmp_path, MemoryFs()):
        assert not is_dead(tmp_path)
        with pytest.raises(MountFailed, match="something else is mounted"):
            prepare(tmp_path)
    assert not mounts_at(tmp_path)


DIES = """
import os, sys
from pathlib import Path
from s3d.agent.frontends.fuse.kernel import fusermount
from s3d.agent.frontends.fuse.kernel.binding import Binding
from tests.agent.frontends.fuse.kernel.memory_fs import MemoryFs
Binding(MemoryFs(), fusermount.mount(Path(sys.argv[1]))).serve(10)
os._exit(0)
"""


@needs_fuse
def test_the_mounts_of_dead_agents_are_removed(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", DIES, folder], check=True)
    assert is_dead(folder)
    assert [row.type for row in mounts_at(folder)] == ["fuse.s3d"]
    assert prepare(folder) == folder
    assert not mounts_at(folder)


@needs_fuse
@pytest.mark.parametrize(
    "code",
    [
        "file = open(sys.argv[1] + '/a')",
        "import os; os.chdir(sys.argv[1])",
        "import mmap; file = open(sys.argv[1] + '/a'); "
        "view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ); file.close()",
    ],
)
def test_whoever_uses_a_mount_is_named(tmp_path, code):
    with mounted(tmp_path, MemoryFs()) as binding:
        (tmp_path / "a").write_text("x")
        assert list(holders(tmp_path)) == []
        with child(f"import sys; {code}; print(1, flush=True); input()", tmp_path) as process:
            assert process.stdout.readline() == "1\n"
            (one,) = holders(tmp_path)
            assert one.pid == process.pid
            assert one.program.startswith("python")
            assert one.path in (tmp_path, tmp_path / "a")
            process.kill()
        fusermount.unmount(tmp_path)
        assert binding.ended.wait(10)
    assert os.listdir(tmp_path) == []
    assert isinstance(one.path, Path)
