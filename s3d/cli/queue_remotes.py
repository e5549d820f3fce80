"""s3d queue: writes that wait for a remote that is not in use, and whose the access key is."""

from __future__ import annotations

from collections.abc import Iterator

import click

from s3d.cli.client.remote_client import FormerRemoteClient
from s3d.cli.output import report
from s3d.cli.pending import amount
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, parse_target
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.text import age, count, safe
from s3d.shared.transfers import MoveFailure, Transfer, WaitingRemote

WRITE = "ID|BUCKET/KEY"
SHOWN = 5
"""Failures that are named."""


def remote_of(client: FormerRemoteClient, name: str) -> str:
    """The id of a remote for which writes wait, by its id or any URL. Raises NotFoundError."""
    found = client.remotes(name)
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise UsageError("several accounts of that remote are waited for", ids, "name it by its id")
    if not found:
        raise NotFoundError("nothing waits for that remote", name, "s3d queue remotes lists them")
    return found[0].id


def writes_named(client: FormerRemoteClient, remote: str, write: str) -> list[Transfer]:
    """The write of an ID, or all of BUCKET/KEY, oldest first. Raises NotFoundError."""
    if write.isascii() and write.isdigit():
        found = [each for each in client.writes(remote) if each.id == write]
    else:
        place = parse_target(Names.OBJECT, write)
        found = [
            each
            for each in client.writes(remote)
            if (each.bucket, each.key) == (place.bucket, place.key)
        ]
    if not found:
        hint = f"s3d queue ls --remote {remote} lists what does"
        raise NotFoundError("no such write waits", write, hint)
    return found


def remote_rows(remotes: list[WaitingRemote], now: float) -> Iterator[str]:
    """A line for each: id, how much waits and for how long, URL and account."""
    for each in remotes:
        since = "" if each.oldest is None else f", oldest {age(now - each.oldest)}"
        account = f" (account {safe(each.account)})" if each.account else ""
        yield f"{each.id}  {amount(each.writes)}{since}  {safe(each.url)}{account}"


@click.command("move")
@click.argument("writes", metavar=f"[{WRITE}]...", nargs=-1)
@click.option("--remote", required=True, metavar="REMOTE", help="For which they wait: URL or id.")
@click.option("--to", required=True, metavar="REMOTE", help="The remote in use: URL or id.")
@socket_option
@pass_session
def move_command(session: Session, /, writes: tuple[str, ...], *, remote: str, to: str) -> None:
    """Let what waits for one remote go to another one: the one in use. All, or those named.

    \b
    Example:
      s3d queue move --remote https://old.example.org --to https://new.example.org
    """
    client = session.former_remotes()
    source = remote_of(client, remote)
    ids = [each.id for write in writes for each in writes_named(client, source, write)]
    result = client.move(source, to, ids)
    report(f"moved: {count(result.moved, 'write')}")
    if result.failures:
        named = "; ".join(map(_failure, result.failures[:SHOWN]))
        raise S3dError(
            f"not moved: {count(len(result.failures), 'write')}",
            named,
            "they still wait for the other remote: s3d queue ls --remote",
        )


@click.command("adopt")
@click.option("--separate", is_flag=True, help="It is another account: give it its own queue.")
@socket_option
@pass_session
def adopt_command(session: Session, /, *, separate: bool) -> None:
    """Push pending writes with the access key in use, though nobody can say whose it is.

    They are held when the key has changed and the remote does not tell which account it is of.
    """
    queue = session.queue().adopt(separate=separate)
    if separate:
        report("the access key has a queue of its own now")
    else:
        report(f"pending writes go with this access key: {amount(queue.left)}")


@click.command("remotes")
@json_option
@socket_option
@pass_session
def remotes_command(session: Session, /, *, as_json: bool) -> None:
    """List the remotes that are not in use and for which writes wait."""
    import time

    from s3d.cli.output import json_line

    remotes = session.former_remotes().remotes()
    for line in remotes if as_json else remote_rows(remotes, time.time()):
        if as_json:
            json_line(line)
        else:
            click.echo(line)


def _failure(failure: MoveFailure) -> str:
    return f"{failure.id} {safe(failure.bucket)}/{safe(failure.key)}: {safe(failure.message)}"
