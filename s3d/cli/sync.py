"""s3d sync: folders that are kept the same as objects below a prefix."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from s3d.cli.client.sync_client import SyncClient
from s3d.cli.filter import Expression
from s3d.cli.output import confirmed, fields, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.sync_look import check_command, diff_command
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.filters import Filter
from s3d.shared.readers import SYNC_MODES
from s3d.shared.syncing import FolderSpec, FolderStatus, SyncPlan
from s3d.shared.text import age, count, safe, size

ACTIONS = {
    "upload": "to upload",
    "download": "to download",
    "delete-local": "to delete here (kept in the trash for 30 days)",
    "delete-remote": "to delete in the bucket",
    "compare": "on both sides, to compare; what differs is kept twice",
    "move": "to rename",
    "block": "that cannot be synced",
    "leave": "that no bucket can hold (links, devices): left out",
    "keep": "that differ, and stay as they are in this mode",
}
"""Action of a plan -> what it says of so many paths."""
SHOWN = 20
"""Paths of a plan that are printed, unless all are asked for."""


@click.group("sync", invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def sync_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Keep local folders the same as objects below a prefix, both ways. Alone: list them.

    FOLDER is the name of a sync folder, or a path in it; it can be left out when there is one.

    \b
    Examples:
      s3d sync add ~/notes my-bucket/notes
      s3d sync status notes
      s3d sync plan notes
      s3d sync rm notes
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls_command, as_json=as_json)


@sync_command.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@target_argument(Names.PREFIX)
@click.option("--mode", type=click.Choice(SYNC_MODES), default="two-way", show_default=True,
              help="backup: only to the bucket; mirror: only to the folder.")  # fmt: skip
@click.option(
    "--filter", "terms", type=Expression(), metavar="EXPR", help="Which files are synced."
)
@click.option("--name", default="", help="Its name in commands; else the last part of its path.")
@click.option("--interval", default="", metavar="AGE", help="Between two looks at the bucket.")
@click.option("--keep-mode", is_flag=True, help="Sync permission bits too.")
@click.option("-n", "--dry-run", is_flag=True, help="Show what it would do, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@socket_option
@pass_session
def add_command(
    session: Session, /, path: Path, target: Target, *, mode: str, terms: Filter | None, name: str,
    interval: str, keep_mode: bool, dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Begin to sync a folder with BUCKET or BUCKET/PREFIX. The first time deletes nothing.

    \b
    Example:
      s3d sync add ~/notes my-bucket/notes
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
    name = name or path.name
    is_new = _is_new(client, name, spec)
    plan = client.validate(spec, name="" if is_new else name)
    if dry_run and as_json:
        json_line(plan)
        return
    if not as_json:
        click.echo(f"{path} and {target}, {mode}:")
        if not is_new:
            click.echo(f"  folder {name} syncs them already; it gets these settings")
        if not path.exists():
            click.echo(f"  {path} is not there: it will be made")
        elif not plan.counts:
            click.echo("  both sides are the same")
        _show(plan, SHOWN)
    if dry_run or not (yes or confirmed("Sync them from now on?")):
        return
    was_there = path.exists()
    status = client.save(name, spec, new=is_new)
    if as_json:
        json_line(status)
    else:
        made = "" if was_there else "made and "
        report(f"{made}syncing {path}; s3d sync status {status.name} shows how far it is")


def _is_new(client: SyncClient, name: str, spec: FolderSpec) -> bool:
    """Whether a name is free; False: its folder is to have other settings. Raises UsageError when
    the folder of that name is another one."""
    for folder in client.folders():
        if folder.name != name:
            continue
        places = [(f.path, f.bucket, f.prefix.rstrip("/")) for f in (folder, spec)]
        if places[0] == places[1]:
            return False
        raise UsageError(
            f"sync folder {name}",
            f"there is one already: {folder.path} with {folder.bucket}/{folder.prefix}",
            f"give this one another --name, or s3d sync rm {name} first",
        )
    return True


@sync_command.command("ls")
@json_option
@socket_option
@pass_session
def ls_command(session: Session, /, *, as_json: bool) -> None:
    """List the folders; --json prints one a line."""
    for folder in session.sync().folders():
        if as_json:
            json_line(folder)
        else:
            click.echo(_row(folder))


@sync_command.command("status")
@click.argument("folder", required=False)
@json_option
@socket_option
@pass_session
def status_command(session: Session, /, folder: str | None, *, as_json: bool) -> int:
    """Show how a folder is, and what is not in sync and why. Exit 6 when something is not."""
    client = session.sync()
    status = client.folder(_name(client, folder))
    if as_json:
        json_line(status)
    else:
        fields(_facts(status))
        for trouble in status.troubles:
            click.echo(f"  {trouble.state:8} {safe(trouble.path)}: {safe(trouble.reason)}")
        hidden = status.trouble_count + status.left_out - len(status.troubles)
        if hidden > 0:
            click.echo(f"  and {count(hidden, 'other')}")
    return 0 if status.state == "idle" and not status.trouble_count else 6


@sync_command.command("plan")
@click.argument("folder", required=False)
@click.option("--all", "everything", is_flag=True, help="Show every path.")
@json_option
@socket_option
@pass_session
def plan_command(
    session: Session, /, folder: str | None, *, everything: bool, as_json: bool
) -> None:
    """Show what a pass would do now."""
    client = session.sync()
    plan = client.plan(_name(client, folder))
    if as_json:
        json_line(plan)
    else:
        if not plan.counts:
            click.echo("  both sides are the same")
        _show(plan, len(plan.steps) if everything else SHOWN)


@sync_command.command("now")
@click.argument("folder", required=False)
@json_option
@socket_option
@pass_session
def now_command(session: Session, /, folder: str | None, *, as_json: bool) -> None:
    """Make a whole pass, and wait for its end."""
    client = session.sync()
    done = client.now(_name(client, folder))
    if as_json:
        json_line(done)
        return
    words = {
        "uploaded": done.uploaded,
        "downloaded": done.downloaded,
        "renamed": done.moved,
        "deleted": done.deleted,
        "equal already": done.adopted,
        "in conflict": done.conflicts,
        "not in sync": done.troubles,
    }
    told = ", ".join(f"{number:,} {word}" for word, number in words.items() if number)
    report(told or "nothing to do")


@sync_command.command("pause")
@click.argument("folder", required=False)
@socket_option
@pass_session
def pause_command(session: Session, /, folder: str | None) -> None:
    """Leave both sides alone until it is resumed, also after a restart."""
    client = session.sync()
    report(f"paused {client.pause(_name(client, folder)).name}")


@sync_command.command("resume")
@click.argument("folder", required=False)
@socket_option
@pass_session
def resume_command(session: Session, /, folder: str | None) -> None:
    """Go on."""
    client = session.sync()
    report(f"resumed {client.resume(_name(client, folder)).name}")


@sync_command.command("approve")
@click.argument("folder", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def approve_command(session: Session, /, folder: str | None, *, yes: bool) -> None:
    """Agree to what a folder has stopped for, and let it be done."""
    client = session.sync()
    status = client.folder(_name(client, folder))
    if not status.question:
        raise S3dError(status.name, "it asks nothing")
    if yes or confirmed(f"{status.name}: {status.reason}. Do it?"):
        client.approve(status.name)
        report("approved")


@sync_command.command("restore")
@click.argument("folder", required=False)
@socket_option
@pass_session
def restore_command(session: Session, /, folder: str | None) -> None:
    """Have what a folder would delete come back from the other side instead."""
    client = session.sync()
    report(f"restoring {count(client.restore(_name(client, folder)), 'file')}")


@sync_command.command("conflicts")
@click.argument("folder", required=False)
@json_option
@socket_option
@pass_session
def conflicts_command(session: Session, /, folder: str | None, *, as_json: bool) -> None:
    """List the conflict copies."""
    client = session.sync()
    for conflict in client.conflicts(_name(client, folder)):
        if as_json:
            json_line(conflict)
        else:
            click.echo(f"{size(conflict.size):>10}  {safe(conflict.copy)}")


@sync_command.command("resolve")
@click.argument("copy", type=click.Path(path_type=Path))
@click.option("--keep", type=click.Choice(["original", "copy", "both"]), required=True,
              help="What stays at the path of the original.")  # fmt: skip
@socket_option
@pass_session
def resolve_command(session: Session, /, copy: Path, *, keep: str) -> None:
    """End a conflict; COPY is the path of the conflict copy. What goes, goes to the trash.

    \b
    Example:
      s3d sync resolve "notes/todo (conflict laptop 2026-11-27 101500 a1b2).txt" --keep copy
    """
    client = session.sync()
    status, path = client.file(copy)
    client.resolve(status.name, path, keep)
    report(f"resolved {copy}")


@sync_command.command("history")
@click.argument("folder", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@socket_option
@pass_session
def history_command(session: Session, /, folder: str | None, *, limit: int, as_json: bool) -> None:
    """Show what was done, the newest first; * marks what s3d sync undo can undo."""
    client = session.sync()
    for row in client.history(_name(client, folder), limit):
        if as_json:
            json_line(row)
            continue
        mark = "*" if row.can_undo else " "
        detail = f" ({safe(row.detail)})" if row.detail else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.at))
        click.echo(f"{row.id:>6}{mark} {when}  {row.action:22} {safe(row.path)}{detail}")


@sync_command.command("undo")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--id", "number", type=int, default=0, help="Of a row of the history, instead.")
@click.option("--folder", default=None, help="The folder of that row.")
@socket_option
@pass_session
def undo_command(
    session: Session, /, file: Path | None, *, number: int, folder: str | None
) -> None:
    """Have FILE as it was before it was replaced or deleted here; what is there now goes to the
    trash.

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
        status = client.folder(_name(client, folder))
        path = client.undo(status.name, id=number)
    else:
        raise UsageError("sync undo", "what is to be undone?", "name a file, or a row with --id")
    report(f"{Path(status.path, path)} is as it was")


