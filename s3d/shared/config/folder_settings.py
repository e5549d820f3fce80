"""Sync folders as settings: several in the environment, and what all of them have to be.

Further folders of the environment are S3D_SYNC_FOLDER_2, S3D_SYNC_FOLDER_2_BUCKET, and so on. A
container has no configuration file that s3d could write to, and the variables without a number
name one folder only. The number only keeps the variables of one folder together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from s3d.shared.config.rules import Given, Problem, fill, nearest
from s3d.shared.config.schema import SyncFolderConfig

SECTION = "sync_folder."
_PREFIX = "S3D_SYNC_FOLDER_"
_VARIABLE = re.compile(_PREFIX + r"([0-9]{1,4})(?:_(\w+))?")


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
