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
    """s3d cp or mv. Sources that end with / are copied with all that is below them."""
    recursive = "-r" if any(source.endswith("/") for source in sources) else ""
    skip = "--skip-existing" if existing == "skip" else ""
    shown = [*sources[:SHOWN_SOURCES], *(["..."] if len(sources) > SHOWN_SOURCES else [])]
    return command(verb, recursive, skip, *shown, target)


def upload_command(path: str, bucket: str, prefix: str, existing: str) -> str:
    """s3d cp of a local file or folder to below a prefix.

    `s3d cp FOLDER/ TARGET` copies what is in the folder, so its name is added to the target.
    """
    target = object_uri(bucket, prefix)
    if os.path.isdir(os.path.expanduser(path)):
        path = path.rstrip("/") + "/"
        target = f"{target.rstrip('/')}/{os.path.basename(path[:-1])}/"
    return copy_command([path], target, existing)


def remove_command(bucket: str, keys: Sequence[str], *, recursive: bool) -> str:
    """s3d rm. recursive: some of the keys are prefixes."""
    uris = [object_uri(bucket, key) for key in keys[:SHOWN_SOURCES]]
    return command("rm", "-r" if recursive else "", *uris)


def tag_command(bucket: str, key: str, changed: Mapping[str, str], removed: Sequence[str]) -> str:
    """s3d set with the tags that are set and those that are removed."""
    words = [f"--tag={name}={value}" for name, value in changed.items()]
    words += [f"--untag={name}" for name in removed]
    return command("set", object_name(bucket, key), *words)


def transfer_command(transfer: Transfer, verb: str, *values: str) -> str:
    """s3d queue for a write of the queue, and s3d transfers for every other transfer."""
    return command("queue" if transfer.kind == "push" else "transfers", verb, transfer.id, *values)
