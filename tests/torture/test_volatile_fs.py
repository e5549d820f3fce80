"""The file system that forgets: what programs see, and what a power cut leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torture.power import Volatile, needs_fuse

pytestmark = [pytest.mark.slow, needs_fuse]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Volatile]:
    with Volatile(tmp_path / "mount") as disk:
        yield disk


def sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def survivors(disk: Volatile, tmp_path: Path) -> Path:
    disk.cut("seed", tmp_path / "after")
    return tmp_path / "after"


def test_what_was_synced_survives_and_the_rest_need_not(disk: Volatile, tmp_path: Path) -> None:
    (disk.root / "kept").write_bytes(b"kept")
    sync(disk.root / "kept")
    sync(disk.root)
    lost = 0
    for number in range(40):
        (disk.root / f"lost-{number}").write_bytes(b"lost")
    after = survivors(disk, tmp_path)
    assert (after / "kept").read_bytes() == b"kept"
    lost = sum(not (after / f"lost-{n}").exists() for n in range(40))
    torn = sum((after / f"lost-{n}").exists() and not (after / f"lost-{n}").read_bytes()
               for n in range(40))  # fmt: skip
    assert lost + torn > 0


def test_bytes_that_were_not_synced_may_be_the_old_ones(disk: Volatile, tmp_path: Path) -> None:
    for number in range(20):
        (disk.root / str(number)).write_bytes(b"old")
        sync(disk.root / str(number))
    sync(disk.root)
    for number in range(20):
        with (disk.root / str(number)).open("r+b") as file:
            file.write(b"new")
    after = survivors(disk, tmp_path)
    found = {(after / str(number)).read_bytes() for number in range(20)}
    assert found == {b"old", b"new"}


def test_renames_are_whole(disk: Volatile, tmp_path: Path) -> None:
    (disk.root / "a").write_bytes(b"a")
    (disk.root / "b").write_bytes(b"b")
    sync(disk.root / "a")
    sync(disk.root / "b")
    sync(disk.root)
    os.rename(disk.root / "a", disk.root / "b")
    after = survivors(disk, tmp_path)
    names = sorted(path.name for path in after.iterdir())
    assert names in (["a", "b"], ["b"])
    assert (after / "b").read_bytes() == (b"b" if names == ["a", "b"] else b"a")
