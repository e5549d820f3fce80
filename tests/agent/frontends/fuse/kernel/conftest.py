"""A mounted file system in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.kernel.binding import Binding
from tests.agent.frontends.fuse.kernel.memory_fs import MemoryFs
from tests.agent.frontends.fuse.kernel.mounts import mounted


@pytest.fixture
def files() -> MemoryFs:
    return MemoryFs()


@pytest.fixture
def binding(tmp_path: Path, files: MemoryFs) -> Iterator[Binding]:
    with mounted(tmp_path, files) as binding:
        yield binding
        files.unblock()


@pytest.fixture
def folder(tmp_path: Path, binding: Binding) -> Path:
    return tmp_path
