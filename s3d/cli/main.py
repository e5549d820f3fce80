"""The command `s3d`: it runs sub-commands.

It imports as little as possible: `s3d --help` imports no module of a sub-command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from s3d import __version__
from s3d.cli.command_process import exit_code_of, reader_gone, run_process
from s3d.cli.session import COMPLETE, Session, socket_option
from s3d.shared.errors import S3dError, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run_command", "Serve S3 on localhost"),
    "start": ("background_commands", "Start the agent in the background"),
    "stop": ("background_commands", "Stop the agent"),
    "restart": ("background_commands", "Stop the agent, and start it in the background"),
    "status": ("status_command", "Show the agent, a bucket or an object"),
    "ls": ("object_commands", "List buckets or objects"),
    "stat": ("status_command", "Show an object with its metadata and tags"),
    "du": ("find_commands", "Show the size of buckets and prefixes"),
    "find": ("find_commands", "Find objects by name, size, age, tags or metadata"),
    "cat": ("reading_commands", "Print objects"),
    "head": ("reading_commands", "Print the first lines of objects"),
    "get": ("get_put_commands", "Read an object to stdout or a file"),
    "put": ("get_put_commands", "Store a file or stdin as an object"),
    "cp": ("copying.copy_commands", "Copy files and objects, one or many"),
    "mv": ("copying.copy_commands", "Move or rename objects"),
    "diff": ("copying.one_shot_sync", "Compare two folders, local or in S3"),
    "transfers": ("transfer_commands", "Show and control background transfers"),
    "set": ("tag_commands", "Add and remove tags of an object or a bucket"),
    "rm": ("rm_command", "Delete objects"),
    "versions": ("object_commands", "List the versions of an object"),
    "restore": ("object_commands", "Make an older version of an object the current one"),
    "mb": ("bucket_commands", "Create buckets"),
    "rb": ("bucket_commands", "Delete buckets"),
    "versioning": ("bucket_commands", "Show or switch the versioning of a bucket"),
    "watch": ("watch_command", "Print changes of objects as they happen"),
    "presign": ("access_commands", "Print a URL that works without credentials"),
    "queue": ("queue.queue_commands", "Show and control the pending writes"),
    "drain": ("queue.push_commands", "Wait until the remote has every pending write"),
    "bandwidth": ("queue.push_commands", "Show or limit the upload speed of the queue"),
    "fleet": ("fleet_command", "List the devices that share their settings"),
    "receipts": ("receipts_commands", "List, export and verify receipts of uploads"),
    "cache": ("cache_commands", "Show and control the read cache"),
    "pin": ("cache_commands", "Keep objects in the read cache permanently"),
    "unpin": ("cache_commands", "Allow pinned objects to be evicted again"),
    "prefetch": ("cache_commands", "Fetch objects into the read cache before they are read"),
    "service": ("service.service_commands", "Start the agent at login, as a service"),
    "tui": ("tui_command", "Open the terminal app"),
    "logs": ("log_commands", "Print the agent's log"),
    "trace": ("trace_command", "Print what has happened to an object here"),
    "sync": ("sync.sync_commands", "Keep folders in sync with objects, or sync once"),
    "mount": ("mount_commands", "Show buckets as folders of a file system"),
    "umount": ("mount_commands", "Unmount such folders"),
    "filter": ("filter_commands", "Explain and test a filter"),
    "doctor": ("doctor.doctor_commands", "Find out what is wrong, and what to do about it"),
    "check": ("diagnostic_commands", "Verify everything on the disk"),
    "migrate": ("migrate_command", "Copy the embedded store to the remote"),
    "env": ("access_commands", "Print the environment variables for S3 programs"),
    "key": ("access_key_commands", "Create, list, rotate and revoke access keys"),
    "explain": ("access_commands", "Say whether a key may do something, and why"),
    "reset": ("testing_commands", "Empty a store made for tests"),
    "snapshot": ("testing_commands", "Save and restore the content of a store made for tests"),
    "clock": ("testing_commands", "Show or move the clock of a store made for tests"),
    "fault": ("fault_commands", "Let requests fail on demand, in a store made for tests"),
    "requests": ("request_commands", "List the requests to a store made for tests"),
    "wait": ("request_commands", "Wait for a request to a store made for tests"),
    "config": ("config_commands", "Show, check and change the configuration"),
    "man": ("man_command", "Print the manual page of a command"),
    "completion": ("completion", "Print a completion script for the shell"),
}
"""Name -> (module in s3d.cli, one line of help). The module defines NAME_command."""

FAMILIAR = {
    "copy": "cp", "upload": "cp", "download": "cp", "move": "mv", "rename": "mv",
    "delete": "rm", "del": "rm", "remove": "rm", "list": "ls", "dir": "ls", "lsf": "ls",
    "tree": "find", "size": "du", "mirror": "sync", "mkdir": "mb", "rmdir": "rb", "more": "cat",
    "pipe": "put", "ps": "status", "share": "presign", "url": "presign", "tag": "set",
    "log": "logs", "up": "start", "down": "stop", "edit": "config", "lsd": "ls", "lsl": "ls",
    "ll": "ls", "ncdu": "du", "purge": "rm", "unlink": "rm", "link": "presign", "touch": "put",
}  # fmt: skip
"""Words of other tools -> our commands."""

WORDS = {"help": "--help", "version": "--version"}
"""Words that other tools have as commands -> our options: s3d help ls is s3d ls --help."""

AWS_OPTIONS = ("--endpoint-url", "--no-sign-request", "--no-verify-ssl", "--profile", "--region")
"""Options of every aws command that mean nothing here."""


class LazyGroup(click.Group):
    """A group that imports the module of a sub-command only to run it or to show its help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] in WORDS:
            args = [*args[1:], WORDS[args[0]]]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"s3d.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would exit with 1
            return reader_gone()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start the agent with: s3d start; or in the foreground: s3d run. "
    "You can write BUCKET/KEY as s3://BUCKET/KEY.",
)
@click.version_option(__version__, prog_name="s3d", message="%(prog)s %(version)s")
@socket_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The S3 daemon: a background agent that serves the S3 API on localhost."""
    ctx.ensure_object(Session)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """Run the command line of this process, and exit with its exit code."""
    run_process(_run_own_line)


def _run_own_line() -> int:
    if COMPLETE in os.environ:
        from s3d.cli.completion import register

        register()
    return _run_line(sys.argv[1:])


def execute(arguments: Sequence[str]) -> int:
    """Run a command line and print its error, if any. Returns the exit code."""
    return exit_code_of(lambda: _run_line(arguments))


def _run_line(arguments: Sequence[str]) -> int:
    """Run a command line. Returns its exit code; raises what its command raises, and UsageError."""
    try:
        code = cli.main(list(arguments), prog_name="s3d", standalone_mode=False)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        raise _usage(error) from error
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> S3dError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path.strip() if context else "s3d"
    name = getattr(error, "command_name", "")
    message = " ".join((error.message if name else error.format_message()).split()).rstrip(".")
    remedy = f"{command} --help"
    if name and context is not None and (meant := meant_commands(name, context)):
        remedy = f"did you mean {' or '.join(f'{command} {each}' for each in meant)}? {remedy}"
    if getattr(error, "option_name", "") in AWS_OPTIONS:
        remedy = f"leave it out: the agent has endpoint, region and credentials; {remedy}"
    return UsageError(message[:1].lower() + message[1:], remedy=remedy)


def meant_commands(name: str, context: click.Context) -> list[str]:
    """The commands of a group that somebody who typed name can have meant."""
    from difflib import get_close_matches  # slow to import

    if not isinstance(context.command, click.Group):
        return []
    names = context.command.list_commands(context)
    if FAMILIAR.get(name) in names:
        return [FAMILIAR[name]]
    return get_close_matches(name, names, n=2)
