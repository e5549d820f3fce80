"""The options that cp, mv and sync share, and what they print and wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from s3d.cli.client.control_client import ConnectionClosedError
from s3d.cli.copying.transfer_progress import Output, named, wait_for_end
from s3d.cli.output import json_line, report
from s3d.cli.queue.push_commands import after_writes, wait_option
from s3d.cli.selection_options import rule_options
from s3d.cli.session import F, Session, json_option, socket_option
from s3d.cli.tag_commands import metadata_entries, pairs
from s3d.cli.target import SCHEME
from s3d.shared.errors import NotRunningError, S3dError, UsageError
from s3d.shared.text import count, safe, size
from s3d.shared.transfer_options import ACLS, ENCRYPTIONS, NewObject, PlannedTransfer
from s3d.shared.transfers import Transfer, TransferRequest

HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language",
           "expires")  # fmt: skip
"""Headers of an object that have an option of their own."""
DIRECTIVES = ("COPY", "REPLACE")
"""Values of --metadata-directive."""
UNKNOWN_TYPE = "binary/octet-stream"
"""The type of an object that was stored without one:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""


class Carrying(NamedTuple):
    """How the transfers of a command are carried out."""

    output: Output
    dry_run: bool = False
    detach: bool = False
    wait: bool = False


def shared_options(command: F) -> F:
    """Add the options of cp, mv and sync."""
    options: list[Callable[[Any], Any]] = [
        rule_options,
        click.option("-n", "--dry-run", "--dryrun", "dry_run", is_flag=True,
                     help="Only show what would be done."),
        click.option("--follow-symlinks/--no-follow-symlinks", "follow_links", default=True,
                     show_default=True, help="What symbolic links lead to."),
        click.option("--metadata", metavar="NAME=VALUE", multiple=True,
                     help="Set a metadata entry of the new objects."),
        click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True,
                     help="Set a tag of the new objects."),
        click.option("--metadata-directive", type=click.Choice(DIRECTIVES, case_sensitive=False),
                     help="Of a copy: REPLACE leaves out the metadata of the source."),
        click.option("--content-type", metavar="TYPE", default="",
                     help="MIME type; by default guessed from the name."),
        click.option("--no-guess-mime-type", is_flag=True,
                     help=f"Without --content-type: {UNKNOWN_TYPE}."),
        *(click.option(f"--{name}", name.replace("-", "_"), metavar="TEXT", default="",
                       help=f"{name.capitalize()} of the new objects.") for name in HEADERS),
        click.option("--storage-class", metavar="CLASS", default="",
                     help="Storage class of the new objects."),
        click.option("--acl", type=click.Choice(ACLS),
                     help="Canned access control list of the new objects."),
        click.option("--sse", is_flag=False, flag_value=ENCRYPTIONS[0],
                     type=click.Choice(ENCRYPTIONS),
                     help="Server-side encryption of the new objects; alone: AES256."),
        click.option("--sse-kms-key-id", metavar="ID", default="",
                     help="Key of KMS, with --sse aws:kms."),
        click.option("--detach", is_flag=True,
                     help="Do not wait for the end; s3d transfers shows the progress."),
        wait_option,
        click.option("-q", "--quiet", "--only-show-errors", "quiet", is_flag=True,
                     help="Print errors only."),
        click.option("--no-progress", is_flag=True, help="Print only how it has ended."),
        json_option,
        socket_option,
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def new_object(values: dict[str, Any]) -> NewObject:
    """What the options say about new objects. Takes them out of values. Raises UsageError."""
    tags = values.pop("tags")
    headers = {name: values.pop(name.replace("-", "_")) for name in HEADERS}
    headers["expires"] = http_date(headers["expires"])
    guesses = not values.pop("no_guess_mime_type")
    return NewObject(
        content_type=values.pop("content_type") or ("" if guesses else UNKNOWN_TYPE),
        metadata=_metadata(values.pop("metadata"), values.pop("metadata_directive")),
        tags=pairs(tags, "--tag") if tags else None,
        headers={name: value for name, value in headers.items() if value},
        storage_class=values.pop("storage_class"),
        acl=values.pop("acl") or "",
        sse=_encryption(values),
        sse_kms_key_id=values.pop("sse_kms_key_id"),
    )


def _metadata(texts: tuple[str, ...], directive: str | None) -> dict[str, str] | None:
    """The metadata of the new objects; None: that of the source. Raises UsageError."""
    if directive == "COPY" and texts:
        raise UsageError("bad usage", "--metadata-directive COPY and --metadata exclude each other")
    entries = metadata_entries(texts)
    return entries if texts or directive == "REPLACE" else None


