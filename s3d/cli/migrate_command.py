"""s3d migrate: copy the buckets of the embedded store to the remote."""

from __future__ import annotations

import sys

import click

from s3d.cli.client.remote_client import MigrationClient
from s3d.cli.output import StatusLine, complain, confirmed, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import S3dError
from s3d.shared.pending_summary import amount
from s3d.shared.transfers import MigrationStatus

RUNNING, DONE = "running", "done"
REFRESH, LONG_POLL = 0.5, 20.0
"""Seconds that one request waits for the end: while a person watches, and otherwise."""


@click.command("migrate")
@target_argument(Names.BUCKET, many=True, required=False)
@click.option(
    "--delete-source", is_flag=True, help="Then delete from the embedded store what the remote has."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before deleting.")
@json_option
@socket_option
@pass_session
def migrate_command(
    session: Session, /, targets: tuple[Target, ...], *, delete_source: bool, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Copy buckets of the embedded store (by default, all) to the remote, and verify them.

    An interrupted migration continues when you run the command again. It overwrites nothing at the
    remote, and leaves the embedded store unchanged unless you use --delete-source.

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
    """Start the migration and wait for its end. Ctrl-C cancels it."""
    wait = REFRESH if sys.stderr.isatty() else LONG_POLL
    status = client.start(buckets, delete_source=delete_source)
    line = StatusLine()
    try:
        while status.state == RUNNING:
            status = client.wait(wait)
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
    """Print how it has ended. Raises S3dError when something was not copied."""
    for failure in status.failures:
        place = f"{failure.bucket}/{failure.key}" if failure.key else failure.bucket or "migration"
        complain(S3dError(place, f"{failure.code}: {failure.message}"))
    for note in status.notes if not as_json else ():
        report(f"note: {note}")
    if status.state != DONE:
        hint = "run s3d migrate again to continue; nothing was deleted from the embedded store"
        raise S3dError(f"migration {status.state}", f"{status.failed:,} not copied", hint)
    if as_json:
        return
    if status.deleted.files:
        report(f"deleted {amount(status.deleted)} from the embedded store")
    else:
        report(f"copied {amount(status.copied)}; {amount(status.there)} were there already")
