"""The choices of the user for the app: theme, bookmarks, keys. A small TOML file of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s3d.shared.atomic_file import write_atomically

FILE = "tui.toml"
"""In the folder of the configuration file."""
PREVIEWS = ("rest", "key", "off")
"""Values of `preview`."""


@dataclass
class Preferences:
    """keys: id of a binding -> the keys for it, as Textual writes them with commas between."""

    theme: str = ""
    bookmarks: list[str] = field(default_factory=list)
    """BUCKET/PREFIX each."""
    keys: dict[str, str] = field(default_factory=dict)
    preview: str = ""
    """When the inspector reads the object under the cursor: rest, key or off; empty: by the cost of
    a read."""
    path: Path | None = None
    """None: nothing is saved."""
    error: str = ""
    """Why the file is ignored."""

    def save(self) -> str:
        """Write the file. Returns why that is impossible, for the user, or "".

        A file that could not be read stays as it is.
        """
        if self.path is None or self.error:
            return ""
        import tomli_w

        document: dict[str, object] = {"theme": self.theme, "bookmarks": self.bookmarks}
        if self.preview:
            document["preview"] = self.preview
        if self.keys:
            document["keys"] = self.keys
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = tomli_w.dumps(document)
            write_atomically(self.path, text.encode(), durable=False, mode=0o666)
        except OSError as error:
            return f"cannot save the preferences: {error}"
        return ""


def load(path: Path) -> Preferences:
    """Never fails: a file that cannot be used gives empty preferences with an error."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences(path=path)
    except (OSError, ValueError) as error:
        return Preferences(path=path, error=f"ignoring {path}: {error}")
    try:
        return Preferences(
            _text(document, "theme"),
            [str(each) for each in _list(document, "bookmarks")],
            {name: str(keys) for name, keys in _table(document, "keys").items()},
            _choice(document, "preview", PREVIEWS),
            path,
        )
    except TypeError as error:
        return Preferences(path=path, error=f"ignoring {path}: {error}")


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text")
    return value


def _choice(document: Mapping[str, object], name: str, choices: Collection[str]) -> str:
    value = _text(document, name)
    if value and value not in choices:
        raise TypeError(f"{name} must be one of {', '.join(choices)}")
    return value


def _list(document: Mapping[str, object], name: str) -> list[object]:
    value = document.get(name, [])
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list")
    return value


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"[{name}] must be a table")
    return value
