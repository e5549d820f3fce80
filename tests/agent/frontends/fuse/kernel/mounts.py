"""Real kernel mounts for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.fs_ops import FsOps
from s3d.agent.frontends.fuse.kernel import fusermount
from s3d.agent.frontends.fuse.kernel.binding import Binding


def can_mount() -> bool:
    return os.access("/dev/fuse", os.R_OK | os.W_OK) and shutil.which("fusermount3") is not None


needs_fuse = pytest.mark.skipif(not can_mount(), reason="needs /dev/fuse and fusermount3")


@contextmanager
def mounted(folder: Path, operations: FsOps, *, valid: float = 60.0) -> Iterator[Binding]:
    """A mount that threads of this process serve. So nothing here may touch it while it holds the
    interpreter's lock: no memory map, and no child process that is started with cwd= in it."""
    binding = Binding(operations, fusermount.mount(folder), valid=valid)
    try:
        binding.serve(10)
        yield binding
    finally:
        if not binding.ended.is_set():
            fusermount.unmount(folder, lazy=True)
        assert binding.ended.wait(10)


def clear(folder: Path) -> None:
    """Remove what an agent has left mounted."""
    subprocess.run(["fusermount3", "-uzq", folder], check=False, stderr=subprocess.DEVNULL)


def is_usable(folder: Path) -> bool:
    """Whether a mount that is not empty shows what it has."""
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False


@contextmanager
def fails(number: int) -> Iterator[None]:
    with pytest.raises(OSError, match=os.strerror(number)) as failed:
        yield
    assert failed.value.errno == number


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that is able to block in the mount, or map a file of it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
