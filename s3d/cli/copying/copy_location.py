"""Sources and targets of cp, mv, sync and diff: s3://BUCKET/KEY, a path, or - for a stream."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from s3d.cli.client.mount_client import is_in_a_mount
from s3d.cli.session import Session
from s3d.cli.target import SCHEME, Names, Target, complete_target, misspelt
from s3d.shared.errors import NotFoundError, UsageError
from s3d.shared.mounting import ObjectPlace
from s3d.shared.text import printable_path

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

STREAM = "-"


class CopyLocation(NamedTuple):
    """s3://BUCKET/KEY; or a path on this machine, when bucket is empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}" if self.bucket else printable_path(self.key)

    @property
    def is_stream(self) -> bool:
        """Whether this is stdin or stdout."""
        return not self.bucket and self.key == STREAM

    @property
    def is_folder_name(self) -> bool:
        """Whether only a folder is written like this: with a slash, or without a name."""
        return not self.key or self.key.endswith("/")

    @property
    def target(self) -> Target:
        """The place in S3."""
        return Target(self.bucket, self.key)

    @property
    def path(self) -> str:
        """The absolute path on this machine."""
        return os.path.abspath(os.path.expanduser(self.key))

    def exists(self) -> bool:
        """Whether there is something with this path."""
        return os.path.lexists(self.path)

    def is_folder(self) -> bool:
        """Whether the path is an existing folder."""
        return os.path.isdir(self.path)

    def is_pipe(self) -> bool:
        """Whether the path is a pipe or a device, which is a stream: /dev/null, or <(command)."""
        path = "" if self.bucket else self.path
        return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def parse_location(text: str) -> CopyLocation:
    """Raises UsageError."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise UsageError("bad usage", f"{printable_path(text)} is not UTF-8",
                         "rename it, or copy the folder that it is in")  # fmt: skip
    if not text:
        raise UsageError("bad usage", "a source or target is empty", f"write {SCHEME}BUCKET/KEY")
    if meant := misspelt(text):
        raise UsageError(
            "bad usage",
            f"{text!r} is no place in S3",
            f"a place in S3 begins with {SCHEME}: {meant}; a path: ./{text}",
        )
    if not text.startswith(SCHEME):
        return CopyLocation("", text)
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise UsageError("bad usage", f"{text!r} names no bucket", f"write {SCHEME}BUCKET/KEY")
    return CopyLocation(bucket, key)


def check_source(source: CopyLocation, *, recursive: bool) -> None:
    """Raises NotFoundError for a path that is not there, UsageError for a folder without -r."""
    if source.bucket or source.is_stream:
        return
    if not source.exists():
        raise NotFoundError(str(source), "no such file or folder")
    if source.is_folder() and not recursive:
        raise UsageError("bad usage", f"{source} is a folder", "add -r to include its contents")


def complete_location(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete s3://, buckets and keys; everything else is left to the shell."""
    from click.shell_completion import CompletionItem

    if incomplete.startswith(SCHEME):
        return complete_target(Names.EITHER, ctx, incomplete)
    found = [CompletionItem(SCHEME)] if SCHEME.startswith(incomplete) else []
    return [*found, CompletionItem(incomplete, type="file")]


def as_objects(session: Session, places: Sequence[CopyLocation]) -> list[CopyLocation]:
    """The same places, where those in a mount of the agent are in S3, so that it copies objects and
    never reads its own mount. Raises UsageError for a mount of all buckets itself."""
    mounted = [
        one for one in places if not one.bucket and not one.is_stream and is_in_a_mount(one.path)
    ]
    if not mounted:
        return list(places)
    shown = session.mounts().locate([one.path for one in mounted])
    objects = dict(zip(mounted, shown, strict=True))
    return [_object(one, objects.get(one)) for one in places]


def _object(place: CopyLocation, shown: ObjectPlace | None) -> CopyLocation:
    """shown: what it is; None: it is in no mount of this agent."""
    if shown is None:
        return place
    if not shown.bucket:
        raise UsageError("bad usage", f"{place} has all buckets", "name one of them")
    is_folder = place.is_folder_name or place.is_folder()
    return CopyLocation(shown.bucket, f"{shown.key}/" if shown.key and is_folder else shown.key)
