"""The s3d command that does the same as a key of the app, for the line at the foot. Pure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from s3d.shared.transfers import Transfer

SHOWN_SOURCES = 3
"""Sources that are written out: the command is for reading, and there may be thousands."""


def command(*words: str) -> str:
    """s3d and its words, quoted for a shell; empty words are left out."""
    return shlex.join(["s3d", *(word for word in words if word)])


def object_name(bucket: str, key: str = "") -> str:
    """A bucket, an object or a prefix as the commands take it: BUCKET/KEY."""
    return f"{bucket}/{key}" if key else bucket


def object_uri(bucket: str, key: str = "") -> str:
    """An object as s3://BUCKET/KEY, for commands that take local paths too."""
    return f"s3://{object_name(bucket, key)}"


def copy_command(sources: Sequence[str], target: str, existing: str, verb: str = "cp") -> str:
    """s3d cp or mv. Sources that end with / are copied with all that is below them.

    With -r every source is a folder, so objects and folders together are two commands.
    """
    skip = "--skip-existing" if existing == "skip" else ""
    folders = [source for source in sources if source.endswith("/")]
    objects = [source for source in sources if not source.endswith("/")]
    commands = [
        command(verb, recursive, skip, *_shown(some), target)
        for recursive, some in (("", objects), ("-r", folders))
        if some
    ]
    return " && ".join(commands)


def upload_command(path: str, bucket: str, prefix: str, existing: str) -> str:
    """s3d cp of a local file or folder to below a prefix.

    `s3d cp FOLDER/ TARGET` copies what is in the folder, so its name is added to the target.
    """
    target = object_uri(bucket, prefix)
    if os.path.isdir(os.path.expanduser(path)):
        path = path.rstrip("/") + "/"
        target = f"{target.rstrip('/')}/{os.path.basename(path[:-1])}/"
    return copy_command([path], target, existing)


def remove_command(bucket: str, keys: Sequence[str]) -> str:
    """s3d rm. Keys that end with / are prefixes, and are deleted with all that is below them."""
    folders = [object_uri(bucket, key) for key in keys if key.endswith("/")]
    objects = [object_uri(bucket, key) for key in keys if not key.endswith("/")]
    commands = [
        command("rm", recursive, *_shown(some))
        for recursive, some in (("", objects), ("-r", folders))
        if some
    ]
    return " && ".join(commands)


def _shown(sources: Sequence[str]) -> list[str]:
    return [*sources[:SHOWN_SOURCES], *(["..."] if len(sources) > SHOWN_SOURCES else [])]


def tag_command(bucket: str, key: str, changed: Mapping[str, str], removed: Sequence[str]) -> str:
    """s3d set with the tags that are set and those that are removed."""
    words = [f"--tag={name}={value}" for name, value in changed.items()]
    words += [f"--untag={name}" for name in removed]
    return command("set", object_name(bucket, key), *words)


def transfer_command(transfer: Transfer, verb: str, *values: str) -> str:
    """s3d queue for a write of the queue, and s3d transfers for every other transfer."""
    return command("queue" if transfer.kind == "push" else "transfers", verb, transfer.id, *values)
