"""s3d sync add and check: set up a sync folder, after showing what the first pass would do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from s3d.cli.client.sync_client import SyncClient
from s3d.cli.filter_commands import Expression
from s3d.cli.output import confirmed, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.sync.build_folders import IGNORE_FILE, build_folders, ignore
from s3d.cli.sync.folder_text import SHOWN, show_plan
from s3d.cli.target import LocalPath, Names, Target, target_argument
from s3d.cli.target_objects import check_bucket
from s3d.shared.config.validators import SYNC_MODES
from s3d.shared.errors import UnavailableError, UsageError
from s3d.shared.filters.expression import Filter
from s3d.shared.syncing import FolderDraft, FolderSpec, SyncPlan
from s3d.shared.text import safe


@click.command("add")
@click.argument("path", type=LocalPath(path_type=Path))
@target_argument(Names.PREFIX)
@click.option("--mode", type=click.Choice(SYNC_MODES), default="two-way", show_default=True,
              help="backup only uploads; mirror only downloads.")  # fmt: skip
@click.option(
    "--filter",
    "terms",
    type=Expression(of_folder=True),
    metavar="EXPR",
    help="Files to sync, by their paths in the folder.",
)
@click.option(
    "--name",
    default="",
    help="Name of the folder in commands; by default, the last part of its path.",
)
@click.option("--interval", default="", metavar="AGE", help="How often s3d lists the bucket.")
@click.option("--keep-mode", is_flag=True, help="Sync permission bits as well.")
@click.option("--ignore-builds/--no-ignore-builds", default=True, show_default=True,
              help="Leave out build folders, such as node_modules and target.")  # fmt: skip
@click.option("-n", "--dry-run", is_flag=True, help="Only show what the first pass would do.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@socket_option
@pass_session
def add_command(
    session: Session, /, path: Path, target: Target, *, mode: str, terms: Filter | None, name: str,
    interval: str, keep_mode: bool, ignore_builds: bool, dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Keep a folder in sync with BUCKET or BUCKET/PREFIX. The first pass deletes nothing.

    Build folders, such as node_modules and target, are offered to be left out: their names are
    added to .s3dignore in the folder. With --yes they are left out without a question.

    \b
    Examples:
      s3d sync add ~/notes my-bucket/notes
      s3d sync add ~/notes my-bucket/notes --filter '!*.tmp;!drafts/*'
    """
    path = path.expanduser().absolute()
    spec = FolderSpec(
        path=str(path),
        bucket=target.bucket,
        prefix=target.key,
        mode=mode,
        filter=str(terms or ""),
        interval=interval,
        keep_mode=keep_mode,
    )
    client = session.sync()
    if ignore_builds and mode != "mirror" and path.is_dir():
        _offer_to_ignore(path, yes=yes, dry_run=dry_run)
    name = name or path.name
    is_new = _is_new(client, name, spec)
    plan = _plan(session, spec, name="" if is_new else name)
    if dry_run and as_json:
        json_line(plan)
        return
    if not as_json:
        click.echo(f"{path} and {target}, {mode}:")
        if not is_new:
            click.echo(f"  folder {name} syncs them already; s3d changes its settings")
        _show_first_pass(path, plan)
    if dry_run or not (yes or confirmed("Sync them from now on?")):
        return
    was_there = path.exists()
    status = client.save(name, spec, new=is_new)
    if as_json:
        json_line(status)
    else:
        made = "" if was_there else "created and "
        report(f"{made}syncing {path}; s3d sync status {status.name} shows the progress")


def _plan(session: Session, spec: FolderSpec, *, name: str) -> SyncPlan:
    """What the first pass would do. Raises NotFoundError for a bucket that does not exist."""
    try:
        return session.sync().validate(spec, name=name)
    except UnavailableError:
        check_bucket(session.objects(), spec.bucket)
        raise


def _show_first_pass(path: Path, plan: SyncPlan) -> None:
    if not path.exists():
        click.echo(f"  {path} does not exist; s3d will create it")
    elif not plan.counts:
        click.echo("  both sides are in sync")
    show_plan(plan, SHOWN)


def _offer_to_ignore(path: Path, *, yes: bool, dry_run: bool) -> None:
    """Leave out build folders, after a question. What is printed goes to stderr."""
    names = build_folders(path)
    if not names:
        return
    shown = safe(", ".join(f"{name}/" for name in names))
    if dry_run:
        click.echo(f"  build folders that s3d offers to leave out: {shown}", err=True)
    elif yes or (sys.stdin.isatty() and confirmed(f"Leave out build folders ({shown})?")):
        ignore(path, names)
        click.echo(f"  leaving out {shown}: see {safe(str(path / IGNORE_FILE))}", err=True)


@click.command("check", short_help="Check a folder before it is added.")
@click.argument("path", type=LocalPath(path_type=Path))
@target_argument(Names.PREFIX)
@click.option("--mode", type=click.Choice(SYNC_MODES), default="two-way", show_default=True)
@click.option(
    "--filter",
    "terms",
    type=Expression(of_folder=True),
    metavar="EXPR",
    help="Files to sync, by their paths in the folder.",
)
@json_option
@socket_option
@pass_session
def check_command(
    session: Session, /, path: Path, target: Target, *, mode: str, terms: Filter | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Check whether a folder can be synced, and which files its filter includes.

    The exit code is 1 if the folder cannot be synced.

    \b
    Example:
      s3d sync check ~/notes my-bucket/notes --filter '!*.tmp'
    """
    path = path.expanduser().absolute()
    draft = FolderDraft(str(path), target.bucket, target.key, mode, str(terms or ""))
    check = session.sync().check(draft)
    if as_json:
        json_line(check)
        return 0 if check.can_save else 1
    for verdict in check.fields:
        if verdict.text:
            click.echo(f"{'+' if verdict.ok else 'x'} {verdict.field:10} {safe(verdict.text)}")
    for row in check.preview:
        rule = "" if row.included else f"  ({row.rule})"
        click.echo(f"{'+' if row.included else '-'} {safe(row.path + rule)}")
    more = f" of the first {check.looked:,}" if check.partial else ""
    click.echo(f"{check.included:,} included, {check.excluded:,} excluded{more}")
    return 0 if check.can_save else 1


def _is_new(client: SyncClient, name: str, spec: FolderSpec) -> bool:
    """Whether a name is free. False: its folder is the same one, and gets other settings.

    Raises UsageError when the name belongs to another folder.
    """
    for folder in client.folders():
        if folder.name != name:
            continue
        places = [(f.path, f.bucket, f.prefix.rstrip("/")) for f in (folder, spec)]
        if places[0] == places[1]:
            return False
        raise UsageError(
            f"sync folder {name}",
            f"the name exists: {folder.path} with {folder.bucket}/{folder.prefix}",
            f"choose another --name, or run s3d sync rm {name} first",
        )
    return True
