"""The folder that a mount is at: it is prepared before, and a mount of a dead agent is removed.

Nothing here looks into a mount that lives.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from s3d.agent.frontends.fuse.kernel import fusermount
from s3d.agent.frontends.fuse.kernel.fusermount import MountFailed
from s3d.shared.mount_table import is_dead, mounts_at
from s3d.shared.mounting import FILE_SYSTEM

_MAX_STACKED = 16
"""Mounts above one another that are removed."""


class Holder(NamedTuple):
    """A process that uses a mount."""

    pid: int
    program: str
    path: Path
    """A file that it has open, or its current folder."""


def prepare(folder: Path) -> Path:
    """Make the folder if it is missing, and remove mounts of agents that have died. Returns it
    without symbolic links.

    Raises MountFailed: it is in use, is no folder, or is not empty.
    """
    try:
        real = _resolved(folder)
        remove_dead(real)
        if mounts_at(real):
            raise MountFailed(
                f"cannot mount at {folder}",
                "something else is mounted there",
                f"choose another folder, or unmount it: {fusermount.PROGRAM} -u {folder}",
            )
        real.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _has_names(real):
            raise MountFailed(
                f"cannot mount at {folder}", "the folder is not empty", "choose an empty folder"
            )
    except OSError as error:
        is_file = isinstance(error, FileExistsError)  # else mkdir() accepts what is there
        reason = "it is not a folder" if is_file else os.strerror(error.errno or errno.EIO)
        remedy = "choose an empty folder, or one that does not exist"
        raise MountFailed(f"cannot mount at {folder}", reason, remedy) from error
    return real


def _has_names(folder: Path) -> bool:
    with os.scandir(folder) as names:
        return any(names)


def _resolved(folder: Path) -> Path:
    """Without looking at the folder itself, which may be a mount."""
    try:
        return Path(os.path.realpath(folder.parent / os.readlink(folder)))
    except OSError:  # no link
        return Path(os.path.realpath(folder.parent)) / folder.name


def remove_dead(folder: Path) -> None:
    """Remove the mounts of processes that have died, down to one that lives. folder: without
    symbolic links. Raises MountFailed."""
    for _ in range(_MAX_STACKED):
        rows = mounts_at(folder)
        if not rows or rows[-1].type != FILE_SYSTEM or not is_dead(folder):
            return
        fusermount.unmount(folder, lazy=True)


def detach(folder: Path) -> None:
    """Unmount what a process serves that does not answer. Nothing here looks into the mount, since
    that would hang. The folder is free at once; programs that have files of it open go on waiting.
    folder: without symbolic links. Raises MountFailed."""
    rows = mounts_at(folder)
    if rows and rows[-1].type == FILE_SYSTEM:
        fusermount.unmount(folder, lazy=True)


def holders(folder: Path, *, proc: Path = Path("/proc")) -> Iterator[Holder]:
    """The processes of this user that use a mount. It reads links of /proc, never the mount."""
    for process in sorted(proc.iterdir(), key=lambda each: each.name):
        if process.name.isdecimal():
            path = _first_inside(folder, _links(process))
            if path is not None:
                yield Holder(int(process.name), _program(process), path)


def _links(process: Path) -> Iterator[Path]:
    yield from (process / "cwd", process / "root")
    try:
        yield from (process / "fd").iterdir()
        maps = (process / "maps").read_text(errors="surrogateescape")
    except OSError:  # it has ended, or is another user's
        return
    for line in maps.splitlines():
        _, _, path = line.partition("/")
        if path:
            yield Path("/", path)


def _first_inside(folder: Path, links: Iterable[Path]) -> Path | None:
    for link in links:
        path = link
        if link.parts[:2] == ("/", "proc"):
            try:
                path = Path(os.readlink(link))
            except OSError:
                continue
        if path.is_relative_to(folder):
            return path
    return None


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""
