"""The files .s3dignore of a sync folder and its sub-folders, with the syntax of .gitignore.

As with git, the patterns of a file are relative to its folder, those of a deeper file override
those above it, and nothing within an ignored folder can be included again.
https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".s3dignore"
LARGEST = 1 << 20
"""Bytes of an ignore file. A larger one is none."""

_Seen = tuple[int, int]
"""Time (ns) and size of a file."""


class _Patterns(NamedTuple):
    """What a file contains, as it was last seen."""

    seen: _Seen
    spec: GitIgnoreSpec


class Ignore:
    """The ignore files below a root. A file is read when a path in its folder is asked about, and
    again when it has changed and refresh() was called."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, _Patterns | None] = {"": None}
        """Folder ("a/", or "" for the root) -> the patterns of its file; None: it has none."""
        self._folders: dict[str, bool] = {}
        """Folder -> whether it is ignored."""

    def refresh(self) -> bool:
        """Check the files again; return whether a known one has changed."""
        known = {folder: patterns for folder, patterns in self._files.items() if patterns}
        before, self._files, self._folders = known, {}, {}
        for folder in {"", *known}:
            self._files[folder] = self._read(folder, known.get(folder))
        return {f: p for f, p in self._files.items() if p} != before

    def matches(self, path: str) -> bool:
        """A path, or a folder with its slash: what is below an ignored folder is ignored."""
        return any(map(self._ignores_folder, _above(path))) or self._decide(path)

    def _ignores_folder(self, folder: str) -> bool:
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._decide(folder)
        return known

    def _decide(self, path: str) -> bool:
        """The deepest file with a pattern for the path decides."""
        for folder in ["", *_above(path)][::-1]:
            patterns = self._patterns_of(folder)
            if patterns is not None:
                ignored = patterns.spec.check_file(path[len(folder) :]).include
                if ignored is not None:
                    return ignored
        return False

    def _patterns_of(self, folder: str) -> _Patterns | None:
        if folder not in self._files:
            self._files[folder] = self._read(folder, None)
        return self._files[folder]

    def _read(self, folder: str, known: _Patterns | None) -> _Patterns | None:
        """The patterns of a file; the known ones when it has not changed."""
        file = self._root / folder / IGNORE_FILE
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return None
            seen = status.st_mtime_ns, status.st_size
            if known is not None and known.seen == seen:
                return known
            lines = file.read_text("utf-8", "replace").splitlines()
        except (OSError, ValueError):  # ValueError: a key that no path can be
            return None
        return _Patterns(seen, _compiled(line for line in lines if _is_pattern(line)))


def _above(path: str) -> Iterator[str]:
    """The folders that a path is in, the outermost first, without the root."""
    end = path.find("/")
    while 0 <= end < len(path) - 1:
        yield path[: end + 1]
        end = path.find("/", end + 1)


def _compiled(lines: Iterable[str]) -> GitIgnoreSpec:
    """Raises ValueError for a line that is no pattern."""
    # Imported here because most agents sync no folder, and it has 30 modules.
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def _is_pattern(line: str) -> bool:
    """Lines that are not patterns are skipped, as git does."""
    try:
        _compiled([line])
    except ValueError:
        return False
    return True
