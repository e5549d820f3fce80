"""s3d sync conflicts, resolve, diff, history and undo: conflicts, and what was done before."""

from __future__ import annotations

import time
from pathlib import Path

import click

from s3d.cli.completers import complete_folder
from s3d.cli.output import json_line, note_empty, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.sync.folder_text import folder_name
from s3d.shared.errors import UsageError
from s3d.shared.text import moment, safe, size


@click.command("conflicts")
@click.argument("folder", required=False, shell_complete=complete_folder)
@json_option
@socket_option
@pass_session
def conflicts_command(session: Session, /, folder: str | None, *, as_json: bool) -> None:
    """List the conflict copies."""
    client = session.sync()
    conflicts = client.conflicts(folder_name(client, folder))
    note_empty(conflicts, "no conflicts", as_json=as_json)
    for conflict in conflicts:
        if as_json:
            json_line(conflict)
        else:
            click.echo(f"{size(conflict.size):>10}  {safe(conflict.copy)}")


@click.command("resolve")
@click.argument("copy", type=click.Path(path_type=Path))
@click.option("--keep", type=click.Choice(["original", "copy", "both"]), required=True,
              help="What stays at the path of the original.")  # fmt: skip
@socket_option
@pass_session
def resolve_command(session: Session, /, copy: Path, *, keep: str) -> None:
    """Resolve a conflict. COPY is the path of the conflict copy.

    The version that you do not keep goes to the trash.

    \b
    Example:
      s3d sync resolve "notes/todo (conflict laptop 2026-11-27 101500 a1b2).txt" --keep copy
    """
    client = session.sync()
    status, path = client.file(copy)
    client.resolve(status.name, path, keep)
    report(f"resolved {copy}")


@click.command("diff", short_help="Show how a conflict copy differs from its original.")
@click.argument("copy", type=click.Path(path_type=Path))
@json_option
@socket_option
@pass_session
def diff_command(session: Session, /, copy: Path, *, as_json: bool) -> None:
    """Show how a conflict copy and its original differ; COPY is the path of the copy.

    \b
    Example:
      s3d sync diff "notes/todo (conflict laptop 2026-11-27 101500 a1b2).txt"
    """
    diff = session.sync().diff(copy)
    if as_json:
        json_line(diff)
        return
    for name, bytes, at in (
        ("original", diff.original_size, diff.original_modified),
        ("copy", diff.copy_size, diff.copy_modified),
    ):
        click.echo(f"{name:9} {size(bytes):>10}  {moment(at) if at else '-'}")
    for line in diff.lines:
        click.echo(safe(line.expandtabs(4)))


@click.command("history")
@click.argument("folder", required=False, shell_complete=complete_folder)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@socket_option
@pass_session
def history_command(session: Session, /, folder: str | None, *, limit: int, as_json: bool) -> None:
    """Show what was done, the newest first. * marks what s3d sync undo can undo."""
    client = session.sync()
    for row in client.history(folder_name(client, folder), limit):
        if as_json:
            json_line(row)
            continue
        mark = "*" if row.can_undo else " "
        detail = f" ({safe(row.detail)})" if row.detail else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.at))
        click.echo(f"{row.id:>6}{mark} {when}  {row.action:22} {safe(row.path)}{detail}")


@click.command("undo")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--id", "number", type=int, default=0, help="The id of a row of the history, instead of FILE."
)
@click.option("--folder", default=None, help="The sync folder of that row.")
@socket_option
@pass_session
def undo_command(
    session: Session, /, file: Path | None, *, number: int, folder: str | None
) -> None:
    """Restore FILE as it was before s3d replaced or deleted it.

    The current version of FILE goes to the trash.

    \b
    Examples:
      s3d sync undo ~/notes/todo.txt
      s3d sync undo --id 42 --folder notes
    """
    client = session.sync()
    if file is not None:
        status, path = client.file(file)
        path = client.undo(status.name, path=path)
    elif number:
        status = client.folder(folder_name(client, folder))
        path = client.undo(status.name, id=number)
    else:
        raise UsageError(
            "sync undo", "no file named", "name a file, or a row of the history with --id"
        )
    report(f"{Path(status.path, path)} is restored")
