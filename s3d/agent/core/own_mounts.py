"""The agent's own mounts: it knows which paths are in one, and what they stand for.

A thread of the agent that touches such a path waits for the agent itself. So paths from users pass
OwnMounts before anything looks at them, and a path inside a mount is treated as the object that it
shows. Links are followed, but nothing at or below a mount is ever looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_MAX_LINKS = 40
"""As in the kernel (path_resolution(7))."""


class MountedPlace(NamedTuple):
    """What a path shows. key: without a slash at its end; "" for a whole bucket. bucket: "" when
    the path shows all buckets."""

    bucket: str
    key: str


ToPlace = Callable[[tuple[str, ...]], MountedPlace]
"""What the names of a path below a mount stand for. Raises OSError: it can be no name there."""


class OwnMounts:
    """All mounts of the agent. Its methods may be called by any thread."""

    def __init__(self) -> None:
        self._places: dict[Path, ToPlace] = {}
        """Folders without symbolic links on the way."""

    def add(self, folder: Path, to_place: ToPlace) -> None:
        self._places[folder] = to_place

    def remove(self, folder: Path) -> None:
        self._places.pop(folder, None)

    @property
    def folders(self) -> Collection[Path]:
        return tuple(self._places)

    def contains(self, path: str | Path) -> bool:
        """Whether an absolute path is in a mount, or is one."""
        return bool(self._places) and split_at(path, self._places) is not None

    def locate(self, path: str | Path) -> MountedPlace | None:
        """What an absolute path shows; None: it is in no mount. Raises OSError."""
        if not self._places:
            return None
        inside = split_at(path, self._places)
        return None if inside is None else self._places[inside[0]](inside[1])


def split_at(
    path: str | Path, mounts: Collection[Path], *, readlink: Callable[[str], str] = os.readlink
) -> tuple[Path, tuple[str, ...]] | None:
    """The mount that an absolute path leads into, and the names below it; None: there is none."""
    left = list(reversed(PurePosixPath(path).parts[1:]))
    reached, links = Path("/"), 0
    while left:
        name = left.pop()
        if name == "..":
            reached = reached.parent
            continue
        reached /= name
        if reached in mounts:
            rest = _normalized(left)
            if rest is not None:
                return reached, rest
            reached, left = Path(os.path.normpath(Path(reached, *reversed(left)))), []
            return split_at(reached, mounts, readlink=readlink)
        try:
            target = readlink(str(reached))
        except OSError:  # it is not a link, or does not exist
            continue
        links += 1
        if links > _MAX_LINKS:
            return None
        parts = PurePosixPath(target).parts
        reached = Path("/") if target.startswith("/") else reached.parent
        left.extend(reversed(parts[1:] if target.startswith("/") else parts))
    return None


def _normalized(reversed_names: list[str]) -> tuple[str, ...] | None:
    """Names without "..": symbolic links in the mount are not followed. None: they lead out."""
    names: list[str] = []
    for name in reversed(reversed_names):
        if name == "..":
            if not names:
                return None
            names.pop()
        else:
            names.append(name)
    return tuple(names)
