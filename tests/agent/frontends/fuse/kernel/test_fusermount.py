from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.kernel import fusermount
from tests.agent.frontends.fuse.kernel.mounts import child, needs_fuse

pytestmark = needs_fuse


def test_the_mount_says_what_it_is(folder):
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    (own,) = (line for line in lines if line[1] == str(folder))
    assert own[0] == "s3d"
    assert own[2] == "fuse.s3d"
    assert {"nosuid", "nodev", "noexec", "default_permissions"} <= set(own[3].split(","))


def test_a_mount_in_use_is_not_unmounted_unless_lazily(folder, binding):
    code = "import sys; file = open(sys.argv[1], 'w'); print('open', flush=True); input()"
    with child(code, folder / "a") as process:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(fusermount.MountFailed, match="busy"):
            fusermount.unmount(folder)
        fusermount.unmount(folder, lazy=True)
        assert os.listdir(folder) == []
        assert not binding.ended.is_set()
        process.kill()
    assert binding.ended.wait(10)
    with pytest.raises(fusermount.MountFailed, match="failed to unmount"):
        fusermount.unmount(folder)
