"""s3d watch: changes of objects as they happen."""

from __future__ import annotations

import click

from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.cli.target_objects import check_bucket
from s3d.shared.control import Event
from s3d.shared.errors import NotRunningError, UsageError
from s3d.shared.object_patterns import KeyGlob, has_wildcards
from s3d.shared.text import moment, safe

CHANGED, LOST = "store.changed", "resync"


@click.command("watch")
@target_argument(Names.PREFIX, required=False)
@json_option
@socket_option
@pass_session
def watch_command(session: Session, /, target: Target | None, *, as_json: bool) -> None:
    """Print changes of buckets and objects as they happen, one a line, until Ctrl-C.

    These are the changes that are made through this agent, by any program or sync folder. Several
    changes of one object within a tenth of a second are one line. If this command falls behind, a
    line says that changes were left out. The bucket has to exist; the prefix need not.

    \b
    Examples:
      s3d watch
      s3d watch photos/2026/
      s3d watch 'photos/**.jpg'
      s3d watch photos --json | jq --unbuffered -r .subject
    """
    glob = None
    if target is not None:
        glob = _glob(target)
        check_bucket(session.objects(), target.bucket)
    for event in session.client().events("store"):
        if not concerns(event, target, glob):
            continue
        if as_json:
            json_line(event)
        else:
            click.echo(line(event))
    raise NotRunningError("the agent has stopped", remedy="start it with: s3d start")


def _glob(target: Target) -> KeyGlob | None:
    """Raises UsageError."""
    try:
        return KeyGlob(target.key) if has_wildcards(target.key) else None
    except ValueError as error:
        raise UsageError("bad usage", str(error)) from error


def concerns(event: Event, target: Target | None, glob: KeyGlob | None = None) -> bool:
    """Whether an event is about the target. Changes of the whole bucket are."""
    if event.kind == LOST:
        return True
    if event.kind != CHANGED:
        return False
    if target is None:
        return True
    bucket, _, key = event.subject.partition("/")
    if bucket != target.bucket:
        return False
    is_matched = glob is not None and glob.matches(key, below=True)
    return not key or key.startswith(target.key) or is_matched


def line(event: Event) -> str:
    """The time, the operation and the object."""
    if event.kind == LOST:
        return f"{moment(event.at)}  some changes were left out"
    operation, by = event.data.get("operation", ""), event.data.get("by", "")
    source = f"  (sync folder {by})" if by else ""
    return f"{moment(event.at)}  {operation!s:24}  {safe(event.subject + source)}"
