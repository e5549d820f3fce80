"""[[bucket]] of the configuration file: the buckets of the embedded store that exist at the start.

    [[bucket]]
    name = "photos"
    versioning = "Enabled"
    public_access_block = true
    tags = {team = "web"}
    cors = [{AllowedMethods = ["GET"], AllowedOrigins = ["*"]}]

    [[bucket.lifecycle]]
    ID = "old"
    Status = "Enabled"
    Filter = {Prefix = "log/"}
    Expiration = {Days = 30}

What lies below a name of SETTINGS has the members of the S3 API reference. Their names and values
are checked when the agent starts, since only the agent knows the model of S3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from s3d.shared.config import toml_file
from s3d.shared.config.rules import Problem, nearest
from s3d.shared.config.validators import parse_bucket

TABLE = "bucket"


class BucketSetting(msgspec.Struct, frozen=True):
    """One setting of a declared bucket."""

    name: str
    """A name of SETTINGS."""
    value: Any
    """As TOML has it."""
    origin: str
    """Such as config.toml:3."""


class DeclaredBucket(msgspec.Struct, frozen=True):
    """A bucket that the file declares."""

    name: str
    origin: str
    settings: tuple[BucketSetting, ...] = ()
    """In the order of SETTINGS, in which they are made."""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _switch_or_table(value: Any) -> bool:
    return isinstance(value, bool | dict)


def _text_or_table(value: Any) -> bool:
    return isinstance(value, str | dict)


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


def _table_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


SETTINGS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "object_lock": (_switch_or_table, "true, or a table with Mode and Days or Years"),
    "versioning": (lambda value: value in ("Enabled", "Suspended"), '"Enabled" or "Suspended"'),
    "ownership": (_text, "a text such as BucketOwnerEnforced"),
    "public_access_block": (_switch_or_table, "true for all four, false, or a table of them"),
    "encryption": (_text_or_table, 'a text such as "AES256", or a table with SSEAlgorithm'),
    "tags": (_texts, "a table of texts"),
    "cors": (_table_list, "a list of rules: [[bucket.cors]]"),
    "lifecycle": (_table_list, "a list of rules: [[bucket.lifecycle]]"),
    "policy": (_text_or_table, "a table, or its JSON as text"),
    "website": (_table, "a table: [bucket.website]"),
    "logging": (_table, "a table: [bucket.logging]"),
    "notification": (_table, "a table: [bucket.notification]"),
}
"""Key of the table -> whether a value may be one, and what is expected."""


def declared_buckets(file: Path, problems: list[Problem]) -> list[DeclaredBucket]:
    """Every [[bucket]] of the file, in order; an invalid one adds a problem."""
    try:
        value = toml_file.read(file).get(TABLE)
        tables = toml_file.read_tables(file, TABLE)
        lines = toml_file.table_lines(file, TABLE)
    except toml_file.FileError:
        return []  # collect() has reported it
    if value is not None and not tables:
        problems.append(
            Problem(TABLE, f"{file}:{value.line}", "write each bucket as a [[bucket]] with a name")
        )
    found: dict[str, DeclaredBucket] = {}
    for number, (line, table) in enumerate(tables):
        lines_of = lines[number] if number < len(lines) else {}
        bucket = _bucket(file, line, table, lines_of, problems)
        if bucket is None:
            continue
        if bucket.name in found:
            message = f"{bucket.name} is declared at {found[bucket.name].origin} too"
            problems.append(Problem(f"{TABLE}.name", bucket.origin, message))
        found[bucket.name] = bucket
    return list(found.values())


def _bucket(
    file: Path,
    line: int,
    table: Mapping[str, Any],
    lines: Mapping[str, int],
    problems: list[Problem],
) -> DeclaredBucket | None:
    def problem(key: str, message: str) -> None:
        origin = f"{file}:{lines.get(key, line)}"
        problems.append(Problem(f"{TABLE}.{key}", origin, message))

    for key, value in table.items():
        if key == "name":
            continue
        if key not in SETTINGS:
            problem(key, "unknown setting" + nearest(key, ["name", *SETTINGS]))
        elif not SETTINGS[key][0](value):
            problem(key, f"must be {SETTINGS[key][1]}")
    name = table.get("name")
    if not isinstance(name, str) or not name:
        problem("name", "not set: each [[bucket]] needs the name of its bucket")
        return None
    try:
        parse_bucket(name)
    except ValueError as error:
        problem("name", f"{name!r}: {error}")
        return None
    settings = (
        BucketSetting(key, table[key], f"{file}:{lines.get(key, line)}")
        for key in SETTINGS
        if key in table
    )
    return DeclaredBucket(name, f"{file}:{line}", tuple(settings))
