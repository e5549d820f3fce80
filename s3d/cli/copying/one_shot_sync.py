"""s3d sync SOURCE TARGET and s3d diff: make a target equal to a source once, or compare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from s3d.cli.aws_options import aws_options
from s3d.cli.copying.copy_location import (
    CopyLocation,
    as_objects,
    check_source,
    complete_location,
    parse_location,
)
from s3d.cli.copying.copy_options import (
    carry_out,
    carrying,
    failure,
    new_object,
    plan_rows,
    shared_options,
)
from s3d.cli.copying.copy_requests import COPY, DOWNLOAD, UPLOAD, folder_base
from s3d.cli.output import complain, json_line
from s3d.cli.selection_options import RuledCommand, rule_options
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target_objects import folder_prefix
from s3d.shared.errors import UsageError
from s3d.shared.object_patterns import PathRule
from s3d.shared.syncing import FolderStatus
from s3d.shared.text import count, safe, size
from s3d.shared.transfer_options import PlannedTransfer, SyncRules
from s3d.shared.transfers import TransferRequest

DIFFERENT, TROUBLE = 1, 2
FORMS = "s3d sync SOURCE TARGET, one of them s3://BUCKET/PREFIX; or s3d sync add PATH BUCKET/PREFIX"
_SIGNS = {"new": "<", "extra": ">"}
"""Reason -> the side that has it alone; ! for what is different."""


@click.command("sync", cls=RuledCommand)
@click.argument("places", metavar="SOURCE TARGET", nargs=-1, shell_complete=complete_location)
@click.option("--delete", is_flag=True, help="At the end, delete what only TARGET has.")
@click.option("--size-only", is_flag=True, help="Compare sizes only.")
@click.option("--exact-timestamps", is_flag=True,
              help="Download files whose time differs, too.")  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Delete also if it is most of TARGET.")
@shared_options
@aws_options("sync")
@pass_session
def one_shot_command(
    session: Session, /, places: tuple[str, ...], *, delete: bool, size_only: bool,
    exact_timestamps: bool, yes: bool, **values: Any,
) -> int:  # fmt: skip
    """Make TARGET equal to SOURCE once, as aws s3 sync does. Nothing is remembered.

    Only what is different is transferred: what TARGET lacks, what has another size, other contents
    (by checksum), or, where these cannot be compared, a newer time in SOURCE. --delete comes last,
    and only after everything else has succeeded. It asks for --yes when it would empty TARGET, or
    delete more than 50 objects and a quarter of them.

    \b
    Examples:
      s3d sync photos s3://backup/photos
      s3d sync s3://backup/photos photos --delete --dry-run
      s3d sync s3://photos/2026 s3://archive/2026 --exclude '*.tmp'
    """
    source, target = _two_locations(session, places)
    how = carrying(values)
    compare = "size" if size_only else "exact" if exact_timestamps else "contents"
    if delete:
        _refuse_registered(session.sync().folders(), target)
        _refuse_registered(session.sync().folders(), source)
    follow_links, rules = values.pop("follow_links"), values.pop("rules")
    request = sync_request(source, target, SyncRules(compare, delete, yes))
    request = replace(
        request,
        rules=rules,
        links="follow" if follow_links else "skip",
        new_object=new_object(values),
    )
    return carry_out(session, [request], how)[0]


@click.command("diff", cls=RuledCommand)
@click.argument("places", metavar="A B", nargs=-1, shell_complete=complete_location)
@rule_options
@click.option("--size-only", is_flag=True, help="Compare sizes only.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; only the exit code counts.")
@json_option
@socket_option
@pass_session
def diff_command(
    session: Session, /, places: tuple[str, ...], *, rules: list[PathRule], size_only: bool,
    quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Compare two folders, at least one of them in S3. Nothing is changed.

    < is only in A, > only in B, and ! is different. The exit code is 0 if both are equal, 1 if they
    are different, and 2 or more after an error.

    \b
    Examples:
      s3d diff photos s3://backup/photos
      s3d diff s3://photos/2026 s3://archive/2026 --size-only
    """
    first, second = _two_locations(session, places, "s3d diff A B, one of them s3://BUCKET/PREFIX")
    if first.bucket == second.bucket and folder_prefix(first.key) == folder_prefix(second.key):
        raise UsageError("bad usage", f"{first} and {second} are the same place")
    compare = "size" if size_only else "contents"
    request = sync_request(first, second, SyncRules(compare, delete=True, approved=True))
    code = different = 0
    for row in plan_rows(session, [replace(request, rules=rules, links="follow")]):
        if row.action == "failed":
            error = failure(row)
            complain(error)
            code = max(error.exit_code, TROUBLE)
            continue
        different += 1
        if not quiet:
            _show(row, first, second, as_json=as_json)
    if different and not quiet and not as_json:
        click.echo(count(different, "difference"))
    return code or (DIFFERENT if different else 0)


def _show(
    row: PlannedTransfer, first: CopyLocation, second: CopyLocation, *, as_json: bool
) -> None:
    if as_json:
        json_line(row)
        return
    sign = _SIGNS.get(row.reason, "!")
    name = row.source or row.target
    why = f"  ({row.reason})" if sign == "!" else ""
    click.echo(f"{sign} {size(row.size):>9}  {safe(name)}{why}")


def sync_request(source: CopyLocation, target: CopyLocation, rules: SyncRules) -> TransferRequest:
    """Raises UsageError, NotFoundError."""
    check_source(source, recursive=True)
    for place in (source, target):
        if not place.bucket and not place.is_folder() and (place is source or place.exists()):
            raise UsageError("bad usage", f"{place} is not a folder", "for one file: s3d cp")
    prefix = folder_prefix(target.key)
    if not source.bucket:
        base = folder_base(source.path)
        return TransferRequest(
            UPLOAD, target.bucket, paths=[source.path], base=base, to_prefix=prefix, sync=rules
        )
    base = folder_prefix(source.key)
    request = TransferRequest(DOWNLOAD, source.bucket, prefixes=[base], base=base, sync=rules)
    if not target.bucket:
        return replace(request, to_path=target.path)
    return replace(request, kind=COPY, to_bucket=target.bucket, to_prefix=prefix)


def _two_locations(
    session: Session, texts: Sequence[str], forms: str = FORMS
) -> tuple[CopyLocation, CopyLocation]:
    if len(texts) != 2:
        given = ", ".join(map(safe, texts)) or "none"
        raise UsageError("bad usage", f"two places are needed, and there are: {given}", forms)
    source, target = as_objects(session, [parse_location(text) for text in texts])
    if source.is_stream or target.is_stream:
        raise UsageError("bad usage", "- stands for a stream, and a folder is needed", forms)
    if not source.bucket and not target.bucket:
        raise UsageError("bad usage", f"neither {source} nor {target} is in S3", forms)
    return source, target


def _refuse_registered(folders: Sequence[FolderStatus], place: CopyLocation) -> None:
    """Deletions in a sync folder would be carried over to its other side. Raises UsageError."""
    for folder in folders:
        if place.bucket:
            ours, theirs = folder_prefix(place.key), folder_prefix(folder.prefix)
            overlaps = place.bucket == folder.bucket and _overlap(ours, theirs)
        else:
            overlaps = _overlap(f"{place.path}/", f"{folder.path}/")
        if overlaps:
            raise UsageError(
                "--delete is not for sync folders",
                f"{place} overlaps with the sync folder {folder.name}",
                f"its deletions are synced anyway: s3d sync status {folder.name}",
            )


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
