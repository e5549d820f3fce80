"""s3d set: tags added to and taken from those that an object or a bucket has."""

from __future__ import annotations

import click

from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import UsageError


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """NAME=VALUE options as a dict. Raises UsageError for one without a name or twice given."""
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError("bad usage", f"{option} {text!r}: write NAME=VALUE")
        if name in found:
            raise UsageError("bad usage", f"{option} {name!r} is given twice")
        found[name] = value
    return found


@click.command("set")
@target_argument(Names.EITHER)
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="Add or replace a tag.")
@click.option("--untag", "untags", metavar="NAME", multiple=True, help="Take a tag away.")
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
    """Add and remove tags of an object or a bucket; the other tags stay.

    Prints the tags that it has then.

    \b
    Examples:
      s3d set photos/cat.jpg --tag project=pets --tag public=yes
      s3d set photos --untag draft
    """
    added = pairs(tags, "--tag")
    if not added and not untags:
        raise UsageError("nothing to set", remedy="s3d set BUCKET/KEY --tag NAME=VALUE")
    if both := set(added) & set(untags):
        raise UsageError("bad usage", f"{', '.join(sorted(both))}: both --tag and --untag")
    result = session.objects().change_tags(*target, added, untags)
    if as_json:
        json_line({"bucket": target.bucket, "key": target.key, "tags": result})
    else:
        fields(("tag", f"{name} = {value}") for name, value in sorted(result.items()))
