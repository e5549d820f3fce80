"""Which words of a screen are plain: those of the app's own strings, unless they are states."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import s3d.shared.config
import s3d.tui

STATES = frozenset(
    ("running", "waiting", "held", "failed", "verifying", "conflict", "conflicts", "done",
     "cancelled", "paused", "pending", "pinned", "cached", "partial", "prefetch", "idle", "syncing",
     "stopped", "offline", "starting", "reachable", "unreachable", "connected", "disconnected",
     "reconnecting", "connecting", "enabled", "suspended", "deleted", "pushed", "excluded",
     "included", "unpinned", "restored", "saved", "evicted", "mounted", "stale", "missing",
     "blocked", "skipped", "hits")
)  # fmt: skip
"""Words that say something of the agent: they need a rule."""
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_TOKEN = re.compile(r"\S+")
_PROGRAM = re.compile(r"\bs3d\b")
_SIGNS = re.compile(r"^[\W_]*$")


@cache
def words() -> frozenset[str]:
    """The words of all texts of the app, docstrings left out, and those of the settings' help."""
    found: set[str] = set()
    folders = (s3d.tui.__file__, s3d.shared.config.__file__)
    for file in (file for each in folders for file in Path(each).parent.rglob("*.py")):
        tree = ast.parse(file.read_text())
        docs = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(() if id(node) in docs else _WORD.findall(node.value.lower()))
    return frozenset(found)


def unexplained(text: str) -> list[str]:
    """The tokens of a text that are neither signs nor plain words of the app."""
    return [token for token in _TOKEN.findall(text) if not _is_plain(token)]


def _is_plain(token: str) -> bool:
    if _SIGNS.match(token):
        return True
    token = _PROGRAM.sub("", token)
    if any(char.isdigit() for char in token):
        return False
    parts = _WORD.findall(token.lower())
    return all(part in words() and part not in STATES for part in parts)
