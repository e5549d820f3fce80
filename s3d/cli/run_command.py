"""s3d run: start the agent, with a flag for each setting."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import Any, TypeVar

import click

from s3d.cli.detach import run_detached
from s3d.cli.session import Session, pass_session
from s3d.shared import credentials, logs
from s3d.shared.config.rules import ENV, FLAG, Setting, settings_of
from s3d.shared.config.schema import Config
from s3d.shared.control import AgentStatus
from s3d.shared.errors import UsageError
from s3d.shared.masking import hide

F = TypeVar("F", bound=Callable[..., Any])

READY = """\
s3d {version} serves S3 on {endpoint}
{store}

{next}:
{socket}  eval "$(s3d env)"
  aws s3 mb s3://demo
"""


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
        return run_agent(session, sys.stdin.fileno() if stop_at_eof else None)
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
    return run_detached(lambda ready: run_agent(session, None, ready), places.crash_log_file)


def run_agent(
    session: Session, stdin: int | None, detached: Callable[[], None] | None = None
) -> int:
    """Run the agent in this process until it ends. Returns its exit code.

    detached: called when the agent is ready; from then on, nobody reads its output.
    """
    # What the start makes stays, so looking for garbage would only take time. settle_memory()
    # begins to.
    gc.disable()
    umask = os.umask(0o077)
    config, places = session.load()
    key = credentials.load_or_create(places, config)
    hide(key.secret.reveal())
    least = logs.EVERYTHING if detached is None else logs.WARNINGS
    logs.set_up(config.log_level, sys.stderr, form=config.log_format, least=least)
    from s3d.agent.app.agent import run

    os.umask(umask)  # downloads and sync folders create files with the umask of the user

    def announce(status: AgentStatus) -> None:
        nonlocal detached
        home = other_home(session.flags)
        if status.socket != str(places.socket):
            home["S3D_SOCKET"] = status.socket
        if detached is None:
            _announce(home, status)
        else:
            _announce(home, status, "To use it")
            logs.end_stream()
            detached()
            detached = None  # a further session is announced, too

    return run(config, places, announce, stdin)


def _text(value: str | bool | tuple[str, ...]) -> str:
    """The value of an option as the environment would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)


def other_home(flags: Mapping[str, str]) -> dict[str, str]:
    """The variables with which other commands find an agent that has these flags."""
    names = {"local_dir": "S3D_LOCAL_DIR", "socket": "S3D_SOCKET"}
    paths = {names[flag]: flags[flag] for flag in names if flag in flags}
    return {name: os.path.abspath(os.path.expanduser(path)) for name, path in paths.items()}


def _announce(
    home: Mapping[str, str], status: AgentStatus, next: str = "In another terminal"
) -> None:
    """Print that the agent is ready. home: the variables with which other commands find it.
    next: the line before the commands that come next."""
    lead = "".join(f"  export {name}={quote(value)}\n" for name, value in home.items())
    ready = READY.format(
        version=status.version,
        endpoint=status.endpoint,
        store="\n".join(_store(status)),
        next=next,
        socket=lead,
    )
    click.echo(ready)
    for warning in status.warnings:
        click.echo(f"warning: {warning}", err=True)


def _store(status: AgentStatus) -> Iterator[str]:
    """The lines that say where objects are stored."""
    if status.store is not None:
        yield f"store: {status.store.shown_path}" + (" (temporary)" if status.ephemeral else "")
    if status.remote is not None:
        yield f"remote: {status.remote.url}"
    if status.queue is not None:
        yield f"write queue: {status.queue.path}"
    if status.admin is not None:
        yield f"metrics: {status.admin.metrics}"
