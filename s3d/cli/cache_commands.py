"""s3d cache, pin, unpin and prefetch: the read cache."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import click

from s3d.cli.client.cache_client import CacheClient
from s3d.cli.output import StatusLine, confirmed, fields, for_each, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.caching import CacheEntry, CachePlace, CacheStatus, PinStatus, PrefetchStatus
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.pending_summary import amount
from s3d.shared.text import age, count, parse_size, safe, size
from s3d.shared.transfers import Totals

RUNNING, DONE = "running", "done"
REFRESH, LONG_POLL = 0.5, 20.0
"""Seconds that one request waits for the end: while a person watches, and otherwise."""


@click.group("cache", invoke_without_command=True)
@json_option
@socket_option
@click.pass_context
def cache_command(ctx: click.Context, /, *, as_json: bool) -> None:
    """Show and control the read cache. Without a command: show its statistics.

    \b
    Examples:
      s3d cache
      s3d cache ls photos/2026/
      s3d cache evict photos/2026/
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(stat_command, as_json=as_json)


@cache_command.command("stat", short_help="Show what the cache has, and its statistics.")
@json_option
@socket_option
@pass_session
def stat_command(session: Session, /, *, as_json: bool) -> None:
    """Show the contents of the cache, and its statistics since the start of the agent."""
    status = session.cache().status()
    if as_json:
        json_line(status)
    else:
        fields(_statistics(status))


@cache_command.command("ls")
@target_argument(Names.PREFIX, required=False)
@json_option
@socket_option
@pass_session
def ls_command(session: Session, /, target: Target | None, *, as_json: bool) -> None:
    """List the cached objects by name. --json prints one per line."""
    for entry in session.cache().entries(*(target or ())):
        if as_json:
            json_line(entry)
        else:
            click.echo(_row(entry))


@cache_command.command("evict", short_help="Evict one key, or all objects of a prefix.")
@target_argument(Names.PREFIX, many=True)
@socket_option
@pass_session
def evict_command(session: Session, /, targets: tuple[Target, ...]) -> int:
    """Evict objects: one key, or all objects of BUCKET or BUCKET/PREFIX/."""
    client = session.cache()

    def evict(target: Target) -> None:
        number = client.evict(_place(target))
        if not number:
            raise NotFoundError("not cached", str(target), "s3d cache ls lists the cached objects")
        report(f"evicted {count(number, 'object')} of {target}")

    return for_each(targets, evict)


@cache_command.command("clear")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@socket_option
@pass_session
def clear_command(session: Session, /, *, yes: bool) -> None:
    """Evict all objects. s3d fetches pinned objects again."""
    client = session.cache()
    status = client.status()
    what = f"{count(status.files, 'object')}, {size(status.size)}"
    if yes or confirmed(f"Clear the read cache ({what})?"):
        report(f"cleared {count(client.clear(), 'object')}")


@cache_command.command("verify")
@json_option
@socket_option
@pass_session
def verify_command(session: Session, /, *, as_json: bool) -> int:
    """Verify all cached data, and drop damaged objects. Exit code 1 if there are any."""
    line, checked, wrong = StatusLine(), Totals(), 0
    try:
        for page in session.cache().verify():
            checked = Totals(checked.files + page.checked.files, checked.size + page.checked.size)
            line.show(f"verified {amount(checked)}")
            for entry in page.wrong:
                wrong += 1
                if as_json:
                    json_line(entry)
                else:
                    report(f"damaged, dropped: {entry.bucket}/{entry.key}")
    finally:
        line.close()
    if not as_json:
        report(f"verified {amount(checked)}; {wrong:,} damaged")
    return 1 if wrong else 0


@click.command("pin")
@target_argument(Names.PREFIX, many=True, required=False)
@json_option
@socket_option
@pass_session
def pin_command(session: Session, /, targets: tuple[Target, ...], *, as_json: bool) -> int:
    """Keep objects in the cache permanently: one key, or all objects of BUCKET or BUCKET/PREFIX/.

    s3d fetches pinned objects, updates them when they change, and never evicts them. Without
    arguments, pin lists the pins.

    \b
    Examples:
      s3d pin photos/cat.jpg
      s3d pin photos/2026/
      s3d pin
    """
    client = session.cache()
    if targets:
        return for_each(targets, lambda target: _pin(client, target))
    for status in client.pins():
        if as_json:
            json_line(status)
        else:
            click.echo(_pin_row(status))
    return 0


@click.command("unpin")
@target_argument(Names.PREFIX, many=True)
@socket_option
@pass_session
def unpin_command(session: Session, /, targets: tuple[Target, ...]) -> int:
    """Remove pins. Name each pin as it was added.

    \b
    Example:
      s3d unpin photos/2026/
    """
    client = session.cache()

    def unpin(target: Target) -> None:
        if not client.unpin(_place(target)):
            raise NotFoundError("not pinned", str(target), "s3d pin lists the pins")
        report(f"unpinned {target}")

    return for_each(targets, unpin)


