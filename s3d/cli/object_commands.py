"""s3d ls, versions and restore: objects and their versions, page by page."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import NotFoundError
from s3d.shared.text import moment, safe, size

DELIMITER = "/"
_DATE_WIDTH = len("2026-01-31 12:34:56")


class Prefix(msgspec.Struct, frozen=True):
    """A row of ls --json for all keys with this prefix."""

    bucket: str
    prefix: str


@click.command("ls")
@target_argument(Names.PREFIX, required=False)
@click.option("-r", "--recursive", is_flag=True, help="List the keys of all levels.")
@click.option("-l", "--long", is_flag=True, help="Show sizes in bytes, and ETags.")
@json_option
@socket_option
@pass_session
def ls_command(
    session: Session, /, target: Target | None, *, recursive: bool, long: bool, as_json: bool
) -> None:
    """List buckets, or the objects of one level of a bucket.

    --json prints one object per line, with the keys unchanged. Otherwise control characters in keys
    are made visible.

    \b
    Examples:
      s3d ls
      s3d ls photos/2026/
      s3d ls -r photos --json
    """
    client = session.objects()
    if target is None:
        _list_buckets(client, as_json=as_json)
        return
    is_empty = True
    for item in _items(client, target, "" if recursive else DELIMITER):
        is_empty = False
        if as_json:
            json_line(item)
        else:
            click.echo(_row(item, long=long))
    if is_empty and target.key:
        raise NotFoundError("no such prefix", f"no key of {target.bucket} begins with {target.key}")


def _list_buckets(client: ObjectClient, *, as_json: bool) -> None:
    for bucket in client.buckets():
        if as_json:
            json_line(bucket)
        else:
            click.echo(f"{moment(bucket.created)}  {safe(bucket.name)}/")


def _items(client: ObjectClient, target: Target, delimiter: str) -> Iterator[ObjectInfo | Prefix]:
    """Objects and prefixes, in the order of their names."""
    for page in client.pages(target.bucket, target.key, delimiter=delimiter):
        rows: list[tuple[str, ObjectInfo | Prefix]] = [(item.key, item) for item in page.objects]
        rows += [(prefix, Prefix(target.bucket, prefix)) for prefix in page.prefixes]
        rows.sort(key=lambda row: row[0].encode())
        for _, item in rows:
            yield item


def _row(item: ObjectInfo | Prefix, *, long: bool) -> str:
    if isinstance(item, Prefix):
        middle = f"{'-':>13}  {'':34}" if long else f"{'-':>9}"
        return f"{'':{_DATE_WIDTH}}  {middle}  {safe(item.prefix)}"
    middle = f"{item.size:>13}  {item.etag:34}" if long else f"{size(item.size):>9}"
    return f"{moment(item.last_modified)}  {middle}  {safe(item.key)}"


@click.command("versions")
@target_argument(Names.OBJECT)
@json_option
@socket_option
@pass_session
def versions_command(session: Session, /, target: Target, *, as_json: bool) -> None:
    """List the versions and delete markers of an object, the newest first.

    \b
    Example:
      s3d versions photos/cat.jpg
    """
    versions = session.objects().versions_of(*target)
    if not versions:
        raise NotFoundError("no such object", f"{target} has no version")
    for info in versions:
        if as_json:
            json_line(info)
            continue
        what = size(info.size) if info.etag else "deleted"
        now = "  now" if info.is_latest else ""
        click.echo(f"{moment(info.last_modified)}  {what:>9}  {safe(info.version_id or '-')}{now}")


@click.command("restore")
@target_argument(Names.OBJECT)
@click.argument("version")
@json_option
@socket_option
@pass_session
def restore_command(session: Session, /, target: Target, version: str, *, as_json: bool) -> None:
    """Make an older VERSION of an object the current one. All versions are kept.

    \b
    Example:
      s3d restore photos/cat.jpg 3sL4kqtJlcpXroDTDmJ
    """
    info = session.objects().restore(*target, version)
    if as_json:
        json_line(info)
    else:
        report(f"restored {target}, {size(info.size)}")
