"""s3d status: the state of the agent, a bucket or an object."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import click

from s3d.cli.output import fields, for_each, json_line
from s3d.cli.pending_summary import amount, folder_left, is_clean, summary, waiting_for
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.caching import CacheState, CacheStatus
from s3d.shared.control import AgentStatus, BucketInfo, NotificationTargetStatus, ObjectStatus
from s3d.shared.errors import PendingError, UsageError
from s3d.shared.mounting import mount_text
from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, duration, moment, safe, size
from s3d.shared.transfers import QueueStatus, RemoteStatus

if TYPE_CHECKING:
    from s3d.cli.client.control_client import ControlClient

Row = tuple[str, str]

SKEW = 60.0
"""Seconds by which the remote's clock has to differ before the status shows it."""
NAMED = 3
"""Buckets whose names a line of the status lists."""
LEVELS = {
    "A": "the remote evaluates conditional writes",
    "B": "the remote ignores conditions; s3d does so for its clients; versions are kept",
    "C": "the remote ignores conditions; s3d does so for its own clients only",
}

LIMITATIONS = {
    "checksums": "the remote accepts no checksum headers: s3d compares ETags instead",
    "checksum_mode": "the remote returns no checksums when objects are read",
    "empty_segments": "the remote stores x//y as x/y: s3d refuses to write such keys",
    "listing_order": "the remote does not list keys in order: s3d sorts whole listings",
}
"""Limitation -> what it means."""


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
        rows = _agent(answer)
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


def _agent(status: AgentStatus) -> Iterator[Row]:
    running = age(time.time() - status.started)
    yield "agent", f"s3d {status.version}, process {status.pid}, running for {running}"
    yield "endpoint", f"{status.endpoint} (auth: {status.auth})"
    yield "socket", status.socket
    if status.admin is not None:
        yield "metrics", status.admin.metrics
    if status.remote:
        yield from _remote(status.remote)
    if status.queue:
        yield from _queue(status.queue)
    for other in status.waiting:
        yield "WAITING", waiting_for(other)
    if status.cache:
        yield from _cache(status.cache)
    if status.store:
        store = status.store
        held = f"{count(store.buckets, 'bucket')}, {count(store.objects, 'object')}"
        yield "store", store.shown_path + (" (temporary)" if status.ephemeral else "")
        yield "", f"{held}, {size(store.size)}; {size(store.free)} free"
    for target in status.notifications:
        yield "events", _target(target)
    yield from _sync_folders(status.sync)
    for mount in status.mounts:
        yield "mount" if mount.state == "mounted" else "NOT MOUNTED", safe(mount_text(mount))
    for warning in status.warnings:
        yield "warning", warning


def _target(target: NotificationTargetStatus) -> str:
    """A target of notifications: what waits for it, and what went wrong."""
    text = f"{target.name}: {count(target.waiting, 'event')} waiting, {target.delivered} delivered"
    if target.dropped:
        text += f", {target.dropped} DROPPED"
    return text + (f"; {target.error}" if target.error else "")


def _sync_folders(folders: Iterable[FolderStatus]) -> Iterator[Row]:
    """Sync folders; those that are offline or stopped, or in which something has failed, are in
    capitals."""
    for folder in folders:
        if folder.state in ("stopped", "offline"):
            label = f"SYNC {folder.state.upper()}"
            yield label, safe(f"{folder.name}: {folder.reason} (s3d sync status)")
        elif folder.failed:
            left = count(folder.failed, "path")
            yield "NOT IN SYNC", safe(f"{folder.name}: {left} (s3d sync status {folder.name})")
        else:
            yield "sync", safe(f"{folder.name}: {folder.state}, {count(folder.files, 'file')}")


def _remote(remote: RemoteStatus) -> Iterator[Row]:
    if remote.ok is None:
        yield "remote", f"{remote.url} (not contacted yet)"
    elif remote.ok:
        yield "remote", f"{remote.url} (ok)"
    else:
        last = remote.last_success
        since = "" if last is None else f", last answer {age(time.time() - last)} ago"
        yield "remote", f"{remote.url}"
        label = "REMOTE FAILS" if remote.answers else "UNREACHABLE"
        yield label, f"{remote.error.removesuffix('.')}{since}"
    if remote.unconfirmed:
        yield "HELD", f"{remote.unconfirmed}: s3d queue adopt"
    if abs(remote.clock_offset) >= SKEW:
        yield "", f"the clock of the remote differs from ours by {remote.clock_offset:+.0f} s"
    for name in remote.limitations:
        yield "limitation", LIMITATIONS.get(name, name)
    yield from _conditions(remote.capabilities)


def _conditions(levels: Mapping[str, str]) -> Iterator[Row]:
    """levels: by bucket. One line for each level, since there may be hundreds of buckets."""
    for level in sorted(set(levels.values())):
        buckets = sorted(bucket for bucket, own in levels.items() if own == level)
        names, more = ", ".join(buckets[:NAMED]), len(buckets) - NAMED
        if more == 1:  # its name is as short as "and 1 more"
            names, more = ", ".join(buckets), 0
        rest = f" and {more:,} more" if more > 0 else ""
        yield "conditions", f"{names}{rest}: {LEVELS.get(level, level)}"


def _queue(queue: QueueStatus) -> Iterator[Row]:
    yield "queue", summary(queue)
    if queue.oldest is not None:
        yield "", f"oldest {age(time.time() - queue.oldest)}, {size(int(queue.rate))}/s"
    if queue.arrival_p50 is not None and queue.arrival_p99 is not None:
        p50, p99 = duration(queue.arrival_p50), duration(queue.arrival_p99)
        yield "", f"at the remote after {p50} (median), {p99} (p99)"
    if queue.trouble:
        yield "NOT PUSHING", queue.trouble
    if queue.paused:
        yield "PAUSED", "s3d queue resume continues pushing"
    if queue.failed.files:
        yield "FAILED", f"{amount(queue.failed)}: s3d queue ls --state failed"


def _cache(cache: CacheStatus) -> Iterator[Row]:
    asked = cache.hits + cache.misses
    hits = f", {100 * cache.hits // asked} % hits" if asked else ""
    held = f"{size(cache.size)} of {size(cache.max_size)}"
    yield "cache", f"{count(cache.files, 'object')}, {held}{hits}"
    if cache.saved_requests or cache.saved_bytes:
        cost = "" if cache.saved_cost is None else f", worth {cache.saved_cost:,.2f}"
        saved = f"{count(cache.saved_requests, 'request')}, {size(cache.saved_bytes)}{cost}"
        yield "", f"saved since the start: {saved}"
    if cache.trouble:
        yield "NOT CACHING", cache.trouble


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
