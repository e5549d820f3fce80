"""Paths of this machine, as a person types them: are they there, and how do they go on?"""

from __future__ import annotations

import os
from pathlib import Path

from textual.suggester import Suggester

MOST = 1_000
"""Names of a folder among which a completion is looked for."""


def no_check(text: str) -> str:
    """The agent is on another machine: it will say what is wrong."""
    return ""


def check_source(text: str) -> str:
    """Of a file or folder to be uploaded; "" when it is right."""
    path = Path(text).expanduser()
    if not path.is_absolute():
        return "write the whole path, from / or ~ on"
    if not path.exists():
        return "there is no such file or folder"
    return "" if os.access(path, os.R_OK) else "you may not read it"


def check_folder(text: str) -> str:
    """Of a folder that something is put into."""
    path = Path(text).expanduser()
    if not path.is_absolute():
        return "write the whole path, from / or ~ on"
    return "that is a file" if path.exists() and not path.is_dir() else ""


class Paths(Suggester):
    """How a path goes on: the first name of its folder that fits."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, _, start = value.rpartition("/")
        if not start:
            return None
        try:
            with os.scandir(Path(f"{folder}/").expanduser()) as found:
                names = sorted(
                    entry.name + ("/" if entry.is_dir() else "")
                    for entry, _ in zip(found, range(MOST), strict=False)
                    if entry.name.startswith(start)
                )
        except OSError:
            return None
        return f"{folder}/{names[0]}" if names else None