def _encryption(values: dict[str, Any]) -> str:
    """Raises UsageError for a key without aws:kms."""
    sse: str = values.pop("sse") or ""
    if values["sse_kms_key_id"] and not sse.startswith("aws:kms"):
        raise UsageError("bad usage", "--sse-kms-key-id is for --sse aws:kms")
    return sse


def http_date(text: str) -> str:
    """The value of --expires as a header; also from ISO 8601, as the AWS CLI takes it.

    Raises UsageError for what is no time.
    """
    from email.utils import format_datetime, parsedate_to_datetime  # slow to import

    if not text:
        return ""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, OverflowError):
            time = parse(text)
            aware = time if time.tzinfo else time.replace(tzinfo=UTC)
            return format_datetime(aware.astimezone(UTC), usegmt=True)
    raise UsageError("bad usage", f"--expires {text!r} is no time", "write 2030-01-31T12:00:00Z")


def carrying(values: dict[str, Any]) -> Carrying:
    """How to carry out the transfers. Takes the options out of values."""
    output = Output(
        as_json=values.pop("as_json"),
        quiet=values.pop("quiet"),
        with_progress=not values.pop("no_progress"),
    )
    flags = {name: values.pop(name) for name in ("dry_run", "detach", "wait")}
    if flags["wait"] and flags["detach"]:
        raise UsageError("bad usage", "--wait and --detach exclude each other")
    return Carrying(output, **flags)


def carry_out(
    session: Session, requests: Iterable[TransferRequest], how: Carrying
) -> tuple[int, list[Transfer]]:
    """Start transfers and wait for them. Returns the exit code, and the transfers."""
    client, requests = session.transfers(), list(requests)
    if how.dry_run:
        return show_plan(session, requests, how.output), []
    started = [each for request in requests for each in client.start(request)]
    if how.detach:
        for each in started:
            if how.output.as_json:
                json_line(each)
            else:
                report(f"{each.id}: {named(each)}")
        return 0, started
    try:
        code, ended = wait_for_end(client, [each.id for each in started], how.output)
    except KeyboardInterrupt:
        report(
            "the agent continues: s3d transfers shows the progress, s3d transfers cancel ends it"
        )
        raise
    except (ConnectionClosedError, NotRunningError) as error:
        raise NotRunningError(
            "the agent has ended meanwhile", named(started[0]),
            "the transfer goes on when it runs again: s3d start; s3d transfers shows it",
        ) from error  # fmt: skip
    if any(request.kind != "download" or request.delete_source for request in requests):
        after_writes(session, wait=how.wait, quiet=how.output.quiet or how.output.as_json)
    return code, ended


def show_plan(session: Session, requests: Iterable[TransferRequest], output: Output) -> int:
    """Print what transfers would do. Returns the exit code of the first error."""
    code = objects = space = 0
    for row in plan_rows(session, requests):
        if row.action == "failed":
            code = code or failure(row).exit_code
        else:
            objects, space = objects + 1, space + row.size
        if output.as_json:
            json_line(row)
        elif not output.quiet or row.action == "failed":
            report(f"would {planned_text(row)}")
    if not output.as_json and not output.quiet:
        report(f"would transfer or delete {count(objects, 'object')}, {size(space)}")
    return code


def plan_rows(session: Session, requests: Iterable[TransferRequest]) -> Iterator[PlannedTransfer]:
    """The rows of the plan that concern an object."""
    for request in requests:
        to = f" to {SCHEME}{request.to_bucket}" if request.to_bucket else ""
        for row in session.transfers().plan(request):
            if row.action and not (row.source or row.target):  # a failure of the whole
                yield msgspec.structs.replace(row, source=f"{SCHEME}{request.bucket}{to}")
            elif row.action:
                yield row


def failure(row: PlannedTransfer) -> S3dError:
    """A failure in a plan as an error."""
    from s3d.cli.client.control_client import ERRORS

    return ERRORS.get(row.code, S3dError)(row.source or row.target, row.reason)


def planned_text(row: PlannedTransfer) -> str:
    """One row in words."""
    if row.action == "failed":
        return f"fail: {failure(row)}"
    what = " to ".join(part for part in (row.source, row.target) if part)
    return safe(f"{row.action} {what}" + (f" ({row.reason})" if row.reason else ""))
