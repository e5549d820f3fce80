"""s3d transfers: show and control background transfers."""

from __future__ import annotations

from collections.abc import Callable

import click

from s3d.cli.completers import complete_transfer
from s3d.cli.copying.transfer_progress import failure_text, named, progress
from s3d.cli.output import fields, for_each, json_line, note_empty, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.text import count, moment, safe, size
from s3d.shared.transfers import Transfer

STATES = ("waiting", "running", "held", "failed", "done", "cancelled")
KINDS = ("push", "upload", "download", "copy", "move", "delete", "prefetch")


@click.group("transfers", invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def transfers_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Show and control background transfers and pending writes.

    \b
    Examples:
      s3d transfers
      s3d transfers ls --kind download
      s3d transfers cancel t7
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls_command, kind=None, state=None, as_json=as_json)


@transfers_command.command("ls")
@click.option("--kind", type=click.Choice(KINDS), help="Only transfers of this kind.")
@click.option("--state", type=click.Choice(STATES), help="Only transfers in this state.")
@json_option
@socket_option
@pass_session
def ls_command(session: Session, /, *, kind: str | None, state: str | None, as_json: bool) -> None:
    """List transfers, the oldest first. --json prints one per line."""
    transfers = session.transfers().all(kind or "", state or "")
    note_empty(transfers, "no transfers", as_json=as_json)
    for transfer in transfers:
        if as_json:
            json_line(transfer)
        else:
            click.echo(_row(transfer))


@transfers_command.command("show")
@click.argument("id", shell_complete=complete_transfer)
@json_option
@socket_option
@pass_session
def show_command(session: Session, /, id: str, *, as_json: bool) -> None:
    """Show a transfer, its progress, and each object that failed."""
    transfer = session.transfers().get(id)
    if as_json:
        json_line(transfer)
        return
    rows = [
        ("transfer", f"{transfer.id}, {named(transfer)}"),
        ("state", transfer.state),
        ("moved", f"{size(transfer.done)} of {size(transfer.size)}"),
        ("objects", f"{transfer.files_done:,} of {transfer.files:,} done, "
                    f"{transfer.files_failed:,} failed" + _left(transfer)),
        ("started", moment(transfer.accepted)),
    ]  # fmt: skip
    failures = list(transfer.failures)
    if transfer.error is not None and transfer.error not in failures:
        failures.insert(0, transfer.error)
    for number, failure in enumerate(failures):
        rows.append(("" if number else "failed", failure_text(failure)))
    left = transfer.files_failed - len(transfer.failures)
    if left > 0 and transfer.failures:
        rows.append(("", f"and {left:,} more"))
    fields(rows)


@transfers_command.command("pause")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_transfer)
@socket_option
@pass_session
def pause_command(session: Session, /, ids: tuple[str, ...]) -> int:
    """Pause transfers. An object in progress starts again later."""
    return _each(ids, session.transfers().pause, "paused")


@transfers_command.command("resume")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_transfer)
@socket_option
@pass_session
def resume_command(session: Session, /, ids: tuple[str, ...]) -> int:
    """Continue paused transfers."""
    return _each(ids, session.transfers().resume, "continues")


@transfers_command.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_transfer)
@socket_option
@pass_session
def retry_command(session: Session, /, ids: tuple[str, ...]) -> int:
    """Move the failed objects again."""
    return _each(ids, session.transfers().retry, "is retried")


@transfers_command.command("cancel")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=complete_transfer)
@socket_option
@pass_session
def cancel_command(session: Session, /, ids: tuple[str, ...]) -> int:
    """End transfers. Finished objects stay moved. For a pending write: s3d queue discard."""
    return _each(ids, session.transfers().cancel, "cancelled")


@transfers_command.command("clear")
@socket_option
@pass_session
def clear_command(session: Session, /) -> None:
    """Remove finished transfers from the list."""
    report(f"cleared {count(session.transfers().clear(), 'transfer')}")


def _each(ids: tuple[str, ...], act: Callable[[str], Transfer], done: str) -> int:
    def one(id: str) -> None:
        report(f"{named(act(id))}: {done}")

    return for_each(ids, one)


def _left(transfer: Transfer) -> str:
    return f", {transfer.files_existing:,} skipped" if transfer.files_existing else ""


def _row(transfer: Transfer) -> str:
    line = f"{transfer.id:>6}  {transfer.state:9}  {size(transfer.done):>9}  {named(transfer)}"
    if transfer.state == "running":
        return f"{line}  {safe(progress([transfer]))}"
    error = transfer.error
    return line if error is None else line + f"  ({safe(failure_text(error))})"