@sync_command.command("rm")
@click.argument("folder")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def rm_command(session: Session, /, folder: str, *, yes: bool) -> None:
    """Sync a folder no more. Both sides keep their files."""
    client = session.sync()
    status = client.folder(_name(client, folder))
    if yes or confirmed(f"Stop syncing {status.path}? Both sides keep their files."):
        client.remove(status.name)
        report(f"{status.path} is not synced any more")


def _name(client: SyncClient, folder: str | None) -> str:
    """The name of the folder that is meant. Raises NotFoundError, UsageError."""
    known = client.folders()
    if folder is None:
        if len(known) == 1:
            return known[0].name
        hint = "s3d sync add PATH BUCKET/PREFIX" if not known else "s3d sync ls lists them"
        why = "there is none" if not known else f"which one of {len(known)}?"
        raise UsageError("sync folder", why, hint)
    names = {status.name for status in known}
    if folder in names:
        return folder
    path = os.path.abspath(os.path.expanduser(folder))
    for status in known:
        if Path(path).is_relative_to(status.path):
            return status.name
    raise NotFoundError("sync folder", f"there is none called {folder}", "s3d sync ls lists them")


def _row(folder: FolderStatus) -> str:
    place = f"{folder.bucket}/{folder.prefix}"
    said = folder.state + (f": {folder.reason}" if folder.reason else "")
    amount = f"{count(folder.files, 'file')}, {size(folder.size)}"
    return safe(f"{folder.name:16} {folder.path} = {place}  {folder.mode}, {amount}, {said}")


