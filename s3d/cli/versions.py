"""s3d versions and s3d restore: what an object was before."""

from __future__ import annotations

import click

from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import NotFoundError
from s3d.shared.text import moment, safe, size


@click.command("versions")
@target_argument(Names.OBJECT)
@json_option
@socket_option
@pass_session
def versions_command(session: Session, /, target: Target, *, as_json: bool) -> None:
    """List the versions of an object, the newest first; delete markers too.

    \b
    Example:
      s3d versions photos/cat.jpg
    """
    found = session.objects().versions_of(*target)
    if not found:
        raise NotFoundError("no such object", f"{target} has no version")
    for info in found:
        if as_json:
            json_line(info)
            continue
        what = size(info.size) if info.etag else "deleted"
        now = "  now" if info.is_latest else ""
        click.echo(f"{moment(info.last_modified)}  {what:>9}  {safe(info.version_id or '-')}{now}")


@click.command("restore")
@target_argument(Names.OBJECT)
@click.argument("version")
@json_option
@socket_option
@pass_session
def restore_command(session: Session, /, target: Target, version: str, *, as_json: bool) -> None:
    """Make an older VERSION of an object the newest; nothing is lost by it.

    \b
    Example:
      s3d restore photos/cat.jpg 3sL4kqtJlcpXroDTDmJ
    """
    info = session.objects().restore(*target, version)
    if as_json:
        json_line(info)
    else:
        report(f"restored {target}, {size(info.size)}")
