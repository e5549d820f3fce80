"""What a person has chosen for the app: theme, bookmarks, keys. A small TOML file of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s3d.shared.atomic_file import write_atomically

FILE = "tui.toml"
"""In the folder of the configuration file."""


@dataclass
class Preferences:
    """keys: id of a binding -> the keys for it, as Textual writes them with commas between."""

    theme: str = ""
    bookmarks: list[str] = field(default_factory=list)
    """BUCKET/PREFIX each."""
    keys: dict[str, str] = field(default_factory=dict)
    path: Path | None = None
    """None: nothing is kept."""
    trouble: str = ""
    """Why the file is not used."""

    def keep(self) -> None:
        """Write the file. Raises OSError."""
        if self.path is None or self.trouble:
            return
        import tomli_w

        found: dict[str, object] = {"theme": self.theme, "bookmarks": self.bookmarks}
        if self.keys:
            found["keys"] = self.keys
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, tomli_w.dumps(found).encode(), durable=False, mode=0o666)


def load(path: Path) -> Preferences:
    """Never fails: what is wrong with the file is its trouble, and the file stays as it is."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences(path=path)
    except (OSError, ValueError) as error:
        return Preferences(path=path, trouble=f"{path} is not used: {error}")
    try:
        return Preferences(
            _text(found, "theme"),
            [str(each) for each in _list(found, "bookmarks")],
            {name: str(keys) for name, keys in _table(found, "keys").items()},
            path,
        )
    except TypeError as error:
        return Preferences(path=path, trouble=f"{path} is not used: {error}")


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text")
    return value


def _list(found: Mapping[str, object], name: str) -> list[object]:
    value = found.get(name, [])
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list")
    return value


def _table(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = found.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"[{name}] must be a table")
    return value
