"""s3d doctor: check what s3d needs, and say what to do about what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click

from s3d.cli.doctor.agent_checks import check_agent, check_status
from s3d.cli.doctor.folder_checks import check_endpoint, check_folders, check_secrets
from s3d.cli.doctor.machine_checks import (
    check_files,
    check_mounts,
    check_proxy,
    check_service,
    check_watches,
)
from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.findings import Finding, Level, fail, ok
from s3d.shared.mount_table import mounts_of_s3d
from s3d.shared.text import safe

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command("doctor")
@click.option("--bundle", type=click.Path(path_type=Path), metavar="FILE",
              help="Write findings, settings, status and log, without secrets.")  # fmt: skip
@json_option
@socket_option
@pass_session
def doctor_command(session: Session, /, *, bundle: Path | None, as_json: bool) -> int:
    """Check everything that s3d needs, with or without a running agent.

    This includes the settings, folders and their permissions, room on the disk, limits of the
    system, proxies, the port, the service, mounts, and the remote with its credentials and clock.
    Each problem is shown with what to do about it. The exit code is 1 if something does not work.

    \b
    Examples:
      s3d doctor
      s3d doctor --bundle report.tar.gz
    """
    if bundle is not None and bundle.exists():
        raise UsageError(f"{bundle} exists already", "", "give another name, or remove it")
    findings = []
    for finding in _findings(session):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        json_line(findings)
    if bundle is not None:
        from s3d.cli.doctor.bundle import write_bundle

        write_bundle(bundle, session, findings)
        report(f"wrote {bundle}; look at it before you send it")
    return 1 if any(each.level is Level.FAIL for each in findings) else 0


def _findings(session: Session) -> Iterator[Finding]:
    try:
        config, places = session.load()
    except S3dError as error:
        yield fail("settings", error.detail or error.title, error.remedy)
        yield check_files()
        return
    absent = "" if places.config_file.exists() else " (does not exist; it is optional)"
    yield ok("settings", f"{places.config_file}{absent} and the environment")
    yield from check_folders(places, has_remote=bool(config.remote))
    yield from check_secrets(places)
    yield check_files()
    yield from check_watches(has_folders=bool(config.sync_folders))
    yield check_proxy(os.environ, urlsplit(config.endpoint).hostname or "localhost")
    served, finding = check_agent(session.client(), places)
    yield finding
    yield check_endpoint(config, served=served)
    if served and finding.level is not Level.FAIL:
        yield from _status(session, config)
    yield from check_service(os.environ)
    yield from check_mounts(_mount_folders(config), mounts_of_s3d())
    if config.remote:
        from s3d.agent.app.remote_diagnosis import diagnose_remote

        yield from diagnose_remote(config)


def _status(session: Session, config: Config) -> Iterator[Finding]:
    try:
        status = session.client().status()
    except S3dError as error:
        yield fail("agent", str(error), error.remedy or "s3d logs")
    else:
        yield from check_status(status, config)


def _mount_folders(config: Config) -> list[Path]:
    return [mount.dir for mount in config.mounts if mount.dir is not None]


def _show(finding: Finding) -> None:
    level = click.style(f"{finding.level:4}", fg=_COLOURS[finding.level])
    click.echo(f"{level}  {finding.check:11}  {safe(finding.text)}")
    if finding.remedy:
        click.echo(f"{'':6}{'':11}  -> {safe(finding.remedy)}")
