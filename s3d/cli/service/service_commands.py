"""s3d service: the agent as a service of the user, started at login."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from shutil import which
from urllib.parse import urlsplit

import click

from s3d.cli.output import fields, json_line, report
from s3d.cli.service.service_manager import (
    PLACES,
    Definition,
    Listening,
    ServiceManager,
    ServiceStatus,
    agent_command,
)
from s3d.cli.session import Session, json_option, pass_session
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

LINGER = "loginctl enable-linger"
_REMOTE_VARIABLE = re.compile(r"AWS_(?!ENDPOINT_URL)|(HTTPS?|ALL|NO)_PROXY$", re.IGNORECASE)
"""Variables that decide with which credentials and over which way the agent reaches the remote."""


@click.group("service", invoke_without_command=True)
@json_option
@click.pass_context
def service_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Run the agent as a service: it starts at login, and again after a failure.

    \b
    Examples:
      s3d service install
      s3d service status
      s3d service uninstall
    """
    if ctx.invoked_subcommand is None:
        _show(service_manager(os.environ).status(), as_json=as_json)


@service_command.command("install")
@click.option("--now/--no-now", default=True, help="Start it now, too.  [default: --now]")
@click.option("--socket", "listens", is_flag=True,
              help="Let systemd listen: restarts of the agent refuse no connection.")  # fmt: skip
@pass_session
def install_command(session: Session, /, *, now: bool, listens: bool) -> None:
    """Let the agent start at login. Install again after you have moved s3d or its folders.

    The service reads the configuration file. It does not see what is set in this terminal, except
    for the folders of s3d.
    """
    config, places = session.load()
    manager = service_manager(os.environ)
    file = manager.install(_definition(config, places, listens=listens))
    _warn_of_variables(os.environ, places, has_remote=bool(config.remote))
    report(f"installed {file}")
    if now:
        _start(session, manager)
    if manager.status().lingers is False:
        report(f"it runs while you are logged in; on a machine without logins: {LINGER}")


@service_command.command("uninstall")
@pass_session
def uninstall_command(session: Session, /) -> None:
    """Stop the service and remove it. Objects, pending writes and settings stay."""
    file = service_manager(os.environ).uninstall()
    report("it is not installed" if file is None else f"removed {file}")


@service_command.command("status", short_help="Show whether it is installed and runs.")
@json_option
@pass_session
def status_command(session: Session, /, *, as_json: bool) -> None:
    """Show whether the service is installed, starts at login, and runs."""
    _show(service_manager(os.environ).status(), as_json=as_json)


def service_manager(env: Mapping[str, str]) -> ServiceManager:
    """That of this system. Raises S3dError where there is none that s3d knows."""
    if sys.platform == "darwin":
        from s3d.cli.service.launchd import Launchd

        return Launchd(env)
    if which("systemctl", path=env.get("PATH")) is None:
        raise S3dError(
            "there is no service manager that s3d knows",
            "systemctl is not on the PATH",
            "let your service manager run: s3d run",
        )
    from s3d.cli.service.systemd import Systemd

    return Systemd(env)


def _start(session: Session, manager: ServiceManager) -> None:
    """Start or restart the service, unless another agent holds the lock of these folders."""
    if manager.status().pid:
        manager.restart()
    elif (pid := session.agent_pid()) is not None:
        report(
            f"not started: an agent runs already, as process {pid}; to let the service take over:"
            " s3d restart"
        )
        return
    else:
        manager.start()
    report("started; see also: s3d service status")


def _definition(config: Config, places: Places, *, listens: bool) -> Definition:
    listening = None
    if listens:
        address = urlsplit(config.endpoint)
        if not address.port:
            raise UsageError(
                "systemd needs a port to listen on",
                f"the endpoint is {config.endpoint}",
                "set endpoint in the configuration file, or leave --socket out",
            )
        listening = Listening(address.netloc, places.socket)
    return Definition(
        command=tuple(agent_command()),
        env={name: os.environ[name] for name in PLACES if os.environ.get(name)},
        log=places.state_dir / "service.log",
        listening=listening,
        mounts=bool(config.mounts),
    )


def _warn_of_variables(env: Mapping[str, str], places: Places, *, has_remote: bool) -> None:
    """Name the variables of this terminal that the service will not have."""
    if settings := sorted(n for n in env if n.startswith("S3D_") and n not in PLACES):
        click.echo(
            f"warning: the service does not see {', '.join(settings)} of this terminal; set them in"
            f" {places.config_file}",
            err=True,
        )
    if others := sorted(n for n in env if _REMOTE_VARIABLE.match(n)) if has_remote else []:
        click.echo(
            f"warning: the service does not see {', '.join(others)} of this terminal; have them in"
            " ~/.aws, in remote_profile of the configuration file, or in the environment of the"
            " service manager",
            err=True,
        )


def _show(status: ServiceStatus, *, as_json: bool) -> None:
    if as_json:
        json_line(status)
        return
    rows = [
        ("manager", status.manager),
        ("file", status.file if status.installed else f"{status.file} (not installed)"),
        ("at login", "starts" if status.enabled else "does not start"),
        ("state", status.state or "unknown: the service manager does not answer"),
    ]
    if status.pid:
        rows.append(("process", str(status.pid)))
    if status.lingers is not None:
        rows.append(("logged out", "runs" if status.lingers else f"stops; to change it: {LINGER}"))
    fields(rows)
