"""BUCKET/KEY as an argument, with or without s3:// in front; completed by asking the agent."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from s3d.cli.session import Session
from s3d.shared.errors import S3dError

SCHEME = "s3://"
MAX_COMPLETIONS = 100


class Target(NamedTuple):
    """A bucket, or an object when key is not empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}" if self.key else self.bucket


class Key(StrEnum):
    """Whether an argument names an object."""

    REQUIRED = "BUCKET/KEY"
    OPTIONAL = "BUCKET[/KEY]"
    NONE = "BUCKET"


class TargetType(click.ParamType[Target]):
    """Turns the argument into a Target."""

    name = "target"

    def __init__(self, key: Key) -> None:
        self.key = key

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self.key.value

    def convert(
        self, value: str | Target, param: click.Parameter | None, ctx: click.Context | None
    ) -> Target:
        if isinstance(value, Target):
            return value
        bucket, _, key = value.removeprefix(SCHEME).partition("/")
        if not bucket:
            self.fail(f"{value!r} names no bucket; write {self.key.value}", param, ctx)
        if not value.isprintable() and any("\ud800" <= char <= "\udfff" for char in value):
            self.fail("a key is UTF-8, and this is not", param, ctx)
        if self.key is Key.REQUIRED and not key:
            self.fail(f"{value!r} names no object; write {self.key.value}", param, ctx)
        if self.key is Key.NONE and key:
            self.fail(f"{value!r} names an object; write {self.key.value}", param, ctx)
        return Target(bucket, key)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Buckets, then keys level by level; nothing when the agent does not answer."""
        scheme = SCHEME if incomplete.startswith(SCHEME) else ""
        bucket, slash, prefix = incomplete.removeprefix(SCHEME).partition("/")
        try:
            client = ctx.find_root().ensure_object(Session).client()
            if slash:
                page = client.list(bucket, prefix, delimiter="/", limit=MAX_COMPLETIONS)
                names = [f"{bucket}/{name}" for name in page.prefixes]
                names += [f"{bucket}/{item.key}" for item in page.objects]
            else:
                end = "" if self.key is Key.NONE else "/"
                names = [item.name + end for item in client.buckets()]
        except S3dError:
            return []
        found = [scheme + name for name in names if name.isprintable()]
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]


BUCKET = TargetType(Key.NONE)
BUCKET_OR_OBJECT = TargetType(Key.OPTIONAL)
OBJECT = TargetType(Key.REQUIRED)
