"""s3d start, stop and restart: the agent in the background, or as the service that is installed."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

import click

from s3d.cli.output import StatusLine, report
from s3d.cli.run_command import run_in_background, setting_flags, take_flags
from s3d.cli.session import Session, pass_session, socket_option
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.text import age, parse_age

if TYPE_CHECKING:
    from s3d.cli.service.service_manager import ServiceManager

POLL = 0.05
"""Seconds between two looks for the end of a process, where the system cannot report it."""


@click.command("start")
@setting_flags
@pass_session
def start_command(session: Session, /, **options: Any) -> int:
    """Start the agent in the background, as s3d run --detach does.

    If a service is installed (s3d service install), start it, and take no options. If the agent
    runs already, do nothing.

    \b
    Examples:
      s3d start
      s3d start --bucket photos,backup
    """
    take_flags(session, options)
    if (pid := session.agent_pid()) is not None:
        report(f"the agent is running already, as process {pid}")
        return 0
    service = _service(options)
    if service is None:
        return run_in_background(session)
    service.start()
    report("started the service: s3d service status")
    return 0


@click.command("stop")
@click.option("--timeout", metavar="AGE", help="Give up after this time, such as 90s.")
@socket_option
@pass_session
def stop_command(session: Session, /, *, timeout: str | None) -> None:
    """Stop the agent, and wait for its end. Pending writes stay on the disk.

    The agent first finishes what it is doing, and pushes pending writes for as long as
    S3D_FLUSH_TIMEOUT says.

    \b
    Example:
      s3d stop && s3d start
    """
    if not stop_agent(session, None if timeout is None else _seconds(timeout)):
        report("the agent is not running")


@click.command("restart")
@setting_flags
@pass_session
def restart_command(session: Session, /, **options: Any) -> int:
    """Stop the agent, and start it in the background with the settings of now.

    If a service is installed, restart it. It takes over from an agent that runs beside it.

    \b
    Example:
      s3d config check && s3d restart
    """
    take_flags(session, options)
    session.load()  # a mistake in the settings must not end the agent that runs
    service = _service(options)
    if service is not None:
        status, pid = service.status(), session.agent_pid()
        if status.state and pid is not None and status.pid != pid:
            stop_agent(session, None)
        service.restart()
        report("restarted the service: s3d service status")
        return 0
    stop_agent(session, None)
    return run_in_background(session)


def stop_agent(session: Session, timeout: float | None) -> bool:
    """Stop the agent that runs, and wait for its end; False: none runs. Raises S3dError."""
    pid = session.agent_pid()
    if pid is None:
        return False
    service = _service({})
    if service is not None and service.status().pid == pid:
        service.stop()
    else:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return True
    _wait_for_end(pid, timeout)
    report(f"stopped the agent, process {pid}")
    return True


def _service(options: dict[str, Any]) -> ServiceManager | None:
    """The service manager, if the agent of this S3D_LOCAL_DIR is installed as a service. Raises
    UsageError for settings, which a service does not take."""
    from s3d.cli.service.service_commands import service_manager

    try:
        manager = service_manager(os.environ)
    except S3dError:  # no manager on this system
        return None
    local_dir = options.get("local_dir") or os.environ.get("S3D_LOCAL_DIR", "")
    if not manager.status().installed or not manager.is_for(local_dir):
        return None
    if any(value not in (None, ()) for value in options.values()):
        raise UsageError("the agent is a service, which takes no options",
                         "set them in the configuration file", "s3d config edit")  # fmt: skip
    return manager


def _wait_for_end(pid: int, timeout: float | None) -> None:
    """Wait until a process has ended. Raises S3dError after the timeout."""
    line, begin = StatusLine(), time.monotonic()
    try:
        while not _has_ended(pid, 1.0):
            passed = time.monotonic() - begin
            if timeout is not None and passed >= timeout:
                raise S3dError(
                    f"the agent, process {pid}, is still stopping",
                    f"after {age(passed)}",
                    "s3d status shows what is pending",
                )
            line.show(f"the agent is stopping, for {age(passed)}")
    finally:
        line.close()


def _has_ended(pid: int, seconds: float) -> bool:
    """Wait for the end of a process for some seconds."""
    if hasattr(os, "pidfd_open"):
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([process], [], [], seconds)[0])
        finally:
            os.close(process)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        select.select([], [], [], POLL)
    return False


def _seconds(text: str) -> float:
    try:
        return parse_age(text)
    except ValueError as error:
        raise UsageError("bad usage", f"--timeout {text!r}: {error}") from error
