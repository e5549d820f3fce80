from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.agent.frontends.fuse.mount import InUse, Mount
from s3d.shared.config.mount_settings import MountConfig
from tests.agent.frontends.fuse.kernel.memory_fs import MemoryFs
from tests.agent.frontends.fuse.kernel.mounts import child, fails, needs_fuse
from tests.known_load import wait_until

pytestmark = needs_fuse

WRITES = "import sys; f = open(sys.argv[1], 'w'); print(1, flush=True); input(); f.write('end')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "S3"


@pytest.fixture
def files() -> MemoryFs:
    return MemoryFs()


@pytest.fixture
def mount(folder: Path, files: MemoryFs) -> Iterator[Mount]:
    mount = Mount(MountConfig(dir=folder), files)
    mount.start()
    yield mount
    mount.stop(0)


def test_a_mount_is_used_and_unmounted(mount, folder, files):
    (folder / "a").write_text("x")
    assert mount.is_mounted
    mount.unmount()
    assert os.listdir(folder) == []
    wait_until(lambda: not mount.is_mounted)  # its threads end when the kernel has let go of it
    assert files.is_closed


def test_a_read_only_mount_refuses_changes(folder, files):
    mount = Mount(MountConfig(dir=folder, read_only=True), files)
    mount.start()
    with fails(errno.EROFS):
        (folder / "a").touch()
    mount.unmount()


def test_a_mount_in_use_stays(mount, folder):
    with child(WRITES, folder / "a") as process:
        assert process.stdout.readline() == "1\n"
        assert mount.open_paths() == ["/a"]
        with pytest.raises(InUse, match=rf"python.*{process.pid}.*{folder}/a") as refused:
            mount.unmount()
        assert "--force" in refused.value.remedy
        assert mount.is_mounted
        process.communicate("\n")
    assert (folder / "a").read_text() == "end"


def test_the_end_waits_for_files_that_are_written(mount, folder, files):
    with child(WRITES, folder / "a") as process:
        assert process.stdout.readline() == "1\n"
        stopping = threading.Thread(target=mount.stop, args=(60,))
        stopping.start()
        process.communicate("\n", timeout=10)
        stopping.join(10)
        assert not stopping.is_alive()
    assert files.root.names["a"].data == b"end"
    assert files.is_closed


def test_after_its_time_a_writer_is_cut_off(mount, folder, caplog):
    code = (
        "import sys; f = open(sys.argv[1], 'w', buffering=1); print(1, flush=True); input();"
        "import os\ntry: os.write(f.fileno(), b'1')\nexcept OSError as error: print(error.errno)"
    )
    with child(code, folder / "a") as process:
        assert process.stdout.readline() == "1\n"
        mount.stop(0)
        assert "cut off" in caplog.text
        assert process.communicate("\n", timeout=10)[0] == f"{errno.ENOTCONN}\n"


def test_what_others_have_unmounted_ends_quietly(mount, folder, files):
    os.system(f"fusermount3 -u {folder}")
    mount.unmount()
    assert files.is_closed


@pytest.mark.parametrize("end", [Mount.unmount, partial(Mount.stop, grace=0)])
def test_an_unmount_by_others_at_the_same_moment_is_no_failure(
    mount, folder, files, monkeypatch, caplog, end
):
    os.system(f"fusermount3 -u {folder}")
    monkeypatch.setattr(Mount, "is_mounted", True)  # the thread has not seen the end yet
    end(mount)
    assert files.is_closed
    assert not caplog.records


def test_a_folder_that_is_not_empty_is_refused(tmp_path, files):
    (tmp_path / "x").touch()
    with pytest.raises(MountFailed, match="not empty"):
        Mount(MountConfig(dir=tmp_path), files).start()
