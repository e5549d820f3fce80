"""Two ways to lose power: a file system that forgets, and the image of a disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]


def _has_fuse() -> bool:
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError):
        return False
    return os.access("/dev/fuse", os.W_OK) and shutil.which("fusermount3") is not None


needs_fuse = pytest.mark.skipif(not _has_fuse(), reason="needs /dev/fuse, fusermount3 and mfusepy")
needs_loop = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/loop-control") or not shutil.which("mkfs.ext4"),
    reason="needs root, loop devices and mkfs.ext4",
)


class Volatile:
    """`with Volatile(folder) as disk`: what lies below disk.root is forgotten unless synced."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> Self:
        self.root.mkdir()
        before = os.stat(self.root).st_dev
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.volatile_fs", str(self.root)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while os.stat(self.root).st_dev == before:
            assert self._process.poll() is None, "the file system did not start"
        return self

    def cut(self, seed: str, target: Path) -> None:
        """Write what a power cut leaves to the folder target."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"cut {seed} {target}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def __exit__(self, *exc: object) -> None:
        subprocess.run(["fusermount3", "-u", "-z", str(self.root)], check=False)
        self._process.kill()
        self._process.communicate()


class Image:
    """`with Image(folder) as disk`: an ext4 file system in a file, which is copied while it runs.

    The copy has what has reached the disk, as a machine finds it that has lost its power: nothing
    of the page cache.
    """

    def __init__(self, folder: Path, megabytes: int = 256) -> None:
        self._folder = folder
        self._file = folder / "disk.img"
        self.root = folder / "disk"
        self._megabytes = megabytes
        self._copies: list[Path] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        with self._file.open("wb") as file:
            file.truncate(self._megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._file))
        self._mount(self._file, self.root)
        return self

    def cut(self, number: int) -> Path:
        """The disk after a power cut now, mounted at another place."""
        copy, place = self._folder / f"cut-{number}.img", self._folder / f"cut-{number}"
        _run("cp", "--sparse=always", str(self._file), str(copy))
        self._mount(copy, place)
        self._copies.append(place)
        return place

    def lose_power(self) -> None:
        """The same, but at the same place: nobody may use the disk any more."""
        copy = self._folder / "after.img"
        _run("cp", "--sparse=always", str(self._file), str(copy))
        _run("umount", str(self.root))
        self._file.unlink()
        copy.rename(self._file)
        self._mount(self._file, self.root)

    def _mount(self, file: Path, place: Path) -> None:
        place.mkdir(exist_ok=True)
        _run("mount", "-o", "loop", str(file), str(place))

    def __exit__(self, *exc: object) -> None:
        for place in (*self._copies, self.root):
            subprocess.run(["umount", "-l", str(place)], check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
