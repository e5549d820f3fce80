"""The commands of a store made for tests: its clock, its reset, and its snapshots."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.errors import UsageError
from s3d.shared.testing import ClockChange, ClockState, SnapshotInfo
from s3d.shared.text import count, duration, moment, parse_age, safe, size


@click.group("clock", invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def clock_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Show or move the clock of a store made for tests (s3d run --test).

    Dates of objects, retention and lifecycle rules follow it. After a move, what lifecycle rules
    expire by then is removed at once. Signatures, presigned URLs and access keys follow the
    machine's clock, because clients sign with theirs.

    \b
    Examples:
      s3d clock advance 31d
      s3d clock set 2030-01-01T12:00:00Z
      s3d clock reset
    """
    if ctx.invoked_subcommand is None:
        _show_clock(ctx.ensure_object(Session).testing().clock(), as_json=as_json)


@clock_command.command("set")
@click.argument("time", metavar="TIME")
@json_option
@socket_option
@pass_session
def set_command(session: Session, /, *, time: str, as_json: bool) -> None:
    """Let it be TIME now: 2030-01-31 or 2030-01-31T12:00:00Z. Without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(time)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        change = ClockChange(at=at.timestamp())
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "bad usage", f"{time!r} is no time: write it like 2030-01-31T12:00:00Z"
        ) from error
    _show_clock(session.testing().move_clock(change), as_json=as_json)


@clock_command.command("advance")
@click.argument("age", metavar="AGE")
@json_option
@socket_option
@pass_session
def advance_command(session: Session, /, *, age: str, as_json: bool) -> None:
    """Move the clock forward, such as 90s, 12h or 31d."""
    try:
        change = ClockChange(advance=parse_age(age))
    except ValueError as error:
        raise UsageError("bad usage", f"{age!r}: {error}") from error
    _show_clock(session.testing().move_clock(change), as_json=as_json)


@clock_command.command("reset")
@json_option
@socket_option
@pass_session
def clock_reset_command(session: Session, /, *, as_json: bool) -> None:
    """Set the clock back to the machine's."""
    _show_clock(session.testing().move_clock(ClockChange(reset=True)), as_json=as_json)


@click.command("reset")
@json_option
@socket_option
@pass_session
def reset_command(session: Session, /, *, as_json: bool) -> None:
    """Empty a store made for tests (s3d run --test), without a question.

    All buckets go, with their objects, uploads and settings. Faults end, recorded requests are
    forgotten, and the clock is the machine's again. Access keys and snapshots stay.

    \b
    Example:
      s3d reset
    """
    removed = session.testing().reset()
    if as_json:
        json_line(removed)
    else:
        report(f"removed {count(removed.buckets, 'bucket')}, {count(removed.objects, 'object')}")


@click.group("snapshot")
def snapshot_command() -> None:
    """Snapshots of a store made for tests (s3d run --test): all buckets and what is in them.

    Bytes are shared, so both saving and restoring take milliseconds.

    \b
    Examples:
      s3d snapshot save base
      s3d snapshot restore base
    """


@snapshot_command.command("save")
@click.argument("name")
@json_option
@socket_option
@pass_session
def save_command(session: Session, /, *, name: str, as_json: bool) -> None:
    """Take a snapshot; one of the same name is replaced."""
    _show_snapshot("saved", session.testing().save_snapshot(name), as_json=as_json)


@snapshot_command.command("restore")
@click.argument("name")
@json_option
@socket_option
@pass_session
def restore_snapshot_command(session: Session, /, *, name: str, as_json: bool) -> None:
    """Make all buckets what they were. The snapshot stays, and so do the clock and the faults."""
    _show_snapshot("restored", session.testing().restore_snapshot(name), as_json=as_json)


@snapshot_command.command("ls")
@json_option
@socket_option
@pass_session
def list_command(session: Session, /, *, as_json: bool) -> None:
    """List the snapshots."""
    for snapshot in session.testing().snapshots():
        if as_json:
            json_line(snapshot)
        else:
            click.echo(f"{moment(snapshot.created)}  {_contents(snapshot):32}  {snapshot.name}")


@snapshot_command.command("rm")
@click.argument("name")
@socket_option
@pass_session
def remove_command(session: Session, /, *, name: str) -> None:
    """Remove a snapshot."""
    session.testing().drop_snapshot(name)
    report(f"removed {safe(name)}")


def _show_clock(state: ClockState, *, as_json: bool) -> None:
    if as_json:
        json_line(state)
        return
    now = datetime.fromtimestamp(state.now, UTC).isoformat(timespec="seconds")
    way = "ahead" if state.offset > 0 else "behind"
    moved = f", {duration(abs(state.offset))} {way}" if state.offset else ""
    click.echo(now.replace("+00:00", "Z") + moved)
    if state.removed:
        report(f"lifecycle rules removed {count(state.removed, 'item')}")


def _show_snapshot(what: str, snapshot: SnapshotInfo, *, as_json: bool) -> None:
    if as_json:
        json_line(snapshot)
    else:
        report(f"{what} {safe(snapshot.name)}: {_contents(snapshot)}")


def _contents(snapshot: SnapshotInfo) -> str:
    buckets, objects = count(snapshot.buckets, "bucket"), count(snapshot.objects, "object")
    return f"{buckets}, {objects}, {size(snapshot.size)}"
