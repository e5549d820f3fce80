"""Sync folders as settings: several in the environment, and what all of them have to be.

Further folders of the environment are S3D_SYNC_FOLDER_2, S3D_SYNC_FOLDER_2_BUCKET, and so on. A
container has no configuration file that s3d could write to, and the variables without a number
name one folder only. The number only keeps the variables of one folder together.

It does not import annotations from __future__, for the reason that schema.py states.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from s3d.shared.config.rules import Given, Problem, Rule, fill, nearest
from s3d.shared.config.validators import (
    parse_bool,
    parse_bucket,
    parse_interval,
    parse_limit,
    parse_max_size,
    parse_name,
    parse_path,
    parse_prefix,
    parse_sync_mode,
)
from s3d.shared.filters.expression import EVERYTHING, Filter

SECTION = "sync_folder."
_PREFIX = "S3D_SYNC_FOLDER_"
_VARIABLE = re.compile(_PREFIX + r"([0-9]{1,4})(?:_(\w+))?")


class SyncFolderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[[sync_folder]]: a local folder that is kept in sync with the objects under a prefix."""

    path: Annotated[
        Path | None,
        Rule(
            "Local folder to keep in sync with a bucket; unset: none",
            parse_path,
            section_default=True,
        ),
    ] = None
    bucket: Annotated[
        str,
        Rule("Bucket to keep the folder in sync with", parse_bucket),
    ] = ""
    prefix: Annotated[
        str,
        Rule("Prefix of the keys, with or without a final slash; empty: all keys", parse_prefix),
    ] = ""
    name: Annotated[
        str,
        Rule("Name of the sync folder in commands; unset: the last part of its path", parse_name),
    ] = ""
    mode: Annotated[
        str,
        Rule("two-way; backup (only upload); or mirror (only download)", parse_sync_mode),
    ] = "two-way"
    filter: Annotated[
        Filter,
        Rule(
            "Files and objects to sync, by their paths in the folder; empty: all",
            Filter.parse_of_folder,
            lines=True,
        ),
    ] = EVERYTHING
    interval: Annotated[
        float,
        Rule("How often s3d lists the bucket; less often while nothing changes", parse_interval),
    ] = 30.0
    max_size: Annotated[
        int | None,
        Rule("Stop downloading above this many bytes; unset: limited by the disk", parse_max_size),
    ] = None
    max_files: Annotated[
        int | None,
        Rule("Stop downloading above this many files; unset: no limit", parse_limit),
    ] = None
    keep_mode: Annotated[
        bool,
        Rule("Sync the permission bits of files as well", parse_bool),
    ] = False
    unsafe: Annotated[
        bool,
        Rule("Sync two-way even if the remote ignores conditional writes", parse_bool),
    ] = False


def without_numbered(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables of numbered folders."""
    return {name: text for name, text in env.items() if not _VARIABLE.fullmatch(name)}


def numbered_folders(env: Mapping[str, str], problems: list[Problem]) -> list[SyncFolderConfig]:
    """The folders by number. An empty variable counts as unset."""
    known = {field.name.upper() for field in msgspec.structs.fields(SyncFolderConfig)}
    given: dict[int, dict[str, Given]] = defaultdict(dict)
    for name, text in env.items():
        match = _VARIABLE.fullmatch(name)
        if match is None or not text:
            continue
        field = match[2] or "PATH"
        if field in known:
            given[int(match[1])][SECTION + field.lower()] = Given(text, name)
        else:
            near = nearest(field, known, "")
            problems.append(Problem(SECTION + field.lower(), name, f"no such setting{near}"))
    folders = []
    for number in sorted(given):
        values = given[number]
        for missing in ("path", "bucket"):
            if SECTION + missing not in values:
                origin = next(iter(values.values())).origin
                message = f"{_PREFIX}{number}{'' if missing == 'path' else '_BUCKET'} is not set"
                problems.append(Problem(SECTION + missing, origin, message))
        folder = fill(SyncFolderConfig, values, problems, SECTION)
        if folder.path is not None and folder.bucket:
            folders.append(folder)
    return folders


def check_folders(folders: Iterable[SyncFolderConfig], given: Mapping[str, Given]) -> list[Problem]:
    """Problems of sync folders: each needs a path and a bucket; none shares a folder or a name."""
    problems = []
    one = given.get("sync_folder.path") or given.get("sync_folder.bucket")
    origin = one.origin if one is not None else "sync_folder"
    seen: dict[str, Path] = {}
    for folder in folders:
        place = f"sync_folder {folder.path or ''}".strip()
        if folder.path is None or not folder.bucket:
            missing = "path" if folder.path is None else "bucket"
            problems.append(Problem(f"sync_folder.{missing}", origin, f"{place}: not set"))
            continue
        name = name_of(folder)
        if name in seen:
            message = f"{place}: {seen[name]} is named {name} too; set name"
            problems.append(Problem("sync_folder.name", origin, message))
        for other in seen.values():
            if folder.path.is_relative_to(other) or other.is_relative_to(folder.path):
                message = f"{place}: {other} is a sync folder too, and one is inside the other"
                problems.append(Problem("sync_folder.path", origin, message))
        seen[name] = folder.path
    return problems


def name_of(folder: SyncFolderConfig) -> str:
    """The name of a sync folder in commands."""
    return folder.name or (folder.path.name if folder.path is not None else "") or "folder"
