"""The status of an agent as rows for people: a label and a text each.

Labels in capitals are what somebody should look at. An empty label continues the row above.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from s3d.shared.caching import CacheStatus
from s3d.shared.control import AgentStatus, NotificationTargetStatus
from s3d.shared.mounting import mount_text
from s3d.shared.pending_summary import amount, summary, waiting_for
from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, duration, safe, size
from s3d.shared.transfers import QueueStatus, RemoteStatus

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


def status_rows(status: AgentStatus) -> Iterator[Row]:
    """All that `s3d status` shows of an agent."""
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
