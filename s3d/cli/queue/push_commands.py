"""s3d drain and s3d bandwidth: wait for the queue to be pushed, and limit its speed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import islice

import click

from s3d.cli.client.control_client import ControlClient
from s3d.cli.client.queue_client import QueueClient
from s3d.cli.output import StatusLine, fields, json_line, report
from s3d.cli.session import F, Session, json_option, pass_session, socket_option
from s3d.shared.errors import PendingError, UsageError
from s3d.shared.pending_summary import CLEAN, amount, folder_left, is_clean, is_moving, summary
from s3d.shared.text import parse_age, size
from s3d.shared.transfers import QueueStatus

REFRESH = 0.5
"""Seconds between two updates of the progress bar."""
LONG_POLL = 20.0
"""Seconds that one request waits when nobody watches."""
ACCOUNT_CHECK = 2.0
"""Seconds that the remote has to say which account the access key is of."""
LISTED = 3
"""How many of the failed writes the error lists."""
_WIDTH = 24


@click.command("drain")
@click.option("--timeout", metavar="AGE", help="Give up after this time, such as 90s or 5m.")
@json_option
@socket_option
@pass_session
def drain_command(session: Session, /, *, timeout: str | None, as_json: bool) -> None:
    """Wait until the remote has every pending write and the sync folders are in sync.

    Writes that wait for their next attempt are retried at once. drain does not wait for writes that
    have failed or are held, nor for sync folders that are paused, stopped or offline, because they
    need a decision first. It does not wait either while s3d cannot tell which account the access
    key belongs to. When something is left, the exit code is 6 and the error says what it is.

    \b
    Examples:
      s3d drain && systemctl suspend
      s3d drain --timeout 5m
    """
    deadline = None if timeout is None else time.monotonic() + _seconds(timeout)
    folders = _drain_folders(session, deadline)
    if session.client().status().queue is not None:  # there is a remote, and a queue in front of it
        wait_for_remote(session, deadline, folders, as_json=as_json)
        folders = _folders_left(session.client())
    else:
        as_json = False
    if folders:
        raise PendingError("not drained", "; ".join(folders), "s3d sync status shows why")
    if not as_json:
        report(CLEAN)


def wait_option(command: F) -> F:
    """Add --wait to a command that writes; it ends with after_writes()."""
    text = "Wait until the remote has every pending write; exit code 6 if it has not."
    return click.option("--wait", is_flag=True, help=text)(command)


def after_writes(session: Session, *, wait: bool, quiet: bool = False) -> None:
    """Say how much is still to be pushed; or wait for it, and raise PendingError."""
    if quiet and not wait:
        return
    queue = session.client().status().queue
    if queue is None or not queue.left.files:
        return
    if wait:
        wait_for_remote(session)
    else:
        then = ", paused: s3d queue resume" if queue.paused else ": s3d drain"
        click.echo(f"safe here; {amount(queue.left)} still to push{then}", err=True)


def wait_for_remote(
    session: Session, deadline: float | None = None, more: Sequence[str] = (), *,
    as_json: bool = False,
) -> None:  # fmt: skip
    """Wait until the remote has every pending write. more: further lines for the error.

    Raises PendingError when something is left.
    """
    held, client = _unconfirmed_account(session), session.queue()
    queue = client.drain(0.0, hurry=False) if held else _drain(client, deadline)
    if as_json:
        json_line(queue)
    if not is_clean(queue):
        raise _left(queue, [*_parked(client, queue), *more], held)


def _drain_folders(session: Session, deadline: float | None) -> list[str]:
    """Wait for the sync folders that are at work, whose uploads go to the queue.

    A file that was saved just before is among their work, and what they have downloaded is reported
    to them as a change. Returns a line for each folder that is not in sync then.
    """
    client = session.client()
    while client.status().sync and any(map(is_moving, session.sync().folders(caught_up=True))):
        for _ in client.events("sync", deadline=deadline):
            if not any(map(is_moving, client.status().sync)):
                break
        if deadline is not None and time.monotonic() >= deadline:
            break
    return _folders_left(client)


def _folders_left(client: ControlClient) -> list[str]:
    return [line for folder in client.status().sync if (line := folder_left(folder))]


def _unconfirmed_account(session: Session) -> str:
    """Why nothing is pushed until the account of the access key is known; "" when it is known."""
    if not _unconfirmed(session):
        return ""
    session.queue().drain(ACCOUNT_CHECK, hurry=True)  # asks the remote once more
    return _unconfirmed(session)


def _unconfirmed(session: Session) -> str:
    remote = session.client().status().remote
    return "" if remote is None else remote.unconfirmed


def _drain(client: QueueClient, deadline: float | None) -> QueueStatus:
    """Wait until nothing is left to push, or until the deadline."""
    pace = REFRESH if sys.stderr.isatty() else LONG_POLL
    line, most, hurry = StatusLine(), 0, True
    try:
        while True:
            wait = pace if deadline is None else min(pace, max(0.0, deadline - time.monotonic()))
            queue = client.drain(wait, hurry=hurry)
            over = deadline is not None and time.monotonic() >= deadline
            if not queue.moving.files or queue.paused or over:
                return queue
            hurry = False
            most = max(most, queue.moving.files)
            line.show(bar(queue, most))
    finally:
        line.close()


def bar(queue: QueueStatus, most: int) -> str:
    """The progress bar. most: the greatest number of writes to push so far."""
    done = 1 - queue.moving.files / most
    filled = int(_WIDTH * done)
    speed = f"{size(int(queue.rate))}/s" if queue.rate else ""
    words = [f"{100 * done:3.0f} %", summary(queue), speed]
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] " + "  ".join(filter(None, words))


def _parked(client: QueueClient, queue: QueueStatus) -> list[str]:
    """The first failed writes with their errors; then the first conflicts."""
    shares = {"failed": queue.failed, "conflict": queue.conflict}
    return [
        f"{write.bucket}/{write.key}: {write.error.code}: {write.error.message}"
        for state in shares
        if shares[state].files
        for write in islice(client.transfers(state=state), LISTED)
        if write.error is not None
    ]


def _left(queue: QueueStatus, parked: list[str], held: str) -> PendingError:
    if held and queue.moving.files:
        parked = [held, *parked]
        remedy = "if the access key is of that account, s3d queue adopt pushes them with it"
    elif queue.paused and queue.moving.files:
        remedy = "s3d queue resume continues pushing"
    elif queue.failed.files:
        remedy = "s3d queue ls --state failed shows why; then retry, export or discard them"
    elif queue.conflict.files and not queue.left.files:
        remedy = (
            "the remote has newer versions: s3d queue retry --force, export or discard the writes"
        )
    elif queue.verifying.files == queue.left.files:
        remedy = "the remote has the writes; s3d verifies them again within 15 minutes: s3d queue"
    else:
        remedy = (
            "the writes are safe on this machine, and s3d pushes them as soon as it can: s3d queue"
        )
    return PendingError("not drained", "; ".join([summary(queue), *parked]), remedy)


def _seconds(text: str) -> float:
    try:
        return parse_age(text)
    except ValueError as error:
        raise UsageError("bad usage", f"--timeout {text!r}: {error}") from error


@click.command("bandwidth")
@click.argument("timetable", required=False)
@json_option
@socket_option
@pass_session
def bandwidth_command(session: Session, /, timetable: str | None, *, as_json: bool) -> None:
    """Show the upload speed of the queue, or limit it until the agent's next start.

    TIMETABLE is a rate in bytes per second, rates by the time of day, or off. To limit the speed
    permanently, set S3D_WRITE_QUEUE_BANDWIDTH.

    \b
    Examples:
      s3d bandwidth
      s3d bandwidth 2MiB
      s3d bandwidth "08:00 512KiB, 18:00 off"
    """
    from s3d.shared.config.values import parse_timetable  # slow to import

    client = session.queue()
    if timetable is None:
        answer = client.bandwidth()
    else:
        try:
            parse_timetable(timetable)
        except ValueError as error:
            raise UsageError("bad usage", f"{timetable!r}: {error}") from error
        answer = client.set_bandwidth(timetable)
    if as_json:
        json_line(answer)
        return
    limit = "none" if answer.limit is None else f"{size(answer.limit)}/s"
    rows = [("limit now", limit), ("pushing", f"{size(int(answer.rate))}/s")]
    fields([("timetable", answer.timetable), *rows])
