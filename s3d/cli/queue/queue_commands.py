"""The group s3d queue, and its commands for pending writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.remote_client import FormerRemoteClient
from s3d.cli.client.unix_http import BLOCK
from s3d.cli.completers import complete_write
from s3d.cli.get_put_commands import STDIO, destination
from s3d.cli.output import confirmed, fields, for_each, json_line, report
from s3d.cli.queue.remote_commands import (
    adopt_command,
    move_command,
    remote_of,
    remotes_command,
    writes_named,
)
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, parse_target, target_argument
from s3d.shared.errors import NotFoundError, UsageError
from s3d.shared.pending_summary import CLEAN, amount, summary
from s3d.shared.text import age, count, moment, safe, size
from s3d.shared.transfers import QueueStatus, Transfer

STATES = ("waiting", "running", "held", "failed", "verifying", "conflict")
WRITE = "ID|BUCKET/KEY"

remote_option = click.option(
    "--remote",
    metavar="REMOTE",
    help="URL or id of a remote that is not in use: use its pending writes.",
)


@click.group("queue", invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def queue_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Show and control the pending writes. Without a command: list all of them.

    Name a write by its ID, or all pending writes of a key by BUCKET/KEY.

    \b
    Examples:
      s3d queue
      s3d queue ls --state failed
      s3d queue retry photos/cat.jpg
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls_command, target=None, state=None, remote=None, as_json=as_json)


@queue_command.command("ls")
@target_argument(Names.PREFIX, required=False)
@click.option("--state", type=click.Choice(STATES), help="Only writes in this state.")
@remote_option
@json_option
@socket_option
@pass_session
def ls_command(
    session: Session,
    /,
    target: Target | None,
    *,
    state: str | None,
    remote: str | None,
    as_json: bool,
) -> None:
    """List pending writes, the oldest first. --json prints one per line."""
    client = session.queue()
    place = target or Target("")
    if remote is not None:
        writes = _former_writes(session.former_remotes(), remote, place, state)
    else:
        writes = client.transfers(bucket=place.bucket, prefix=place.key, state=state or "")
    for transfer in writes:
        if as_json:
            json_line(transfer)
        else:
            click.echo(_row(transfer))
    if not as_json and target is None and state is None and remote is None:
        click.echo(summary(client.status()))


@queue_command.command("show", short_help="Show a write, and why it is still pending.")
@click.argument("write", metavar=WRITE, shell_complete=complete_write)
@remote_option
@json_option
@socket_option
@pass_session
def show_command(session: Session, /, write: str, *, remote: str | None, as_json: bool) -> None:
    """Show a write, or the writes of a key, and why they are still pending."""
    if remote is None:
        writes = _named(session.queue(), write)
    else:
        former = session.former_remotes()
        writes = writes_named(former, remote_of(former, remote), write)
    for number, transfer in enumerate(writes):
        if as_json:
            json_line(transfer)
            continue
        if number:
            click.echo()
        fields(_details(transfer))


@queue_command.command("pause", short_help="Pause the queue, or hold single writes.")
@click.argument("writes", metavar=f"[{WRITE}]...", nargs=-1, shell_complete=complete_write)
@socket_option
@pass_session
def pause_command(session: Session, /, writes: tuple[str, ...]) -> int:
    """Pause the queue until resume, also after a restart; or hold single writes.

    A multipart upload that is running stops after the parts that are being sent. Any other running
    upload is a single request, which ends by itself.
    """
    client = session.queue()
    if not writes:
        report(f"paused: {_left(client.pause())}")
    return _each(client, writes, lambda item: client.hold(item.id), "held")


@queue_command.command("resume")
@click.argument("writes", metavar=f"[{WRITE}]...", nargs=-1, shell_complete=complete_write)
@socket_option
@pass_session
def resume_command(session: Session, /, writes: tuple[str, ...]) -> int:
    """Resume the queue; or release single held writes."""
    client = session.queue()
    if not writes:
        report(f"resumed: {_left(client.resume())}")
    return _each(client, writes, lambda item: client.release(item.id), "released")


@queue_command.command("retry")
@click.argument("writes", metavar=f"{WRITE}...", nargs=-1, shell_complete=complete_write)
@click.option("--as", "as_key", metavar="KEY", help="Push it to this key of its bucket instead.")
@click.option("--all", "all_", is_flag=True, help="All writes that have failed or are delayed.")
@click.option(
    "--force", is_flag=True, help="Replace the newer version of the remote with a conflict."
)
@socket_option
@pass_session
def retry_command(
    session: Session,
    /,
    writes: tuple[str, ...],
    *,
    as_key: str | None,
    all_: bool,
    force: bool,
) -> int:
    """Retry failed or delayed writes now. A conflict needs --force, or --as with another key.

    Both are refused while another write of that key is pending.

    \b
    Examples:
      s3d queue retry --all
      s3d queue retry 17 --as 2026/cat.jpg
      s3d queue retry --force 17
    """
    client = session.queue()
    if all_ == bool(writes):
        raise UsageError("bad usage", "name writes, or use --all", "s3d queue ls lists them")
    if all_ and force:
        raise UsageError(
            "bad usage", "--force needs the names of writes", "s3d queue ls --state conflict"
        )
    if all_:
        report(f"trying again: {count(client.retry_all(), 'write')}")
        return 0
    if as_key and len(writes) > 1:
        raise UsageError("bad usage", "--as takes one write")
    done = f"goes to {as_key} instead" if as_key else "is retried"

    def retry(item: Transfer) -> None:
        entered = client.retry(item.id, as_key or "", force=force)
        number = f", as {entered.id}" if entered.id != item.id else ""
        report(f"{_name(item)}: {done}{number}")

    def retry_named(write: str) -> None:
        items = _named(client, write)
        conflicts = [each for each in items if each.state == "conflict"]
        if as_key or force:
            _check_single(write, items if as_key else conflicts)
        _apply(retry, items)

    return for_each(writes, retry_named)


@queue_command.command("discard")
@click.argument(
    "writes", metavar=f"{WRITE}...", nargs=-1, required=True, shell_complete=complete_write
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@remote_option
@socket_option
@pass_session
def discard_command(
    session: Session, /, writes: tuple[str, ...], *, yes: bool, remote: str | None
) -> int:
    """Drop pending writes. Their data is lost. A multipart upload that is running stops first.

    \b
    Example:
      s3d queue export 17 saved.jpg && s3d queue discard 17
    """
    client, former = session.queue(), session.former_remotes()
    source = None if remote is None else remote_of(former, remote)

    def discard(item: Transfer) -> None:
        if yes or confirmed(f"Discard {_name(item)} ({size(item.size)})? It is the only copy."):
            if source is not None:
                former.discard(source, item.id)
            else:
                client.discard(item.id)
            report(f"{_name(item)}: {_STOPPING if item.state == 'running' else 'discarded'}")

    def discard_named(write: str) -> None:
        items = _named(client, write) if source is None else writes_named(former, source, write)
        _apply(discard, items)

    return for_each(writes, discard_named)


@queue_command.command("export", short_help="Save the data of a write to a file or stdout.")
@click.argument("write", metavar=WRITE, shell_complete=complete_write)
@click.argument("file", type=click.Path())
@remote_option
@socket_option
@pass_session
def export_command(session: Session, /, write: str, file: str, *, remote: str | None) -> None:
    """Save the data of a write, or of the newest write of a key, to FILE; - means stdout."""
    if remote is None:
        client = session.queue()
        download = client.export(_named(client, write)[-1].id)
    else:
        former = session.former_remotes()
        source = remote_of(former, remote)
        download = former.export(source, writes_named(former, source, write)[-1].id)
    with download as data, destination(_path(file)) as out:
        while block := data.read(BLOCK):
            out.write(block)
        out.flush()


@queue_command.command("priority")
@click.argument("write", metavar=WRITE, shell_complete=complete_write)
@click.argument("priority", type=int)
@socket_option
@pass_session
def priority_command(session: Session, /, write: str, priority: int) -> int:
    """Push a write before (above 0) or after (below 0) the others. The default is 0."""
    client = session.queue()
    done = f"has priority {priority}"
    return _each(client, (write,), lambda item: client.set_priority(item.id, priority), done)


_STOPPING = "stops after the parts that are being sent"
"""The result for a multipart upload that is running."""


def _left(queue: QueueStatus) -> str:
    """What is pending. The remaining time is unknown just after pause and resume."""
    return amount(queue.left) if queue.left.files else CLEAN


def _each(
    client: QueueClient,
    writes: tuple[str, ...],
    act: Callable[[Transfer], Transfer],
    done: str,
) -> int:
    def one(item: Transfer) -> None:
        changed = act(item)
        report(f"{_name(item)}: {_STOPPING if changed.stopping else done}")

    return for_each(writes, lambda write: _apply(one, _named(client, write)))


def _apply(act: Callable[[Transfer], None], items: list[Transfer]) -> None:
    for transfer in items:
        act(transfer)


def _former_writes(
    client: FormerRemoteClient, remote: str, place: Target, state: str | None
) -> Iterator[Transfer]:
    """The writes that are pending for a remote that is not in use."""
    for item in client.writes(remote_of(client, remote)):
        in_place = item.bucket == place.bucket and item.key.startswith(place.key)
        if (not place.bucket or in_place) and state in (None, item.state):
            yield item


def _named(client: QueueClient, write: str) -> list[Transfer]:
    """The write of an ID, or all writes of BUCKET/KEY, the oldest first. Raises NotFoundError."""
    if write.isascii() and write.isdigit():
        return [client.transfer(write)]
    bucket, key = parse_target(Names.OBJECT, write)
    items = list(client.transfers(bucket=bucket, key=key))
    if not items:
        raise NotFoundError("no such pending write", write, "s3d queue ls lists the pending writes")
    return items


def _check_single(write: str, replacing: list[Transfer]) -> None:
    """Raise UsageError when several writes would go to one key and replace each other."""
    if len(replacing) > 1:
        numbers = ", ".join(each.id for each in replacing)
        raise UsageError(
            f"{write} has several writes", numbers, "name one by its ID; s3d queue show lists them"
        )


def _row(item: Transfer) -> str:
    """Columns of a fixed width first, then those that can be long."""
    since = age(time.time() - item.accepted)
    line = f"{item.id:>6}  {item.state:9}  {item.operation:6}  {size(item.size):>9}  {since:>6}  "
    line += safe(f"{item.bucket}/{item.key}")
    if item.error is not None:
        line += f"  ({safe(item.error.code)}: {safe(item.error.message)})"
    return line


def _details(item: Transfer) -> Iterator[tuple[str, str]]:
    yield "write", f"{item.id}, {item.operation} of {item.bucket}/{item.key}"
    yield "state", item.state
    yield "size", size(item.size)
    yield "accepted", moment(item.accepted)
    if item.priority:
        yield "priority", str(item.priority)
    if item.attempts:
        yield "attempts", str(item.attempts)
    if item.retry_at > time.time():
        yield "next try", moment(item.retry_at)
    if item.state == "conflict":
        yield "etag", item.etag or "none: the write deletes the object"
        yield "remote etag", item.remote_etag or "none: the object was deleted there"
    if item.error is not None:
        error = item.error
        status = f" ({error.status})" if error.status else ""
        yield "error", f"{error.code}{status}: {error.message}"
        if error.request_id:
            yield "request id", error.request_id
        yield "failed", moment(error.at)


def _name(item: Transfer) -> str:
    return f"{item.id} {item.bucket}/{item.key}"


def _path(file: str) -> Path | None:
    return None if file == STDIO else Path(file)


for _command in (move_command, adopt_command, remotes_command):
    queue_command.add_command(_command)
