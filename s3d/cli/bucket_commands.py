"""s3d mb, rb and versioning: create and delete buckets, and let them keep old versions."""

from __future__ import annotations

import click

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import for_each, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument

STATES = {"on": "Enabled", "off": "Suspended"}
"""Word of the command -> status of S3."""


@click.command("mb")
@target_argument(Names.BUCKET, many=True)
@json_option
@socket_option
@pass_session
def mb_command(session: Session, /, targets: tuple[Target, ...], *, as_json: bool) -> int:
    """Create buckets.

    \b
    Example:
      s3d mb photos
    """
    client = session.objects()

    def make(target: Target) -> None:
        client.create_bucket(target.bucket)
        _report("made", target, as_json=as_json)

    return for_each(targets, make)


@click.command("rb")
@target_argument(Names.BUCKET, many=True)
@click.option("--force", is_flag=True, help="Delete its objects and versions first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@socket_option
@pass_session
def rb_command(
    session: Session, /, targets: tuple[Target, ...], *, force: bool, yes: bool, as_json: bool
) -> int:
    """Delete buckets. --force deletes their objects and all versions first.

    \b
    Examples:
      s3d rb photos
      s3d rb photos --force
    """
    client = session.objects()

    def remove(target: Target) -> None:
        if force:
            _empty(client, target, yes=yes)
        client.delete_bucket(target.bucket)
        _report("removed", target, as_json=as_json)

    return for_each(targets, remove)


@click.command("versioning")
@target_argument(Names.BUCKET)
@click.argument("state", type=click.Choice([*STATES]), required=False)
@json_option
@socket_option
@pass_session
def versioning_command(
    session: Session, /, target: Target, state: str | None, *, as_json: bool
) -> None:
    """Show whether a bucket keeps old versions, or switch that on or off.

    off suspends versioning: S3 keeps the versions that are there.

    \b
    Examples:
      s3d versioning photos
      s3d versioning photos on
    """
    client = session.objects()
    if state is not None:
        client.set_versioning(target.bucket, STATES[state])
    status = client.bucket_status(target.bucket).versioning
    if as_json:
        json_line({"bucket": target.bucket, "versioning": status})
    else:
        report(f"versioning of {target}: {status or 'never enabled'}")


def _report(done: str, target: Target, *, as_json: bool) -> None:
    if as_json:
        json_line({"action": done, "bucket": target.bucket})
    else:
        report(f"{done} {target}")


def _empty(client: ObjectClient, target: Target, *, yes: bool) -> None:
    from s3d.cli.rm_command import Deletion, delete_selected
    from s3d.cli.target_objects import TargetObjects

    versions = client.bucket_status(target.bucket).versioning != ""
    everything = TargetObjects(target.bucket, "", "", lambda key: True)
    delete_selected(client, target, everything, Deletion(yes, versions=versions))
