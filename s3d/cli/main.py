"""The command `s3d`: its sub-commands by name, loaded when called; every error as lines and a code.

Imports as little as it can: `s3d --help` reads no module of a sub-command.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType, TracebackType
from typing import NoReturn

import click

from s3d import __version__
from s3d.cli.output import complain
from s3d.cli.session import Session, socket_option
from s3d.shared.errors import DeniedError, FullError, NotFoundError, S3dError, UsageError
from s3d.shared.text import printable_path

INTERRUPTED = 130
FAILED = 1

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run", "Serve S3 on localhost"),
    "status": ("status", "Show the agent, a bucket or an object"),
    "ls": ("objects", "List buckets or objects"),
    "get": ("transfer", "Read an object to stdout or a file"),
    "put": ("transfer", "Store a file or stdin as an object"),
    "cp": ("copy", "Copy files and objects, one or many"),
    "mv": ("copy", "Move or rename objects"),
    "transfers": ("transfers", "Show and steer what moves in the background"),
    "set": ("tags", "Add and remove tags of an object or a bucket"),
    "rm": ("objects", "Delete objects"),
    "versions": ("objects", "List the versions of an object"),
    "restore": ("objects", "Make an older version the newest"),
    "mb": ("buckets", "Make buckets"),
    "rb": ("buckets", "Remove buckets"),
    "presign": ("access", "Make a URL that works without credentials for a while"),
    "queue": ("queue.commands", "Show and steer the writes that wait for the remote"),
    "drain": ("queue.push_commands", "Wait until the remote has all that was written"),
    "bandwidth": ("queue.push_commands", "Show or limit how fast the queue pushes"),
    "cache": ("cache", "Show and steer the read cache"),
    "pin": ("cache", "Keep objects always in the read cache"),
    "unpin": ("cache", "Let pinned objects go when room is needed"),
    "prefetch": ("cache", "Bring objects into the read cache ahead of their use"),
    "tui": ("tui", "Watch and steer the agent in the terminal"),
    "logs": ("diagnostics", "Show what the agent says"),
    "sync": ("sync.commands", "Keep local folders the same as objects below a prefix"),
    "filter": ("filter", "Explain a filter, and try it on objects"),
    "check": ("diagnostics", "See whether all on the disk is as it was written"),
    "migrate": ("migrate", "Carry the embedded store over to the remote"),
    "env": ("access", "Print what points S3 programs at the agent"),
    "config": ("config", "Show and check the configuration"),
    "completion": ("access", "Print the completion script of a shell"),
}
"""Name -> (module of s3d.cli, help in a line); the command in it is called NAME_command."""

OS_ERRORS: dict[int, type[S3dError]] = {
    errno.ENOENT: NotFoundError,
    errno.EACCES: DeniedError,
    errno.EPERM: DeniedError,
    errno.EROFS: DeniedError,
    errno.ENOSPC: FullError,
    errno.EDQUOT: FullError,
}


class LazyGroup(click.Group):
    """A group that imports a sub-command's module only to run it or to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"s3d.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: s3d run. A BUCKET/KEY may be written s3://BUCKET/KEY.",
)
@click.version_option(__version__, prog_name="s3d", message="%(prog)s %(version)s")
@socket_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The S3 daemon: an agent of your own that serves S3 on localhost."""
    ctx.ensure_object(Session)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> NoReturn:
    """The entry point: runs the command line and ends the process with its exit code."""
    sys.excepthook = _unexpected
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP, and so do we then
            signal.signal(number, _stop)
    _open_closed_streams()
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run a command line; print its error, if any. Returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = cli.main(list(arguments), prog_name="s3d", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _report(_usage(error))
    except UnicodeEncodeError as error:
        return _report(_not_utf8(error))
    except OSError as error:
        return _report(_of_the_system(error))
    except S3dError as error:
        return _report(error)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End as by the signal, but leave no half file behind."""
    sys.exit(128 + number)


def _open_closed_streams() -> None:
    """A stream that whoever started us has closed (>&-): output is lost, reading is an error."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(null, mode, encoding="utf-8"))


def _report(error: S3dError) -> int:
    _trace(error)
    complain(error)
    return error.exit_code


def _trace(error: BaseException) -> None:
    """Where it happened, for those who asked."""
    if os.environ.get("S3D_LOG_LEVEL", "").startswith("debug"):
        import traceback  # 6 ms of start-up

        traceback.print_exception(error)


def _reader_gone() -> int:
    """Whoever read our output has seen enough (head, a pager): say nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _usage(error: click.ClickException) -> S3dError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "s3d"
    message = " ".join(error.format_message().split()).rstrip(".")
    translated = UsageError(message[:1].lower() + message[1:], remedy=f"{command} --help")
    translated.__cause__ = error
    return translated


def _of_the_system(error: OSError) -> S3dError:
    kind = OS_ERRORS.get(error.errno or 0, S3dError)
    name = error.filename
    path = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    translated = kind(path or "the system refused", error.strerror or str(error))
    translated.__cause__ = error
    return translated


def _not_utf8(error: UnicodeEncodeError) -> S3dError:
    """Keys are UTF-8, and so is all that the agent is asked for. A name in another encoding reaches
    us with its foreign bytes as surrogates, which nothing can encode."""
    translated = UsageError(
        "bad usage",
        f"{printable_path(error.object)} is not UTF-8, and keys and paths have to be",
        "rename it, or give another name",
    )
    translated.__cause__ = error
    return translated


def _unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A bug."""
    _trace(error)
    detail = f"{kind.__name__}: {error}"
    complain(
        S3dError("internal error", detail, "S3D_LOG_LEVEL=debug shows where; please report it")
    )
