"""BUCKET/KEY arguments, with or without s3://, and their completion."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from s3d.cli.session import Session
from s3d.shared.errors import S3dError
from s3d.shared.text import printable_path

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SCHEME = "s3://"
MAX_COMPLETIONS = 100

F = TypeVar("F", bound=Callable[..., Any])


class Target(NamedTuple):
    """A bucket; or an object of it, when key is not empty."""

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}" if self.key else self.bucket


_ALL = Target("")


class Names(StrEnum):
    """What an argument can name, as the help shows it."""

    OBJECT = "BUCKET/KEY"
    BUCKET = "BUCKET"
    EITHER = "BUCKET[/KEY]"
    PREFIX = "BUCKET[/PREFIX]"


class LocalPath(click.Path):
    """A path on this machine. A place in S3 is refused: it would become a folder named "s3:"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value.startswith(SCHEME):
            self.fail(f"{value!r} is a place in S3; write a path on this machine", param, ctx)
        return super().convert(value, param, ctx)


def target_argument(
    names: Names, *, many: bool = False, required: bool = True, or_all: bool = False
) -> Callable[[F], F]:
    """Add an argument that the command receives as target, or as a tuple targets with many.
    or_all: s3:// alone means all buckets, as for aws s3 ls, and is received as ()."""
    return click.argument(
        "targets" if many else "target",
        metavar=(names.value if required else f"[{names.value}]") + ("..." if many else ""),
        nargs=-1 if many else 1,
        required=required,
        type=lambda text: _ALL if or_all and text == SCHEME else parse_target(names, text),
        callback=_without_all if or_all else None,
        shell_complete=lambda ctx, param, incomplete: complete_target(names, ctx, incomplete),
    )


def _without_all(
    ctx: click.Context, param: click.Parameter, targets: tuple[Target, ...]
) -> tuple[Target, ...]:
    if _ALL in targets and len(targets) > 1:
        raise click.BadParameter(f"{SCHEME} stands for all buckets, and is used alone")
    return tuple(target for target in targets if target != _ALL)


def misspelt(text: str) -> str:
    """What somebody meant who wrote s3:/b/k or S3://b/k: s3://b/k. "" when nothing is wrong."""
    if text.startswith(SCHEME) or not text.lower().startswith("s3:"):
        return ""
    return SCHEME + text[len("s3:") :].lstrip("/")


def parse_target(names: Names, text: str) -> Target:
    """Raises click.BadParameter, which says what is expected."""
    if meant := misspelt(text):
        raise click.BadParameter(f"{text!r} is no place in S3; write {meant}")
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        what = "is a path on this machine" if text.startswith("/") else "names no bucket"
        raise click.BadParameter(f"{text!r} {what}; write {names}")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise click.BadParameter(f"'{printable_path(text)}' is not UTF-8")
    if names is Names.OBJECT and not key:
        raise click.BadParameter(f"{text!r} names no object; write {names}")
    if names is Names.BUCKET and key:
        raise click.BadParameter(f"{text!r} names an object; write {names}")
    return Target(bucket, key)


def complete_target(names: Names, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Complete buckets, then keys level by level. Without an agent there are no completions."""
    from click.shell_completion import CompletionItem

    if incomplete and SCHEME.startswith(incomplete) and incomplete != SCHEME:
        return [CompletionItem(SCHEME)]
    scheme = SCHEME if incomplete.startswith(SCHEME) else ""
    bucket, slash, prefix = incomplete.removeprefix(SCHEME).partition("/")
    client = ctx.find_root().ensure_object(Session).objects
    try:
        if slash:
            page = client().list(bucket, prefix, delimiter="/", limit=MAX_COMPLETIONS)
            found = [f"{bucket}/{name}" for name in page.prefixes]
            found += [f"{bucket}/{item.key}" for item in page.objects]
        else:
            end = "" if names is Names.BUCKET else "/"
            found = [item.name + end for item in client().buckets()]
    except S3dError:
        return []
    return [
        CompletionItem(scheme + name)
        for name in found
        if name.isprintable() and (scheme + name).startswith(incomplete)
    ]
