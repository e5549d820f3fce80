"""s3d migrate: the embedded store's buckets, carried over to the remote that was set later."""

from __future__ import annotations

import sys

import click

from s3d.cli.client.remote_client import MigrationClient
from s3d.cli.output import StatusLine, complain, confirmed, json_line, report
from s3d.cli.pending import amount
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import S3dError
from s3d.shared.transfers import MigrationStatus

RUNNING, DONE = "running", "done"
LOOK, PATIENCE = 0.5, 20.0
"""Seconds between two looks: while a person watches, and otherwise."""


@click.command("migrate")
@target_argument(Names.BUCKET, many=True, required=False)
@click.option("--delete-source", is_flag=True, help="Then delete here what the remote has.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before that.")
@json_option
@socket_option
@pass_session
def migrate_command(
    session: Session, /, targets: tuple[Target, ...], *, delete_source: bool, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Copy buckets of the embedded store (all, if none is named) to the remote, and verify them.

    Can be broken off and begun again: it goes on. Overwrites nothing at the remote, and leaves the
    embedded store as it is unless told otherwise.

    \b
    Examples:
      s3d migrate
      s3d migrate photos --delete-source
    """
    client = session.migration()
    buckets = [target.bucket for target in targets]
    status = _run(client, buckets, delete_source=False, verb="copied")
    if as_json:
        json_line(status)
    _conclude(status, as_json=as_json)
    if not delete_source:
        return
    here = amount(status.total)
    if yes or confirmed(f"Delete {here} from the embedded store? The remote has them all."):
        status = _run(client, buckets, delete_source=True, verb="deleted")
        if as_json:
            json_line(status)
        _conclude(status, as_json=as_json)


def _run(
    client: MigrationClient, buckets: list[str], *, delete_source: bool, verb: str
) -> MigrationStatus:
    """Start it and watch it to its end; Ctrl-C breaks it off."""
    pace = LOOK if sys.stderr.isatty() else PATIENCE
    status = client.start(buckets, delete_source=delete_source)
    line = StatusLine()
    try:
        while status.state == RUNNING:
            status = client.wait(pace)
            line.show(_progress(status, verb))
    except KeyboardInterrupt:
        client.cancel()
        raise
    finally:
        line.close()
    return status


def _progress(status: MigrationStatus, verb: str) -> str:
    done = status.copied.files + status.there.files + status.deleted.files + status.failed
    return f"{done:,} of {amount(status.total)} {verb}"


def _conclude(status: MigrationStatus, *, as_json: bool) -> None:
    """Say how it ended. Raises S3dError when it did not end well."""
    for failure in status.failures:
        place = f"{failure.bucket}/{failure.key}" if failure.key else failure.bucket or "migration"
        complain(S3dError(place, f"{failure.code}: {failure.message}"))
    for note in status.notes if not as_json else ():
        report(f"note: {note}")
    if status.state != DONE:
        hint = "s3d migrate goes on where it stopped; nothing was deleted here"
        raise S3dError(f"migration {status.state}", f"{status.failed:,} not carried over", hint)
    if as_json:
        return
    if status.deleted.files:
        report(f"deleted {amount(status.deleted)} from the embedded store")
    else:
        report(f"copied {amount(status.copied)}; {amount(status.there)} were there already")
