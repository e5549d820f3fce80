"""s3d ls, versions and restore: objects and their versions, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click
import msgspec

from s3d.cli.aws_options import aws_options
from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import for_each, json_line, note_empty, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.cli.target_objects import Conditions, TargetObjects, glob_of, selected
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import NotFoundError
from s3d.shared.object_patterns import KeyGlob, has_wildcards
from s3d.shared.text import count, moment, safe, size

DELIMITER = "/"
NO_BUCKETS = "no buckets; s3d mb BUCKET makes one"
_DATE_WIDTH = len("2026-01-31 12:34:56")


class Prefix(msgspec.Struct, frozen=True):
    """A row of ls --json for all keys with this prefix."""

    bucket: str
    prefix: str


@click.command("ls")
@target_argument(Names.PREFIX, many=True, required=False, or_all=True)
@click.option("-r", "-R", "--recursive", is_flag=True, help="List the keys of all levels.")
@click.option("-l", "--long", is_flag=True, help="Show sizes in bytes, and ETags.")
@click.option("-h", "--human-readable", is_flag=True,
              help="Show sizes with units, also with -l. The default without it.")  # fmt: skip
@click.option("-a", "--all", is_flag=True, hidden=True, expose_value=False, help="The default.")
@click.option("--versions", is_flag=True, help="List all versions and delete markers.")
@click.option("--summarize", is_flag=True, help="Show the number and size of all at the end.")
@click.option("--no-glob", is_flag=True, help="Take * and ? as they are.")
@aws_options("ls")
@json_option
@socket_option
@pass_session
def ls_command(
    session: Session, /, targets: tuple[Target, ...], *, recursive: bool, long: bool,
    human_readable: bool, versions: bool, summarize: bool, no_glob: bool, as_json: bool,
) -> int:  # fmt: skip
    """List buckets, or the objects of one level of a bucket.

    BUCKET/PREFIX lists the names that begin with PREFIX; end it with / for what is in a folder. *
    and ? stay within one level, and ** crosses levels. --json prints one object per line, with the
    keys unchanged. Otherwise control characters in keys are made visible.

    \b
    Examples:
      s3d ls
      s3d ls photos/2026/
      s3d ls -r photos --json
      s3d ls 'photos/**.jpg' --summarize
      s3d ls --versions photos/cat.jpg
    """
    client = session.objects()
    if not targets:
        _list_buckets(client, as_json=as_json)
        return 0
    objects = space = 0

    def show(target: Target) -> None:
        nonlocal objects, space
        is_empty = True
        if versions:
            rows: Iterable[ObjectInfo | Prefix] = _versions(client, target)
        else:
            rows = _rows(client, target, recursive=recursive, no_glob=no_glob)
        for item in rows:
            is_empty = False
            if isinstance(item, ObjectInfo):
                objects, space = objects + 1, space + item.size
            if as_json:
                json_line(listed_row(item, versions=versions))
            else:
                click.echo(_row(item, long=long, exact=not human_readable, versions=versions))
        if is_empty and target.key:
            verb = "matches" if has_wildcards(target.key) and not no_glob else "begins with"
            raise NotFoundError("no such prefix", f"no key of {target.bucket} {verb} {target.key}")

    code = for_each(targets, show)
    if summarize and not as_json:
        click.echo(f"{count(objects, 'version' if versions else 'object')}, {size(space)}")
    return code


def _list_buckets(client: ObjectClient, *, as_json: bool) -> None:
    buckets = client.buckets()
    note_empty(buckets, NO_BUCKETS, as_json=as_json)
    for bucket in buckets:
        if as_json:
            json_line({"name": bucket.name, "created": bucket.created})
        else:
            click.echo(f"{moment(bucket.created)}  {safe(bucket.name)}/")


def _rows(
    client: ObjectClient, target: Target, *, recursive: bool, no_glob: bool
) -> Iterator[ObjectInfo | Prefix]:
    glob = glob_of(client, target, no_glob=no_glob)
    if glob is None:
        return _items(client, target, "" if recursive else DELIMITER)
    everything = TargetObjects(
        target.bucket, glob.prefix, glob.base, lambda key: glob.matches(key, below=True)
    )
    rows = selected(client, everything, Conditions())
    return rows if recursive else _by_match(target.bucket, glob, rows)


def _by_match(
    bucket: str, glob: KeyGlob, rows: Iterable[ObjectInfo]
) -> Iterator[ObjectInfo | Prefix]:
    """The objects that match, and one row for each folder that does."""
    last = ""
    for item in rows:
        name = glob.matched(item.key)
        if name == item.key:
            yield item
        elif name != last:
            last = name
            yield Prefix(bucket, f"{name}/")


def listed_row(item: ObjectInfo | Prefix, *, versions: bool = False) -> Any:
    """A row of a listing for --json: only what a listing says."""
    if isinstance(item, Prefix):
        return item
    names = ("bucket", "key", "size", "etag", "last_modified", "storage_class")
    row = {name: getattr(item, name) for name in names}
    if versions:
        row |= {
            "version_id": item.version_id,
            "is_latest": item.is_latest,
            "is_delete_marker": not item.etag,
        }
    return row


def _versions(client: ObjectClient, target: Target) -> Iterator[ObjectInfo]:
    for page in client.version_pages(target.bucket, target.key):
        yield from page.objects


def _items(client: ObjectClient, target: Target, delimiter: str) -> Iterator[ObjectInfo | Prefix]:
    """Objects and prefixes, in the order of their names."""
    for page in client.pages(target.bucket, target.key, delimiter=delimiter):
        rows: list[tuple[str, ObjectInfo | Prefix]] = [(item.key, item) for item in page.objects]
        rows += [(prefix, Prefix(target.bucket, prefix)) for prefix in page.prefixes]
        rows.sort(key=lambda row: row[0].encode())
        for _, item in rows:
            yield item


def _row(item: ObjectInfo | Prefix, *, long: bool, exact: bool, versions: bool) -> str:
    if versions and isinstance(item, ObjectInfo):
        return _version_row(item, name=True)
    if isinstance(item, Prefix):
        middle = f"{'-':>13}  {'':34}" if long else f"{'-':>9}"
        return f"{'':{_DATE_WIDTH}}  {middle}  {safe(item.prefix)}"
    amount = str(item.size) if long and exact else size(item.size)
    middle = f"{amount:>13}  {item.etag:34}" if long else f"{amount:>9}"
    return f"{moment(item.last_modified)}  {middle}  {safe(item.key)}"


def _version_row(info: ObjectInfo, *, name: bool = False) -> str:
    what = size(info.size) if info.etag else "deleted"
    key = f"  {safe(info.key)}" if name else ""
    now = "  now" if info.is_latest else ""
    version = safe(info.version_id or "-")
    return f"{moment(info.last_modified)}  {what:>9}  {version}{key}{now}"


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
            json_line(listed_row(info, versions=True))
        else:
            click.echo(_version_row(info))


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
