"""s3d config: show, check and change the configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from s3d.cli.output import complain, confirmed, fields, json_line, report
from s3d.cli.session import Session, json_option, pass_session
from s3d.shared.config.rules import FILE, settings_of
from s3d.shared.config.schema import Config, json_value
from s3d.shared.errors import S3dError
from s3d.shared.socket_path import config_file
from s3d.shared.text import count

DEFAULT = "default"


class Shown(msgspec.Struct, frozen=True):
    """One setting in config show --json. value is null when the setting is unset."""

    setting: str
    value: Any
    origin: str
    env: str


@click.group("config")
def config_command() -> None:
    """Show, check and change the configuration.

    \b
    Examples:
      s3d config show --origin
      s3d config edit
    """


@config_command.command("init", short_help="Write a configuration file with every setting.")
@pass_session
def init_command(session: Session, /) -> None:
    """Write a configuration file that explains every setting, and changes none.

    \b
    Example:
      s3d config init
    """
    from s3d.cli.config_edit import init

    path = config_file(os.environ, session.flags)
    init(path)
    report(f"wrote {path}; change it with: s3d config edit")


@config_command.command("edit")
@pass_session
def edit_command(session: Session, /) -> None:
    """Edit the configuration file with $VISUAL or $EDITOR. Only a valid file replaces the old one.

    \b
    Example:
      EDITOR=nano s3d config edit
    """
    from s3d.cli.config_edit import edit
    from s3d.shared.config.load import load_config

    def check(file: Path) -> None:
        load_config(file, os.environ, session.flags)

    def again(error: S3dError) -> bool:
        complain(error)
        return sys.stdin.isatty() and confirmed("edit it again?")

    path = config_file(os.environ, session.flags)
    if edit(path, os.environ, check, again):
        report(f"changed {path}; a running agent uses it after: s3d restart")
    else:
        report("nothing changed")


@config_command.command("show")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@json_option
@pass_session
def show_command(session: Session, /, *, origin: bool, as_json: bool) -> None:
    """Print the value of every setting. Secrets are masked.

    \b
    Example:
      s3d config show --origin
    """
    config, _ = session.load()
    shown = [
        Shown(name, json_value(config, name), config.origin.get(name, DEFAULT), setting.env)
        for name, setting in settings_of(Config).items()
    ]
    if as_json:
        json_line(shown)
        return
    width = max(len(_line(item)) for item in shown)
    for item in shown:
        click.echo(f"{_line(item):{width}}  # {item.origin}" if origin else _line(item))


@config_command.command("check")
@json_option
@pass_session
def check_command(session: Session, /, *, as_json: bool) -> None:
    """Check the whole configuration.

    check prints every problem, and exits with 2 if there is one.

    \b
    Example:
      s3d config check && s3d run
    """
    config, _ = session.load()
    path = config_file(os.environ, session.flags)
    if as_json:
        json_line(
            {"ok": True, "file": str(path), "exists": path.exists(), "set": len(config.origin)}
        )
        return
    note = "" if path.exists() else " (does not exist; it is optional)"
    fields(
        [
            ("file", f"{path}{note}"),
            ("result", f"valid; {count(len(config.origin), 'setting')} not at the default"),
        ]
    )


@config_command.command("path")
@pass_session
def path_command(session: Session, /) -> None:
    """Print the path of the configuration file.

    \b
    Example:
      $EDITOR "$(s3d config path)"
    """
    click.echo(str(config_file(os.environ, session.flags)))


def _line(item: Shown) -> str:
    """The setting as a line of the configuration file. It is a comment when it is unset, secret, or
    cannot be set there."""
    if item.value is None:
        return f"# {item.setting} ="
    rule = settings_of(Config)[item.setting].rule
    comment = "" if FILE in rule.sources and not rule.secret else "# "
    return f"{comment}{item.setting} = {msgspec.json.encode(item.value).decode()}"
