"""s3d requests and s3d wait: what clients have requested, in a store made for tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.testing import RecordedRequest
from s3d.shared.text import duration, parse_age, safe, size

F = TypeVar("F", bound=Callable[..., Any])


def _filter_options(command: F) -> F:
    options = (
        click.option("--operation", metavar="NAME", default="", help="Such as PutObject."),
        click.option("--bucket", metavar="BUCKET", default=""),
        click.option("--key", metavar="KEY", default=""),
        click.option(
            "--since", metavar="SEQ", type=int, default=0, help="After this sequence number."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("requests")
@_filter_options
@click.option("--status", metavar="STATUS", default="", help="Such as 404 or 5xx.")
@click.option("--clear", is_flag=True, help="Forget all of them, and print nothing.")
@json_option
@socket_option
@pass_session
def requests_command(
    session: Session, /, *, operation: str, bucket: str, key: str, since: int, status: str,
    clear: bool, as_json: bool,
) -> None:  # fmt: skip
    """List the newest 10,000 requests to the endpoint of a store made for tests (s3d run --test).

    Each has a sequence number, which --since takes. They end with the agent.

    \b
    Examples:
      s3d requests --operation PutObject --bucket photos
      s3d requests --status 5xx --json
      s3d requests --clear
    """
    query = {"operation": operation, "bucket": bucket, "key": key, "status": status}
    if clear:
        if any(query.values()) or since:
            raise UsageError("bad usage", "--clear forgets all requests: leave the others out")
        session.testing().clear_requests()
        report("forgot all requests")
        return
    for request in session.testing().requests(since, **query):
        _show(request, as_json=as_json)


@click.command("wait")
@_filter_options
@click.option(
    "--status",
    metavar="STATUS",
    default="2xx",
    show_default=True,
    help='Such as 404; "" for any.',
)
@click.option("--timeout", metavar="AGE", default="10", show_default=True, help="How long to wait.")
@json_option
@socket_option
@pass_session
def wait_command(
    session: Session, /, *, operation: str, bucket: str, key: str, since: int, status: str,
    timeout: str, as_json: bool,
) -> None:  # fmt: skip
    """Wait until a client has made a request, and print it; exit code 1 when none came in time.

    A request that is recorded already counts too, so nothing is missed between the start of a
    program and this command: clear the requests before (s3d requests --clear), or use --since.

    \b
    Examples:
      s3d wait --operation PutObject --bucket photos --key a.jpg
      s3d wait --operation CompleteMultipartUpload --timeout 1m
    """
    try:
        seconds = parse_age(timeout)
    except ValueError as error:
        raise UsageError("bad usage", f"--timeout {timeout!r}: {error}") from error
    query = {"operation": operation, "bucket": bucket, "key": key, "status": status}
    request = session.testing().wait(seconds, since, **query)
    if request is None:
        meant = " ".join(f"--{name} {safe(value)}" for name, value in query.items() if value)
        raise S3dError(
            f"no such request within {duration(seconds)}", meant, "see them all with: s3d requests"
        )
    _show(request, as_json=as_json)


def _show(request: RecordedRequest, *, as_json: bool) -> None:
    if as_json:
        json_line(request)
        return
    at = datetime.fromtimestamp(request.at, UTC).strftime("%H:%M:%S.%f")[:-3]
    outcome = f"{request.status or 'closed'} {request.error}".strip()
    place = f"{request.bucket}/{request.key}" if request.key else request.bucket
    what = request.operation or f"{request.method} {request.path}"
    click.echo(
        f"{request.seq:6}  {at}  {outcome:16}  {safe(f'{what} {place}'.strip())}  "
        f"{size(request.received)} in, {size(request.sent)} out, {duration(request.duration)}"
    )
