"""The configuration file: TOML, read as flat names with the line that each was set on."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

_HEADER = re.compile(r"\s*\[\s*([\w.\- ]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"""\s*["']?([\w.-]+)["']?\s*=""")


class FileError(Exception):
    """The file cannot be read: where and why, as text for a person."""


class FileValue(msgspec.Struct, frozen=True):
    """One value of the file. line is 0 when it is written in a form that is hard to find."""

    value: object
    line: int


def read(path: Path) -> dict[str, FileValue]:
    """Every value of the file by its name, "key" or "section.key". No file: nothing.

    Raises FileError when the file is there and is not readable TOML.
    """
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise FileError(f"not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}") from error
    import tomllib  # most starts have no file

    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not TOML: {error}") from error
    lines = _lines(text)
    return {name: FileValue(value, lines.get(name, 0)) for name, value in _flat(tree).items()}


def _flat(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def _lines(text: str) -> dict[str, int]:
    """Name -> line number, by the usual way to write TOML: [section] headers and key = value."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            section = header[1] + "."
            found.setdefault(header[1], number)
        elif key := _KEY.match(line):
            found.setdefault(section + key[1], number)
    return found
