"""s3d queue move, adopt and remotes: pending writes of other remotes and accounts."""

from __future__ import annotations

from collections.abc import Iterator

import click

from s3d.cli.client.remote_client import FormerRemoteClient
from s3d.cli.output import report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, parse_target
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.pending_summary import amount
from s3d.shared.text import age, count, safe
from s3d.shared.transfers import MoveFailure, Transfer, WaitingRemote

WRITE = "ID|BUCKET/KEY"
SHOWN = 5
"""How many failures the error lists."""


def remote_of(client: FormerRemoteClient, name: str) -> str:
    """The id of a remote with pending writes, by its id or URL. Raises NotFoundError."""
    remotes = client.remotes(name)
    if len(remotes) > 1:
        ids = ", ".join(each.id for each in remotes)
        raise UsageError(
            "several accounts of that remote have pending writes", ids, "name one by its id"
        )
    if not remotes:
        raise NotFoundError(
            "no pending writes for that remote", name, "s3d queue remotes lists the remotes"
        )
    return remotes[0].id


def writes_named(client: FormerRemoteClient, remote: str, write: str) -> list[Transfer]:
    """The write of an ID, or all writes of BUCKET/KEY, the oldest first. Raises NotFoundError."""
    if write.isascii() and write.isdigit():
        matches = [each for each in client.writes(remote) if each.id == write]
    else:
        place = parse_target(Names.OBJECT, write)
        matches = [
            each
            for each in client.writes(remote)
            if (each.bucket, each.key) == (place.bucket, place.key)
        ]
    if not matches:
        hint = f"s3d queue ls --remote {remote} lists the pending writes"
        raise NotFoundError("no such pending write", write, hint)
    return matches


def remote_rows(remotes: list[WaitingRemote], now: float) -> Iterator[str]:
    """A line for each remote: id, pending writes and their age, URL and account."""
    for each in remotes:
        since = "" if each.oldest is None else f", oldest {age(now - each.oldest)}"
        account = f" (account {safe(each.account)})" if each.account else ""
        yield f"{each.id}  {amount(each.writes)}{since}  {safe(each.url)}{account}"


@click.command("move")
@click.argument("writes", metavar=f"[{WRITE}]...", nargs=-1)
@click.option(
    "--remote",
    required=True,
    metavar="REMOTE",
    help="URL or id of the remote that the writes are for.",
)
@click.option("--to", required=True, metavar="REMOTE", help="URL or id of the remote in use.")
@socket_option
@pass_session
def move_command(session: Session, /, writes: tuple[str, ...], *, remote: str, to: str) -> None:
    """Move pending writes of another remote to the remote in use. By default, move all of them.

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
            "they are still pending for the other remote: s3d queue ls --remote",
        )


@click.command("adopt")
@click.option(
    "--separate",
    is_flag=True,
    help="The key is of another account: give that account its own queue.",
)
@socket_option
@pass_session
def adopt_command(session: Session, /, *, separate: bool) -> None:
    """Push held writes with the access key in use.

    s3d holds the pending writes when the access key has changed and the remote does not say which
    account the key belongs to. adopt says that it is the same account.
    """
    queue = session.queue().adopt(separate=separate)
    if separate:
        report("the account of the access key has its own queue now")
    else:
        report(f"s3d pushes the pending writes with this access key: {amount(queue.left)}")


@click.command("remotes")
@json_option
@socket_option
@pass_session
def remotes_command(session: Session, /, *, as_json: bool) -> None:
    """List the remotes that are not in use and have pending writes."""
    import time

    from s3d.cli.output import json_line, note_empty

    remotes = session.former_remotes().remotes()
    note_empty(remotes, "no other remotes have pending writes", as_json=as_json)
    for line in remotes if as_json else remote_rows(remotes, time.time()):
        if as_json:
            json_line(line)
        else:
            click.echo(line)


def _failure(failure: MoveFailure) -> str:
    return f"{failure.id} {safe(failure.bucket)}/{safe(failure.key)}: {safe(failure.message)}"
