"""The settings of mounts: [fuse] for the mount of all buckets, and [[mount]] for further ones.

It does not import annotations from __future__, for the reason that schema.py states.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from s3d.shared.config.rules import Given, Problem, Rule
from s3d.shared.config.validators import parse_bool, parse_bucket, parse_path, parse_prefix

DEFAULT_DIR = "~/S3"
DEFAULT_LOCAL_NAMES = (".*.sw?", "4913", ".~lock.*", ".DS_Store", ".Trash-*")
"""Temporary files of vim and LibreOffice, and what desktops keep in every folder."""


def parse_local_names(text: str) -> tuple[str, ...]:
    """Comma-separated patterns; "none": no name is local."""
    names = tuple(name for name in (part.strip() for part in text.split(",")) if name)
    if any("/" in name for name in names):
        raise ValueError("a pattern is of a name, without /")
    return () if names == ("none",) else names


class FuseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[fuse]: all buckets as folders of a file system."""

    mount: Annotated[
        bool,
        Rule("Mount all buckets as folders, for programs that do not speak S3", parse_bool),
    ] = False
    mount_dir: Annotated[
        Path | None,
        Rule(f"Where to mount them; made if missing; unset: {DEFAULT_DIR}", parse_path),
    ] = None
    local_names: Annotated[
        tuple[str, ...],
        Rule(
            "Patterns of file names that stay on this machine, as *.tmp; of all mounts",
            parse_local_names,
            many=True,
        ),
    ] = DEFAULT_LOCAL_NAMES
    symlinks: Annotated[
        bool,
        Rule(
            "Let mounts make and show symbolic links; costs a request per empty object", parse_bool
        ),
    ] = False


class MountConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[[mount]]: a folder that shows all buckets, one of them, or the keys below a prefix."""

    dir: Annotated[
        Path | None,
        Rule("Empty folder to mount at; made if missing", parse_path),
    ] = None
    bucket: Annotated[
        str,
        Rule("Bucket to show; unset: all buckets", parse_bucket),
    ] = ""
    prefix: Annotated[
        str,
        Rule("Prefix of the keys to show, with or without a final slash", parse_prefix),
    ] = ""
    read_only: Annotated[
        bool,
        Rule("Refuse every change", parse_bool),
    ] = False
    allow_other: Annotated[
        bool,
        Rule("Let other users in, as far as the permissions of files allow", parse_bool),
    ] = False


def mount_of_fuse(config: FuseConfig) -> list[MountConfig]:
    """The mount that [fuse] makes, if any."""
    return [MountConfig(dir=config.mount_dir or parse_path(DEFAULT_DIR))] if config.mount else []


def check_mounts(
    mounts: tuple[MountConfig, ...], folders: list[Path], given: Mapping[str, Given]
) -> list[Problem]:
    """Problems of mounts: each needs a folder of its own. folders: the sync folders."""
    problems = []
    one = given.get("fuse.mount_dir") or given.get("fuse.mount")
    origin = one.origin if one is not None else "mount"
    seen: list[Path] = []
    for mount in mounts:
        if mount.dir is None:
            problems.append(Problem("mount.dir", origin, "mount: dir is not set"))
            continue
        if mount.prefix and not mount.bucket:
            message = f"mount {mount.dir}: a prefix needs a bucket"
            problems.append(Problem("mount.prefix", origin, message))
        for other, kind in [
            *((one, "mount") for one in seen),
            *((f, "sync folder") for f in folders),
        ]:
            if mount.dir.is_relative_to(other) or other.is_relative_to(mount.dir):
                message = f"mount {mount.dir}: {other} is a {kind} too, and one is inside the other"
                problems.append(Problem("mount.dir", origin, message))
        seen.append(mount.dir)
    return problems
