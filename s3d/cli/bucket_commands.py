"""s3d mb and s3d rb: create and delete buckets."""

from __future__ import annotations

import click

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import for_each, report
from s3d.cli.session import Session, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument


@click.command("mb")
@target_argument(Names.BUCKET, many=True)
@socket_option
@pass_session
def mb_command(session: Session, /, targets: tuple[Target, ...]) -> int:
    """Create buckets.

    \b
    Example:
      s3d mb photos
    """
    client = session.objects()

    def make(target: Target) -> None:
        client.create_bucket(target.bucket)
        report(f"made {target}")

    return for_each(targets, make)


@click.command("rb")
@target_argument(Names.BUCKET, many=True)
@click.option("--force", is_flag=True, help="Delete its objects and versions first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def rb_command(session: Session, /, targets: tuple[Target, ...], *, force: bool, yes: bool) -> int:
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
        report(f"removed {target}")

    return for_each(targets, remove)


def _empty(client: ObjectClient, target: Target, *, yes: bool) -> None:
    from s3d.cli.key_selection import Selection
    from s3d.cli.rm_command import Deletion, delete_selected

    versions = client.bucket_status(target.bucket).versioning != ""
    everything = Selection(target.bucket, "", "", lambda key: True)
    delete_selected(client, target, everything, Deletion(yes, versions=versions))
