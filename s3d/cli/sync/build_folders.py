"""Folders that tools make again whenever they are missing, better left out of a sync folder.

Whoever cleans a project deletes thousands of files at once, and a sync folder would stop and ask.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

IGNORE_FILE = ".s3dignore"
MAX_DEPTH = 3
"""Levels below the sync folder that are looked through."""
MAX_FOLDERS = 5_000

_ALWAYS = frozenset((
    "node_modules", ".venv", "__pycache__", ".tox", ".gradle", ".terraform", ".next", ".mypy_cache",
    ".pytest_cache", ".ruff_cache",
))  # fmt: skip
_BESIDE = {
    "target": ("Cargo.toml", "pom.xml"),
    "build": ("build.gradle", "build.gradle.kts", "CMakeLists.txt", "setup.py"),
    "dist": ("package.json",),
}
"""Name -> files beside it, one of which shows that a tool makes the folder."""
_WITHIN = {"venv": "pyvenv.cfg"}


def build_folders(root: Path) -> list[str]:
    """The names of build folders below a folder that its ignore file does not name yet."""
    ignored = {line.strip().strip("/") for line in _lines(root)}
    return sorted({name for name in _found(root) if name not in ignored})


def ignore(root: Path, names: list[str]) -> None:
    """Add names to the ignore file. Raises OSError."""
    before = "\n".join(_lines(root))
    lines = [*([before] if before else []), "# build folders", *(f"{name}/" for name in names)]
    (root / IGNORE_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(root: Path) -> list[str]:
    try:
        return (root / IGNORE_FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _found(root: Path) -> Iterator[str]:
    waiting, looked = [(root, 0)], 0
    for folder, depth in waiting:
        looked += 1
        if looked > MAX_FOLDERS:
            return
        try:
            with os.scandir(folder) as entries:
                rows = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError:
            continue
        names = {name for name, _ in rows}
        for name, is_folder in rows:
            if not is_folder:
                continue
            if _is_build_folder(folder / name, names):
                yield name
            elif depth < MAX_DEPTH:
                waiting.append((folder / name, depth + 1))


def _is_build_folder(path: Path, beside: set[str]) -> bool:
    name = path.name
    if name in _ALWAYS or any(file in beside for file in _BESIDE.get(name, ())):
        return True
    return name in _WITHIN and (path / _WITHIN[name]).exists()