@click.command("prefetch")
@target_argument(Names.PREFIX, many=True)
@click.option("--bandwidth", metavar="SIZE", help="Maximum bytes per second, such as 2MiB.")
@json_option
@socket_option
@pass_session
def prefetch_command(
    session: Session, /, targets: tuple[Target, ...], *, bandwidth: str | None, as_json: bool
) -> int:
    """Fetch objects into the cache before they are read. Ctrl-C keeps what was fetched.

    \b
    Examples:
      s3d prefetch photos/2026/
      s3d prefetch photos --bandwidth 2MiB
    """
    client, rate = session.cache(), _rate(bandwidth)
    return for_each(targets, lambda target: _prefetch(client, target, rate, as_json=as_json))


def _pin(client: CacheClient, target: Target) -> None:
    client.pin(_place(target))
    report(f"pinned {target}: s3d pin shows the progress")


def _prefetch(client: CacheClient, target: Target, rate: int | None, *, as_json: bool) -> None:
    """Raises S3dError when an object could not be fetched."""
    wait = REFRESH if sys.stderr.isatty() else LONG_POLL
    status = client.prefetch(target.bucket, target.key, rate)
    line = StatusLine()
    try:
        while status.state == RUNNING:
            status = client.wait_for_prefetch(status.id, wait)
            line.show(f"{target}: {amount(status.done)} of {amount(status.listed)}")
    except KeyboardInterrupt:
        client.cancel_prefetch(status.id)
        raise
    finally:
        line.close()
    _conclude(target, status, as_json=as_json)


def _conclude(target: Target, status: PrefetchStatus, *, as_json: bool) -> None:
    if as_json:
        json_line(status)
    if status.state != DONE:
        what = f"{status.failed:,} not fetched: {status.error}" if status.failed else status.error
        raise S3dError(
            f"prefetch {status.state}",
            f"{target}: {what}",
            "s3d cache shows the limits of the cache",
        )
    if not status.listed.files:
        raise NotFoundError("no such key or prefix", str(target))
    if not as_json:
        report(f"{target}: {amount(status.done)} in the cache")


def _place(target: Target) -> CachePlace:
    """A key means one object; a bucket, or a key that ends in /, all objects with that prefix."""
    if target.key and not target.key.endswith("/"):
        return CachePlace(target.bucket, key=target.key)
    return CachePlace(target.bucket, prefix=target.key)


def _rate(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError("bad usage", f"--bandwidth: {error}") from error


def _statistics(status: CacheStatus) -> Iterator[tuple[str, str]]:
    yield "cache", status.path
    if status.trouble:
        yield "NOT CACHING", status.trouble
    yield "holds", f"{count(status.files, 'object')} of {status.max_files:,}"
    yield "", f"{size(status.size)} of {size(status.max_size)}"
    yield "pins", f"{status.pins:,}"
    asked = status.hits + status.misses
    share = f" ({100 * status.hits // asked} %)" if asked else ""
    yield "hits", f"{status.hits:,} of {asked:,}{share}, {status.stale:,} stale"
    saved = count(status.saved_requests, "request")
    yield "saved", f"{saved}, {size(status.saved_bytes)} of egress"
    fetched = f"{size(status.fetched_bytes)} in {count(status.fills, 'fill')}"
    yield "fetched", f"{fetched}, {status.in_flight:,} in progress"
    yield "checked", f"{status.revalidated:,} times with the remote whether an object has changed"
    yield "evicted", count(status.evictions, "object")
    if status.corrupt:
        yield "DAMAGED", f"{status.corrupt:,} times; fetched again"


def _row(entry: CacheEntry) -> str:
    """Columns of a fixed width first, then those that can be long."""
    since = age(time.time() - entry.checked) if entry.checked else "due"
    part = "whole" if entry.held == entry.size else f"{100 * entry.held // entry.size} %"
    mark = "pinned" if entry.pinned else ""
    name = safe(f"{entry.bucket}/{entry.key}")
    return f"{size(entry.size):>9}  {part:>5}  {since:>6}  {mark:6}  {name}"


def _pin_row(status: PinStatus) -> str:
    pin = status.pin
    name = safe(f"{pin.bucket}/{pin.key or pin.prefix}" if pin.key or pin.prefix else pin.bucket)
    if status.looked is None and not status.error:
        return f"{name}  not checked yet"
    line = f"{name}  {amount(status.cached)} of {amount(status.total)}"
    return f"{line}  ({safe(status.error)})" if status.error else line
