"""s3d set: add and remove tags of an object or a bucket. Options NAME=VALUE of all commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click
import msgspec

from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import UsageError

_NEXT_ENTRY = re.compile(r",(?=[A-Za-z0-9_.-]+=)")
"""Between two entries of --metadata a=1,b=2."""


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """NAME=VALUE options as a dict. Raises UsageError for a missing or repeated name."""
    result: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError("bad usage", f"{option} {text!r}: write NAME=VALUE")
        if name in result:
            raise UsageError("bad usage", f"{option} {name!r} is given twice")
        result[name] = value
    return result


def metadata_entries(texts: Iterable[str]) -> dict[str, str]:
    """--metadata as the AWS CLI takes it: a=1,b=2, or a JSON object. Raises UsageError."""
    entries = {}
    for name, value in pairs(tuple(_entries(texts)), "--metadata").items():
        _check_metadata(name, value)
        entries[name.lower()] = value
    return entries


def _entries(texts: Iterable[str]) -> Iterator[str]:
    """Each NAME=VALUE."""
    for text in texts:
        if not text.startswith("{"):
            yield from _NEXT_ENTRY.split(text)
            continue
        try:
            entries = msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise UsageError("bad usage", f"--metadata {text!r}: {error}") from None
        yield from (f"{name}={value}" for name, value in entries.items())


def _check_metadata(name: str, value: str) -> None:
    """Raises UsageError for an entry that S3 cannot store as a header."""
    if not (name + value).isascii() or not value.isprintable():
        detail = f"--metadata {name}: use printable ASCII"
        raise UsageError("bad usage", detail, "tags can contain any text")
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError("bad usage", f"--metadata {name!r}: use letters, digits, dots, - and _")


@click.command("set")
@target_argument(Names.EITHER)
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="Add or replace a tag.")
@click.option("--untag", "untags", metavar="NAME", multiple=True, help="Remove a tag.")
@json_option
@socket_option
@pass_session
def set_command(
    session: Session,
    /,
    target: Target,
    *,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add and remove tags of an object or a bucket, and print the result.

    Other tags stay as they are.

    \b
    Examples:
      s3d set photos/cat.jpg --tag project=pets --tag public=yes
      s3d set photos --untag draft
    """
    added = pairs(tags, "--tag")
    if not added and not untags:
        raise UsageError("no tag named", remedy="s3d set BUCKET/KEY --tag NAME=VALUE")
    if both := set(added) & set(untags):
        raise UsageError("bad usage", f"{', '.join(sorted(both))}: named by --tag and by --untag")
    result = session.objects().change_tags(*target, added, untags)
    if as_json:
        json_line({"bucket": target.bucket, "key": target.key, "tags": result})
    else:
        fields(("tag", f"{name} = {value}") for name, value in sorted(result.items()))
