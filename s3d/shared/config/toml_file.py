"""The TOML configuration file: its values by name, with their lines; adding and removing tables."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

_TABLE = r"\s*\[\[\s*([\w.\- ]+?)\s*\]\]\s*(?:#.*)?"  # compiled at first use
_HEADER = r"\s*\[\s*([\w.\- ]+?)\s*\]\s*(?:#.*)?"
_KEY = r"""\s*["']?([\w.-]+)["']?\s*="""


class FileError(Exception):
    """The file cannot be read; the text says where and why."""


class FileValue(msgspec.Struct, frozen=True):
    """A value of the file. line is 0 when its line could not be determined."""

    value: object
    line: int


def read(path: Path) -> dict[str, FileValue]:
    """Every value of the file by its name, "key" or "section.key". Without a file, there are none.

    Raises FileError when the file exists and is not readable TOML.
    """
    return parse_values(_text(path))


def parse_values(text: str) -> dict[str, FileValue]:
    """As read(), of a text. Raises FileError."""
    lines = _lines(text)
    flat = _flat(_parse(text))
    return {name: FileValue(value, lines.get(name, 0)) for name, value in flat.items()}


def read_tables(path: Path, name: str) -> list[tuple[int, dict[str, object]]]:
    """Every [[name]] of the file, with its first line. Raises FileError."""
    text = _text(path)
    rows = _parse(text).get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return []
    lines = [n for n, line in enumerate(text.splitlines(), 1) if _is_table(line, name)]
    return list(zip(lines + [0] * (len(rows) - len(lines)), rows, strict=False))


def table_lines(path: Path, name: str) -> list[dict[str, int]]:
    """For each [[name]] of the file, the line of each of its keys, also of one that is a table of
    its own: [[name.key]]. Raises FileError."""
    found: list[dict[str, int]] = []
    is_inside = False
    for number, line in enumerate(_text(path).splitlines(), 1):
        if _is_table(line, name):
            found.append({})
            is_inside = True
        elif found and (part := re.match(rf"""\s*\[\[?\s*{name}\s*\.\s*["']?([\w-]+)""", line)):
            found[-1].setdefault(part[1], number)
            is_inside = False
        elif line.lstrip().startswith("["):
            is_inside = False
        elif is_inside and (key := re.match(_KEY, line)):
            found[-1].setdefault(key[1].partition(".")[0], number)
    return found


_replacing = threading.Lock()


def replace_table(
    path: Path,
    name: str,
    is_old: Callable[[dict[str, object]], bool],
    table: dict[str, object] | None,
) -> None:
    """Remove each [[name]] that is_old() names, and append the table. None: only remove.

    Threads may call it at the same time. Raises OSError, FileError.
    """
    with _replacing:
        rows = read_tables(path, name)
        for number, (_, row) in reversed(list(enumerate(rows))):
            if is_old(row):
                remove_table(path, name, number)
        if table is not None:
            add_table(path, name, table)


def add_table(path: Path, name: str, table: dict[str, object]) -> None:
    """Append a [[name]] to the file, which is created if necessary. The rest stays unchanged.

    Raises OSError.
    """
    import tomli_w

    block = f"[[{name}]]\n{tomli_w.dumps(table)}"
    text = _text(path)
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    _write(path, text + gap + block)


def remove_table(path: Path, name: str, number: int) -> None:
    """Remove the [[name]] of this number, counted from 0. Raises OSError, FileError."""
    lines = _text(path).splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if _is_table(line, name)]
    if number >= len(heads):
        raise FileError(f"cannot find the [[{name}]] to remove; edit {path}")
    start = heads[number]
    end = next(
        (n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines)
    )
    while end - 1 > start and lines[end - 1].lstrip().startswith("#"):
        end -= 1  # a comment directly above the next section belongs to that section
    text = "".join(lines[:start] + lines[end:])
    _parse(text)
    _write(path, text)


def _is_table(line: str, name: str) -> bool:
    match = re.fullmatch(_TABLE, line.rstrip("\r\n"))
    return match is not None and match[1] == name


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, readable only by its owner, because it can contain secrets."""
    from s3d.shared.atomic_file import write_atomically

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path.resolve(), text.encode(), durable=True)


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
    import tomllib  # not needed without a file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(f"not TOML: {error}") from error


def _flat(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            values |= _flat(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


def _lines(text: str) -> dict[str, int]:
    """Name -> line number, for [section] headers and key = value lines."""
    values: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if table := re.fullmatch(_TABLE, line):
            section = table[1] + "[]."
            values.setdefault(table[1], number)
        elif header := re.fullmatch(_HEADER, line):
            section = header[1] + "."
            values.setdefault(header[1], number)
        elif key := re.match(_KEY, line):
            values.setdefault(section + key[1], number)
    return values
