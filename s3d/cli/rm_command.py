"""s3d rm: delete objects and versions, one or many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import click

from s3d.cli.aws_options import aws_options
from s3d.cli.client.control_client import ERRORS
from s3d.cli.client.object_client import ObjectClient
from s3d.cli.copying.transfer_progress import SHOWN_FAILURES, failure_text
from s3d.cli.output import Progress, confirmed, for_each, json_line, report
from s3d.cli.queue.push_commands import after_writes, wait_option
from s3d.cli.selection_options import Age, RuledCommand, rule_options
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.cli.target_objects import (
    ALL,
    Conditions,
    TargetObjects,
    folder_prefix,
    no_match,
    select,
    selected,
)
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import DeniedError, NotFoundError, S3dError, UnavailableError, UsageError
from s3d.shared.object_patterns import PathRule
from s3d.shared.text import count, safe, size
from s3d.shared.transfers import TransferError

BATCH = 500
"""Objects that are deleted with one request. A remote without such requests gets one for each,
which must end before the client loses patience."""


class Deletion(NamedTuple):
    """How a command deletes many objects."""

    yes: bool = False
    dry_run: bool = False
    versions: bool = False
    """Every version and delete marker, instead of the current objects."""
    as_json: bool = False
    quiet: bool = False
    """Print errors and the question only."""


@click.command("rm", cls=RuledCommand)
@target_argument(Names.EITHER, many=True)
@click.option("-r", "-R", "--recursive", is_flag=True, help="Delete all objects below KEY/.")
@rule_options
@click.option("--older-than", "older", type=Age(), metavar="AGE",
              help="Only objects that were last changed longer ago, such as 30d.")  # fmt: skip
@click.option("--version", metavar="ID", default="", help="Delete this version of one object.")
@click.option("--all-versions", is_flag=True, help="Delete older versions and delete markers too.")
@click.option("--no-glob", is_flag=True, help="Take * and ? as they are.")
@click.option(
    "-n", "--dry-run", "--dryrun", "dry_run", is_flag=True, help="Only show what would be deleted."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-f", "--force", is_flag=True,
              help="Do not ask, and take what does not exist as deleted.")  # fmt: skip
@click.option("-q", "--quiet", "--only-show-errors", "quiet", is_flag=True,
              help="Print errors only.")  # fmt: skip
@aws_options("rm")
@wait_option
@json_option
@socket_option
@pass_session
def rm_command(
    session: Session, /, targets: tuple[Target, ...], *, recursive: bool, rules: list[PathRule],
    older: float | None, version: str, all_versions: bool, no_glob: bool, dry_run: bool, yes: bool,
    force: bool, quiet: bool, wait: bool, as_json: bool,
) -> int:  # fmt: skip
    """Delete objects. -r deletes all objects below a folder, or all of a bucket.

    With -r, BUCKET/KEY means BUCKET/KEY/, as in aws s3 rm. For all keys that begin with KEY, write
    'BUCKET/KEY*'. * and ? stay within one level, and ** crosses levels. What deletes many objects
    asks first, with their number and size, unless -y or -f is given. After an error, rm continues
    with the next object, and it exits with the code of the first error. What does not exist is an
    error (exit code 3), but not with -f.

    \b
    Examples:
      s3d rm photos/cat.jpg photos/dog.jpg
      s3d rm -r photos/2025
      s3d rm 'photos/2025/*.tmp' --older-than 7d
      s3d rm -r logs --exclude '*' --include '*.gz' --dry-run
    """
    client = session.objects()
    plan = Deletion(yes or force, dry_run, all_versions, as_json, quiet)
    conditions = Conditions(rules, older)
    if version and (recursive or all_versions or len(targets) > 1):
        raise UsageError("bad usage", "--version is for one object", "s3d rm BUCKET/KEY --version")

    def remove(target: Target) -> None:
        chosen = select(client, target, recursive=recursive, no_glob=no_glob)
        if chosen is None and not target.key:
            raise UsageError(
                "no object named", f"{target} is a bucket", f"s3d rm -r {target} empties it"
            )
        if chosen is None and all_versions:
            chosen = TargetObjects(target.bucket, target.key, "", target.key.__eq__)
        if chosen is None:
            _delete(client, target, version, plan)
        elif not delete_selected(client, target, chosen, plan, conditions) and target.key:
            if any(True for _ in selected(client, chosen, ALL, versions=all_versions)):
                why = "what is there is left out by --older-than, --exclude or --include"
                raise NotFoundError(f"nothing to delete: {target}", why)
            raise no_match(client, target)

    def remove_what_is_there(target: Target) -> None:
        with suppress(NotFoundError):
            remove(target)

    code = for_each(targets, remove_what_is_there if force else remove)
    after_writes(session, wait=wait, quiet=as_json or dry_run or quiet)
    return code


def _delete(client: ObjectClient, target: Target, version: str, plan: Deletion) -> None:
    # S3 answers the delete of a missing object with success, so find out whether it exists.
    if not version:
        try:
            client.object_status(*target)
        except UnavailableError:
            pass
        except NotFoundError as error:
            if _has_objects_below(client, target):
                hint = f"to delete all that is below it: s3d rm -r {target}"
                raise NotFoundError(error.title, error.detail, hint) from error
            raise
    if not plan.dry_run:
        client.delete(*target, version)
    _report(target.bucket, target.key, version, plan)


def _has_objects_below(client: ObjectClient, target: Target) -> bool:
    """Whether there are any, as far as the remote says so."""
    with suppress(UnavailableError, DeniedError):
        return bool(client.list(target.bucket, folder_prefix(target.key), limit=1).objects)
    return False


def _report(bucket: str, key: str, version: str | None, plan: Deletion) -> None:
    if plan.as_json:
        row = {"action": "delete", "bucket": bucket, "key": key, "version_id": version or None}
        json_line(row | {"dry_run": plan.dry_run})
        return
    if plan.quiet:
        return
    of = f", version {version}" if version else ""
    report(f"{'would delete' if plan.dry_run else 'deleted'} {bucket}/{key}{of}")


def delete_selected(
    client: ObjectClient,
    target: Target,
    selection: TargetObjects,
    plan: Deletion,
    conditions: Conditions = ALL,
) -> int:
    """Delete what is selected, after a question. Returns how many objects or versions there were.

    Raises S3dError when the answer is no.
    """
    total = space = 0
    for item in selected(client, selection, conditions, versions=plan.versions):
        total += 1
        space += item.size
        if plan.dry_run:
            _report(item.bucket, item.key, _version(item, plan), plan)
    if not total:
        return 0
    what = f"{count(total, 'version' if plan.versions else 'object')} of {target}, {size(space)}"
    if plan.dry_run:
        if not plan.as_json and not plan.quiet:
            report(f"would delete {what}")
        return total
    if not plan.yes and not confirmed(f"delete {what}?"):
        raise S3dError("nothing deleted", what)
    items = selected(client, selection, conditions, versions=plan.versions)
    _delete_all(client, target, items, Progress(f"deleting from {target}", space), plan)
    if not plan.as_json and not plan.quiet:
        report(f"deleted {what}")
    return total


def _delete_all(
    client: ObjectClient, target: Target, items: Iterator[ObjectInfo], progress: Progress,
    plan: Deletion,
) -> None:  # fmt: skip
    """Delete in batches, and go on after failures. Raises S3dError for the first of them."""
    failed: list[tuple[ObjectInfo, TransferError]] = []
    try:
        while batch := [*islice(items, BATCH)]:
            pairs = [(item.key, _version(item, plan)) for item in batch]
            failures = client.delete_many(target.bucket, pairs)
            for number, item in enumerate(batch):
                if number in failures:
                    failed.append((item, failures[number]))
                    continue
                progress.add(item.size)
                if plan.as_json:
                    _report(item.bucket, item.key, _version(item, plan), plan)
    finally:
        progress.close()
    if not failed:
        return
    for item, error in failed[1:SHOWN_FAILURES]:
        click.echo(f"  {safe(f'{item.bucket}/{item.key}: {failure_text(error)}')}", err=True)
    (item, error), kind = failed[0], ERRORS.get(failed[0][1].code, S3dError)
    what = count(len(failed), "version" if plan.versions else "object")
    raise kind(f"{what} of {target} {'was' if len(failed) == 1 else 'were'} not deleted",
               f"{item.bucket}/{item.key}: {failure_text(error)}")  # fmt: skip


def _version(item: ObjectInfo, plan: Deletion) -> str:
    return (item.version_id or "") if plan.versions else ""
