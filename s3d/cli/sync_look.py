"""s3d sync check and s3d sync diff: look before something is done."""

from __future__ import annotations

from pathlib import Path

import click

from s3d.cli.filter import Expression
from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.config.validators import SYNC_MODES
from s3d.shared.filters.expression import Filter
from s3d.shared.syncing import FolderDraft
from s3d.shared.text import moment, safe, size


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@target_argument(Names.PREFIX)
@click.option("--mode", type=click.Choice(SYNC_MODES), default="two-way", show_default=True)
@click.option("--filter", "terms", type=Expression(), metavar="EXPR", help="Which files.")
@json_option
@socket_option
@pass_session
def check_command(
    session: Session, /, path: Path, target: Target, *, mode: str, terms: Filter | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Say whether a folder can be synced, and what its filter keeps; exit 1 when it cannot.

    \b
    Example:
      s3d sync check ~/notes my-bucket/notes --filter '!*/*.tmp'
    """
    path = path.expanduser().absolute()
    draft = FolderDraft(str(path), target.bucket, target.key, mode, str(terms or ""))
    found = session.sync().check(draft)
    if as_json:
        json_line(found)
        return 0 if found.can_save else 1
    for verdict in found.fields:
        if verdict.text:
            click.echo(f"{'+' if verdict.ok else 'x'} {verdict.field:10} {safe(verdict.text)}")
    for row in found.preview:
        rule = "" if row.included else f"  ({row.rule})"
        click.echo(f"{'+' if row.included else '-'} {safe(row.path + rule)}")
    more = f" of the first {found.looked:,}" if found.partial else ""
    click.echo(f"{found.included:,} kept, {found.excluded:,} left out{more}")
    return 0 if found.can_save else 1


@click.command("diff")
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
    found = session.sync().diff(copy)
    if as_json:
        json_line(found)
        return
    for name, bytes, at in (
        ("original", found.original_size, found.original_modified),
        ("copy", found.copy_size, found.copy_modified),
    ):
        click.echo(f"{name:9} {size(bytes):>10}  {moment(at) if at else '-'}")
    for line in found.lines:
        click.echo(safe(line.expandtabs(4)))
