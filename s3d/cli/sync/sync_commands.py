"""The group s3d sync, and its commands that control a folder."""

from __future__ import annotations

import os

import click

from s3d.cli.completers import complete_folder
from s3d.cli.output import confirmed, fields, json_line, note_empty, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.sync.events_command import events_command
from s3d.cli.sync.folder_text import (
    SHOWN,
    evicted_path,
    folder_fields,
    folder_name,
    folder_row,
    show_plan,
)
from s3d.cli.sync.history_commands import (
    conflicts_command,
    diff_command,
    history_command,
    resolve_command,
    undo_command,
)
from s3d.cli.sync.setup_commands import add_command, check_command
from s3d.cli.target import SCHEME
from s3d.shared.errors import PendingError, S3dError, UsageError
from s3d.shared.text import count, safe

_ONE_SHOT = "\0"
"""Stands for sync SOURCE TARGET among the commands: no argument can contain it."""
_OWN = ("--json", "--socket", "-h", "--help")


class SyncGroup(click.Group):
    """A group in which everything that is no command for folders is SOURCE TARGET."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [_ONE_SHOT, *args] if self._is_one_shot(args) else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] != _ONE_SHOT:
            return super().resolve_command(ctx, args)
        from s3d.cli.copying.one_shot_sync import FORMS, one_shot_command

        if meant := self._meant(args[1:]):
            hint = f"did you mean s3d sync {meant}? {FORMS}"
            raise UsageError("bad usage", f"no such command: {safe(args[1])}", hint)
        return "", one_shot_command, args[1:]

    def _meant(self, args: list[str]) -> str:
        """The command that the first word is nearly; "" if there is none, or a place among them."""
        from difflib import get_close_matches  # slow to import

        if any(word.startswith(SCHEME) for word in args) or os.path.lexists(args[0]):
            return ""
        return "".join(get_close_matches(args[0], self.commands, n=1))

    def _is_one_shot(self, args: list[str]) -> bool:
        """Whether the first word that is no option of the group is no command."""
        words = iter(args)
        for word in words:
            if word == "--socket":
                next(words, "")
            elif word.partition("=")[0] not in _OWN:
                return word not in self.commands
        return False


@click.group("sync", cls=SyncGroup, invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def sync_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Keep local folders in sync with the objects of a prefix. Without a command: list the folders.

    s3d sync SOURCE TARGET makes TARGET equal to SOURCE once, as aws s3 sync does; one of them is
    s3://BUCKET/PREFIX. See s3d sync SOURCE TARGET --help. A local folder that is named like a
    command is written ./status.

    FOLDER is the name of a sync folder, or a path in it. You can omit it if there is only one.

    \b
    Examples:
      s3d sync photos s3://backup/photos --delete
      s3d sync add ~/notes my-bucket/notes
      s3d sync status notes
      s3d sync plan notes
      s3d sync rm notes
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls_command, as_json=as_json)


@sync_command.command("ls")
@json_option
@socket_option
@pass_session
def ls_command(session: Session, /, *, as_json: bool) -> None:
    """List the sync folders. --json prints one per line."""
    folders = session.sync().folders()
    note_empty(folders, "no sync folders; s3d sync add PATH BUCKET/PREFIX", as_json=as_json)
    for folder in folders:
        if as_json:
            json_line(folder)
        else:
            click.echo(folder_row(folder))


@sync_command.command("status")
@click.argument("folder", required=False, shell_complete=complete_folder)
@json_option
@socket_option
@pass_session
def status_command(session: Session, /, folder: str | None, *, as_json: bool) -> int:
    """Show the state of a folder, and what is not in sync. Exit code 6 if something is not."""
    client = session.sync()
    status = client.folder(folder_name(client, folder))
    if as_json:
        json_line(status)
    else:
        fields(folder_fields(status))
        for trouble in status.troubles:
            click.echo(f"  {trouble.state:8} {safe(trouble.path)}: {safe(trouble.reason)}")
        hidden = status.trouble_count + status.left_out - len(status.troubles)
        if hidden > 0:
            click.echo(f"  and {count(hidden, 'other')}")
    return 0 if status.state == "idle" and not status.failed else PendingError.exit_code


@sync_command.command("plan")
@click.argument("folder", required=False, shell_complete=complete_folder)
@click.option("--all", "everything", is_flag=True, help="Show every path.")
@json_option
@socket_option
@pass_session
def plan_command(
    session: Session, /, folder: str | None, *, everything: bool, as_json: bool
) -> None:
    """Show what a pass would do now."""
    client = session.sync()
    plan = client.plan(folder_name(client, folder))
    if as_json:
        json_line(plan)
    else:
        if not plan.counts:
            click.echo("  both sides are in sync")
        show_plan(plan, len(plan.steps) if everything else SHOWN)


@sync_command.command("now")
@click.argument("folder", required=False, shell_complete=complete_folder)
@json_option
@socket_option
@pass_session
def now_command(session: Session, /, folder: str | None, *, as_json: bool) -> None:
    """Run a pass now, and wait for its end."""
    client = session.sync()
    done = client.now(folder_name(client, folder))
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
    summary = ", ".join(f"{number:,} {word}" for word, number in words.items() if number)
    report(summary or "nothing to do")


@sync_command.command("pause")
@click.argument("folder", required=False, shell_complete=complete_folder)
@socket_option
@pass_session
def pause_command(session: Session, /, folder: str | None) -> None:
    """Stop syncing a folder until resume, also after a restart."""
    client = session.sync()
    report(f"paused {client.pause(folder_name(client, folder)).name}")


@sync_command.command("resume")
@click.argument("folder", required=False, shell_complete=complete_folder)
@socket_option
@pass_session
def resume_command(session: Session, /, folder: str | None) -> None:
    """Continue syncing a paused folder."""
    client = session.sync()
    report(f"resumed {client.resume(folder_name(client, folder)).name}")


@sync_command.command("approve")
@click.argument("folder", required=False, shell_complete=complete_folder)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def approve_command(session: Session, /, folder: str | None, *, yes: bool) -> None:
    """Approve the pass for which a folder has stopped."""
    client = session.sync()
    status = client.folder(folder_name(client, folder))
    if not status.question:
        raise S3dError(
            status.name,
            "there is nothing to approve",
            "s3d sync status shows why a folder has stopped",
        )
    if yes or confirmed(f"{status.name}: {status.reason}. Carry it out?"):
        client.approve(status.name)
        report(f"approved for {status.name}: {status.reason}")


@sync_command.command("restore")
@click.argument("folder", metavar="[FOLDER|PATH]", required=False, shell_complete=complete_folder)
@socket_option
@pass_session
def restore_command(session: Session, /, folder: str | None) -> None:
    """Restore files of a stopped folder, or evicted files.

    FOLDER: the files that the stopped folder would delete come back from the other side. PATH: an
    evicted file is downloaded again, or all evicted files below a folder; they are not evicted
    again. A folder that has not stopped gets all of its evicted files.

    \b
    Examples:
      s3d sync restore notes
      s3d sync restore ~/camera/2026/11/a.jpg
    """
    client = session.sync()
    name, path = evicted_path(client, folder)
    if path or not client.folder(name).question:
        restored = client.restore_evicted(name, path)
    else:
        restored = client.restore(name)
    report(f"restoring {count(restored, 'file')}")


@sync_command.command("rm")
@click.argument("folder", shell_complete=complete_folder)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def rm_command(session: Session, /, folder: str, *, yes: bool) -> None:
    """Stop syncing a folder. Both sides keep their files."""
    client = session.sync()
    status = client.folder(folder_name(client, folder))
    if yes or confirmed(f"Stop syncing {status.path}? Both sides keep their files."):
        client.remove(status.name)
        report(f"{status.path} is no longer synced")


for _command in (
    add_command,
    check_command,
    conflicts_command,
    resolve_command,
    diff_command,
    events_command,
    history_command,
    undo_command,
):
    sync_command.add_command(_command)
