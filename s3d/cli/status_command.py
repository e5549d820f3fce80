"""s3d status: the state of the agent, a bucket or an object.

The rows of the agent are made in s3d/shared/status_rows.py, for the agent's own pages as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from s3d.cli.output import fields, for_each, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.caching import CacheState
from s3d.shared.control import AgentStatus, BucketInfo, ObjectStatus
from s3d.shared.errors import PendingError, UsageError
from s3d.shared.pending_summary import folder_left, is_clean, summary, waiting_for
from s3d.shared.status_rows import Row, status_rows
from s3d.shared.text import age, count, moment, size

if TYPE_CHECKING:
    from s3d.cli.client.control_client import ControlClient


@click.command("status")
@target_argument(Names.EITHER, required=False)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Print what is pending; exit code 6 unless everything is in sync.",
)
@click.option("--healthcheck", is_flag=True,
              help="Print nothing; exit code 0 while the agent answers.")  # fmt: skip
@json_option
@socket_option
@pass_session
def status_command(
    session: Session, /, target: Target | None, *, quiet: bool, healthcheck: bool, as_json: bool
) -> int:
    """Show the state of the agent, of a bucket, or of an object with its metadata and tags.

    \b
    Examples:
      s3d status
      s3d status -q || echo "some writes are pending"
      s3d status photos
      s3d status photos/2026/cat.jpg --json
    """
    if healthcheck:
        session.client().hello()
        return 0
    if quiet:
        return _quiet(session.client(), target, as_json=as_json)
    return _show(session, target, as_json=as_json)


@click.command("stat")
@target_argument(Names.EITHER, many=True)
@json_option
@socket_option
@pass_session
def stat_command(session: Session, /, targets: tuple[Target, ...], *, as_json: bool) -> int:
    """Show objects with their metadata and tags, or buckets. The same as s3d status BUCKET/KEY.

    \b
    Example:
      s3d stat photos/2026/cat.jpg
    """

    def show(target: Target) -> None:
        _show(session, target, as_json=as_json)

    return for_each(targets, show)


def _show(session: Session, target: Target | None, *, as_json: bool) -> int:
    answer: AgentStatus | BucketInfo | ObjectStatus
    if target is None:
        answer = session.client().status()
        rows = status_rows(answer)
    elif not target.key:
        answer = session.objects().bucket_status(target.bucket)
        rows = _bucket(answer)
    else:
        answer = session.objects().object_status(*target)
        rows = _object(answer)
    if as_json:
        json_line(answer)
    else:
        fields(rows)
    return 0


def _quiet(client: ControlClient, target: Target | None, *, as_json: bool) -> int:
    """Print clean, or what is pending, and a line for each sync folder that is not in sync."""
    if target is not None:
        raise UsageError("bad usage", "-q takes no bucket or object", f"s3d status {target}")
    status = client.status()
    queue, others = status.queue, status.waiting
    folders = [line for folder in status.sync if (line := folder_left(folder))]
    is_done = is_clean(queue) and not others
    if as_json:
        pending = [] if is_clean(queue) else [summary(queue)]
        rows = [*pending, *map(waiting_for, others), *folders]
        json_line({"clean": not rows, "pending": rows})
        return PendingError.exit_code if rows else 0
    if not is_done or not folders:
        click.echo("; ".join([summary(queue), *map(waiting_for, others)]))
    for line in folders:
        click.echo(line)
    return 0 if is_done and not folders else PendingError.exit_code


def _bucket(info: BucketInfo) -> Iterator[Row]:
    yield "bucket", info.name
    yield "created", moment(info.created)
    if info.objects is not None and info.size is not None:
        yield "holds", f"{count(info.objects, 'object')}, {size(info.size)}"
    if info.versioning:
        yield "versioning", info.versioning
    yield from _pairs("tag", info.tags)


def _object(info: ObjectStatus) -> Iterator[Row]:
    yield "object", f"{info.bucket}/{info.key}"
    yield from _remote_state(info)
    if info.deleted:
        return
    yield "size", f"{size(info.size)}" + (f" ({info.size:,} bytes)" if info.size >= 1024 else "")
    yield "modified", moment(info.last_modified)
    yield "etag", info.etag
    if info.version_id:
        yield "version", info.version_id
    yield "storage class", info.storage_class
    if info.content_type:
        yield "content-type", info.content_type
    for name, value in info.headers.items():
        yield name.lower(), value
    for algorithm, value in info.checksums.items():
        yield "checksum", f"{algorithm} {value}"
    yield from _pairs("metadata", info.metadata)
    yield from _pairs("tag", info.tags)
    if info.tags_error:
        yield "tag", f"unknown: {info.tags_error}"


def _remote_state(info: ObjectStatus) -> Iterator[Row]:
    """Whether the remote has the object, and whether it is cached."""
    if not info.state:
        return
    yield "state", info.state + (" (deleted here)" if info.deleted else "")
    for number, write in enumerate(info.pending):
        yield "" if number else "pending", f"{write.operation} {write.id}, {write.state}"
        if write.error is not None:
            error = write.error
            asked = f" (request id {error.request_id})" if error.request_id else ""
            yield (
                "FAILED" if write.state == "failed" else "",
                (f"{error.code}: {error.message}{asked}"),
            )
    if info.remote_error:
        yield "remote etag", f"unknown: {info.remote_error}"
    else:
        yield "remote etag", info.remote_etag or "no such object there"
    if info.cache is not None:
        yield "cache", _cached(info.cache)
    for number, receipt in enumerate(info.receipts):
        version = "" if info.is_of_this_version(receipt) else ", of an earlier version"
        text = f"{moment(receipt.verified)}, {receipt.algorithm}{version}"
        yield "" if number else "receipt", text


def _cached(state: CacheState) -> str:
    """For example: partial 40 %, pinned, checked 5 s ago."""
    if not state.held and state.checked is None:
        return "pinned, not cached yet" if state.pinned else "not cached"
    part = "cached" if state.held == state.size else f"partial {100 * state.held // state.size} %"
    asked = "to be checked"
    if state.checked:
        asked = f"checked {age(time.time() - state.checked)} ago"
    return ", ".join([part, *(["pinned"] if state.pinned else []), asked])


def _pairs(label: str, pairs: Mapping[str, str]) -> Iterator[Row]:
    for number, (name, value) in enumerate(sorted(pairs.items())):
        yield "" if number else label, f"{name} = {value}"
