"""s3d drain: wait until the remote has all that was written, and all of the sync folders."""

from __future__ import annotations

import sys
import time
from itertools import islice

import click

from s3d.cli.output import StatusLine, json_line, report
from s3d.cli.pending import CLEAN, folder_left, is_clean, is_moving, summary
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.blocking import ControlClient
from s3d.shared.blocking_queue import QueueClient
from s3d.shared.errors import PendingError, UsageError
from s3d.shared.text import size
from s3d.shared.transfers import QueueStatus
from s3d.shared.units import parse_age

LOOK = 0.5
"""Seconds between two looks while a person watches."""
PATIENCE = 20.0
"""Seconds between two looks otherwise."""
FOLDER_LOOK = 0.25
"""Seconds between two looks at the sync folders."""
CONFIRMING = 2.0
"""Seconds that the remote has to say whose the access key is."""
NAMED = 3
"""Writes that are named of those that failed."""
_WIDTH = 24


@click.command("drain")
@click.option("--timeout", metavar="AGE", help="Give up after this time, such as 90s or 5m.")
@json_option
@socket_option
@pass_session
def drain_command(session: Session, /, *, timeout: str | None, as_json: bool) -> None:
    """Wait until the remote has everything; exit 6 with what is left when it cannot.

    Tries at once what is delayed. Writes that failed or are held do not go by themselves: they are
    not waited for, and are left; neither is anything while it is not known whose the access key is.
    Sync folders that are at work are waited for; one that is paused, stopped or offline is left.

    \b
    Examples:
      s3d drain && systemctl suspend
      s3d drain --timeout 5m
    """
    deadline = None if timeout is None else time.monotonic() + _seconds(timeout)
    folders = _drain_folders(session.client(), deadline)
    if session.client().status().queue is not None:  # else no remote, or written to at once
        held, client = _held(session), session.queue()
        queue = client.drain(0.0, hurry=False) if held else _drain(client, deadline)
        if as_json:
            json_line(queue)
        if not is_clean(queue):
            raise _left(queue, [*_parked(client, queue), *folders], held)
        folders = _folders_left(session.client())
    else:
        as_json = False
    if folders:
        raise PendingError("not drained", "; ".join(folders), "s3d sync status tells more")
    if not as_json:
        report(CLEAN)


def _drain_folders(client: ControlClient, deadline: float | None) -> list[str]:
    """Wait for the sync folders that are at work, whose uploads go to the queue; what is left."""
    while any(map(is_moving, client.status().sync)):
        if deadline is not None and time.monotonic() >= deadline:
            break
        time.sleep(FOLDER_LOOK)  # noqa: TID251 - the status tells more than any one event
    return _folders_left(client)


def _folders_left(client: ControlClient) -> list[str]:
    return [line for folder in client.status().sync if (line := folder_left(folder))]


def _held(session: Session) -> str:
    """Why nothing is pushed until a person says whose the access key is; "" where it is known."""
    if not _unconfirmed(session):
        return ""
    session.queue().drain(CONFIRMING, hurry=True)  # the remote is asked once more
    return _unconfirmed(session)


def _unconfirmed(session: Session) -> str:
    remote = session.client().status().remote
    return "" if remote is None else remote.unconfirmed


def _drain(client: QueueClient, deadline: float | None) -> QueueStatus:
    """Until nothing moves any more, or until then."""
    pace = LOOK if sys.stderr.isatty() else PATIENCE
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
    """How far it is. most: writes that moved when there were most of them."""
    done = 1 - queue.moving.files / most
    filled = int(_WIDTH * done)
    speed = f"{size(int(queue.rate))}/s" if queue.rate else ""
    words = [f"{100 * done:3.0f} %", summary(queue), speed]
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] " + "  ".join(filter(None, words))


def _parked(client: QueueClient, queue: QueueStatus) -> list[str]:
    """The first of the writes that failed, and what with; then the first of the conflicts."""
    shares = {"failed": queue.failed, "conflict": queue.conflict}
    return [
        f"{write.bucket}/{write.key}: {write.error.code}: {write.error.message}"
        for state in shares
        if shares[state].files
        for write in islice(client.transfers(state=state), NAMED)
        if write.error is not None
    ]


def _left(queue: QueueStatus, parked: list[str], held: str) -> PendingError:
    if held and queue.moving.files:
        parked = [held, *parked]
        remedy = "s3d queue adopt pushes them with this access key, if it is of that account"
    elif queue.paused and queue.moving.files:
        remedy = "s3d queue resume lets it go on"
    elif queue.failed.files:
        remedy = "s3d queue ls --state failed tells why; then retry, export or discard them"
    elif queue.conflict.files and not queue.left.files:
        remedy = "s3d queue retry --force, export or discard them: the remote has newer versions"
    elif queue.verifying.files == queue.left.files:
        remedy = "the remote has them; they are checked again within 15 minutes: s3d queue"
    else:
        remedy = "they are safe here, and will be pushed when that is possible: s3d queue"
    return PendingError("not drained", "; ".join([summary(queue), *parked]), remedy)


def _seconds(text: str) -> float:
    try:
        return parse_age(text)
    except ValueError as error:
        raise UsageError("bad usage", f"--timeout {text!r}: {error}") from error
