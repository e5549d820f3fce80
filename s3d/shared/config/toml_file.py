"""The configuration file: TOML, read as flat names with the line that each was set on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

_TABLE = re.compile(r"\s*\[\[\s*([\w.\- ]+?)\s*\]\]\s*(?:#.*)?")
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
    text = _text(path)
    lines = _lines(text)
    flat = _flat(_parse(text))
    return {name: FileValue(value, lines.get(name, 0)) for name, value in flat.items()}


def read_tables(path: Path, name: str) -> list[tuple[int, dict[str, object]]]:
    """Every [[name]] of the file, with the line that it begins on. Raises FileError."""
    text = _text(path)
    rows = _parse(text).get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return []
    lines = [n for n, line in enumerate(text.splitlines(), 1) if _is_table(line, name)]
    return list(zip(lines + [0] * (len(rows) - len(lines)), rows, strict=False))


def add_table(path: Path, name: str, table: dict[str, object]) -> None:
    """Add a [[name]] at the end of the file, which is made if need be. All else stays as it is.

    Raises OSError.
    """
    import tomli_w

    block = f"[[{name}]]\n{tomli_w.dumps(table)}"
    text = _text(path)
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    _write(path, text + gap + block)


def remove_table(path: Path, name: str, number: int) -> None:
    """Remove the [[name]] of this number, from 0, with its lines. Raises OSError, FileError."""
    lines = _text(path).splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if _is_table(line, name)]
    if number >= len(heads):
        raise FileError(f"there is no [[{name}]] that could be removed: edit {path}")
    start = heads[number]
    end = next(
        (n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines)
    )
    while end - 1 > start and lines[end - 1].lstrip().startswith("#"):
        end -= 1  # a comment right above the next section is that one's
    text = "".join(lines[:start] + lines[end:])
    _parse(text)
    _write(path, text)


def _is_table(line: str, name: str) -> bool:
    found = _TABLE.fullmatch(line.rstrip("\r\n"))
    return found is not None and found[1] == name


def _write(path: Path, text: str) -> None:
    """In one step, for its owner only: the file may hold secrets."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    real = path.resolve()
    draft = real.with_name(f".{real.name}.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, real)
    _sync_folder(real.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable: a power cut must not bring the old file back."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        raise FileError(f"not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}") from error


def _parse(text: str) -> dict[str, object]:
    if not text:
        return {}
    import tomllib  # most starts have no file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not TOML: {error}") from error


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
        if table := _TABLE.fullmatch(line):
            section = table[1] + "[]."
            found.setdefault(table[1], number)
        elif header := _HEADER.fullmatch(line):
            section = header[1] + "."
            found.setdefault(header[1], number)
        elif key := _KEY.match(line):
            found.setdefault(section + key[1], number)
    return found
