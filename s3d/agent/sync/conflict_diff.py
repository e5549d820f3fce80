"""The differences between a file and its conflict copy: a unified diff, or the first byte."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress

from s3d.agent.core.path_names import original_of
from s3d.agent.sync.file_content import open_regular
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked
from s3d.agent.sync.local_tree import FolderTree
from s3d.shared.syncing import ConflictDiff

MAX_TEXT_SIZE = 256 << 10
"""Bytes of each side that are compared as text."""
LINES, WIDTH = 2_000, 1_000
"""Lines that are given, and characters of each."""


def diff_conflict(tree: FolderTree, copy: str) -> ConflictDiff:
    """For a thread. copy: the path of a conflict copy. Raises PathBlocked; OSError."""
    original = original_of(copy)
    if not original:
        raise PathBlocked("the path is not a conflict copy")
    (one, size, at), (other, other_size, other_at) = _read(tree, original), _read(tree, copy)
    diff = ConflictDiff(original, copy, size, other_size, at, other_at)
    texts = [_text(one, size), _text(other, other_size)]
    if texts[0] is None or texts[1] is None:
        lines = _bytes(one, other, size, other_size)
        return _with(diff, lines, is_text=False)
    before, after = (text.splitlines() for text in texts if text is not None)
    lines = list(difflib.unified_diff(before, after, original, copy, lineterm="", n=3))
    return _with(diff, lines or ["The files are identical."], is_text=True)


def _with(diff: ConflictDiff, lines: list[str], *, is_text: bool) -> ConflictDiff:
    cut = [line[:WIDTH] for line in lines[:LINES]]
    return ConflictDiff(
        diff.original, diff.copy, diff.original_size, diff.copy_size, diff.original_modified,
        diff.copy_modified, is_text, cut, len(cut) < len(lines) or cut != lines[: len(cut)],
    )  # fmt: skip


def _read(tree: FolderTree, path: str) -> tuple[bytes, int, float]:
    """The beginning of a file, its size and modification time; empty values when it does not
    exist."""
    with suppress(FileNotFoundError, ConcurrentChange), tree.at(path) as place:
        fd = open_regular(place)
        with os.fdopen(fd, "rb") as file:
            facts = os.fstat(fd)
            return file.read(MAX_TEXT_SIZE + 1), facts.st_size, facts.st_mtime
    return b"", 0, 0.0


def _text(data: bytes, size: int) -> str | None:
    """The lines of a text; None for binary data or too large a text."""
    if size > MAX_TEXT_SIZE or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _bytes(one: bytes, other: bytes, size: int, other_size: int) -> list[str]:
    at = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    is_seen = at < min(len(one), len(other)) or size != other_size
    return [
        f"{size:,} bytes and {other_size:,} bytes, no text to compare",
        f"they differ from byte {at:,} on" if is_seen else f"the first {at:,} bytes are the same",
    ]