def _facts(status: FolderStatus) -> list[tuple[str, str]]:
    said = status.state + (f": {status.reason}" if status.reason else "")
    if status.state == "syncing" and status.todo:
        said += f" {status.done:,} of {status.todo:,}"
    seen = age(time.time() - status.last_pass) + " ago" if status.last_pass else "not yet"
    rows = [
        ("folder", status.path),
        ("bucket", f"{status.bucket}/{status.prefix}"),
        ("mode", status.mode),
        ("state", said),
        ("files", f"{status.files:,}, {size(status.size)}"),
        ("in sync", seen),
        ("changes", status.watch or "not watched yet"),
    ]
    if status.filter:
        rows.append(("filter", status.filter.replace("\n", "; ")))
    if status.conflicts:
        rows.append(("conflicts", f"{status.conflicts}: s3d sync conflicts {status.name}"))
    if status.question:
        rows.append(("decide", f"s3d sync approve {status.name}, or s3d sync restore"))
    if status.trouble_count:
        rows.append(("not in sync", count(status.trouble_count, "path")))
    if status.left_out:
        rows.append(("left out", f"{count(status.left_out, 'path')}: links and devices"))
    return [(name, safe(value)) for name, value in rows]


def _show(plan: SyncPlan, most: int) -> None:
    for action, number in sorted(plan.counts.items()):
        total = {"upload": plan.upload_size, "download": plan.download_size}.get(action)
        said = f", {size(total)}" if total else ""
        click.echo(f"  {count(number, 'path')}{said} {ACTIONS.get(action, action)}")
    for step in plan.steps[:most]:
        reason = f": {safe(step.reason)}" if step.reason else ""
        click.echo(f"    {step.action:13} {safe(step.path)}{reason}")
    if sum(plan.counts.values()) > most and plan.steps:
        click.echo(f"    and {count(sum(plan.counts.values()) - most, 'other')}")
    if plan.doubt:
        click.echo(f"  it would stop and ask: {plan.doubt}")


sync_command.add_command(check_command)
sync_command.add_command(diff_command)
