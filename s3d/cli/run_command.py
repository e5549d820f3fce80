"""s3d run: start the agent, with a flag for each setting."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from s3d.cli.detach import run_detached
from s3d.cli.run_agent import run_agent
from s3d.cli.session import Session, pass_session
from s3d.shared.config.rules import ENV, FLAG, Setting, settings_of
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def setting_flags(command: F) -> F:
    """Add an option for each setting that may have one."""
    for setting in reversed([*settings_of(Config).values()]):
        if FLAG in setting.rule.sources:
            command = _flag(setting)(command)
    return command


def _flag(setting: Setting) -> Callable[[F], F]:
    notes = [f"env: {setting.env}"] if ENV in setting.rule.sources else []
    default = setting.default if isinstance(setting.default, str) else ""
    notes += [f"default: {default}"] if default else []
    names = (setting.flag, setting.name.replace(".", "__"))
    text = f"{setting.rule.help}." + (f"  [{'; '.join(notes)}]" if notes else "")
    if setting.type is bool:
        flag = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.default else setting.flag
        return click.option(flag, names[1], is_flag=True, default=None, help=text)
    kind = setting.name.rpartition(".")[2].upper().removesuffix("S" if setting.rule.many else "")
    return click.option(*names, multiple=setting.rule.many, metavar=kind, help=text)


@click.command("run")
@setting_flags
@click.option("--detach", is_flag=True, help="Return once the agent is ready; it goes on.")
@click.option("--stop-at-eof", is_flag=True, help="Stop, too, when standard input, a pipe, ends.")
@pass_session
def run_command(session: Session, /, *, detach: bool, stop_at_eof: bool, **options: Any) -> int:
    """Serve S3 on localhost until Ctrl-C or SIGTERM.

    When the agent is ready, it prints how to use it. It writes its log to stderr. You can also set
    every setting in the environment or in the configuration file. A program that starts an agent
    for itself passes --stop-at-eof and a pipe: then the agent ends with it, however that ends.

    With --detach, the agent goes on in the background, also after the terminal is closed: s3d logs
    prints its log, and s3d stop ends it.

    \b
    Examples:
      s3d run
      s3d run --detach
      s3d run --bucket photos,backup --ephemeral
      s3d run --endpoint http://127.0.0.1:0
    """
    take_flags(session, options)
    if not detach:
        return run_agent(session.flags, sys.stdin.fileno() if stop_at_eof else None)
    if stop_at_eof:
        raise UsageError("bad usage", "--detach and --stop-at-eof exclude each other")
    return run_in_background(session)


def take_flags(session: Session, options: Mapping[str, Any]) -> None:
    """Use the values of setting_flags as settings."""
    session.flags |= {
        name.replace("__", "."): _text(value)
        for name, value in options.items()
        if value not in (None, ())
    }


def run_in_background(session: Session) -> int:
    """Start an agent that outlives this process. Returns once it is ready."""
    _, places = session.load()
    places.crash_log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return run_detached(lambda ready: run_agent(session.flags, None, ready), places.crash_log_file)


def _text(value: str | bool | tuple[str, ...]) -> str:
    """The value of an option as the environment would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)
