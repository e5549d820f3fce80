"""Transfers while they run and at their end, as the commands show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from s3d.cli.client.control_client import ERRORS
from s3d.cli.client.transfer_client import TransferClient
from s3d.cli.output import StatusLine, complain, json_line, report
from s3d.shared.errors import NotFoundError, PendingError, S3dError, UsageError
from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import LOCAL_CODES, Transfer, TransferError

ENDED = ("done", "failed", "cancelled")
EVERY = "0.5"
"""Seconds between two updates of the progress."""
SHOWN_IDS = 10
"""Ids in a command that a hint shows."""
SHOWN_FAILURES = 20
"""Failures that are listed at the end; s3d transfers show lists up to 1,000."""


REMEDIES = {
    "NoSuchBucket": "list the buckets with: s3d ls",
    "NoSuchVersion": "list the versions with: s3d versions BUCKET/KEY",
    "PreconditionFailed": "the object is another one now: s3d stat BUCKET/KEY shows its ETag",
    "KeyTooLongError": "a key has at most 1,024 bytes of UTF-8",
}
"""Code of a failure that another attempt does not mend -> what to do."""


class Output:
    """What a command prints of its transfers. quiet: errors only. with_progress: also while they
    run, on a terminal."""

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, with_progress: bool = True
    ) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.with_progress = with_progress and not quiet


def wait_for_end(
    client: TransferClient, ids: Sequence[str], output: Output
) -> tuple[int, list[Transfer]]:
    """Wait until all transfers have ended. Returns the exit code, and the transfers.

    Raises PendingError when none of them can begin, because the remote is away. They go on as soon
    as it is back.
    """
    line, left, code = StatusLine(), list(ids), 0
    current: dict[str, Transfer] = {}
    try:
        while left:
            current[left[0]] = client.get(left[0], wait=EVERY)
            for id in left[1:]:
                current[id] = client.get(id)
            for each in [current[id] for id in left if current[id].state in ENDED]:
                line.close()
                code = code or report_end(each, output)
                left.remove(each.id)
            if why := _why_stuck(current.values()):
                raise _left_to_the_agent(left, why)
            if left and output.with_progress:
                line.show(progress(list(current.values())))
    finally:
        line.close()
    return code, list(current.values())


def _why_stuck(transfers: Collection[Transfer]) -> str:
    """Why nothing was moved and nothing is being moved; "" when it is not because of the remote."""
    if any(each.files_done or each.done for each in transfers):
        return ""
    for each in transfers:
        error = each.error
        if each.state == "waiting" and error is not None and error.code == "ServiceUnavailable":
            return f"{named(each)}: {error.message}"
    return ""


def _left_to_the_agent(ids: Sequence[str], why: str) -> PendingError:
    shown = " ".join(ids[:SHOWN_IDS])
    return PendingError(
        "not done yet", safe(why.rstrip(".")),
        f"the agent goes on when the remote is back: s3d transfers show {ids[0]}; "
        f"s3d transfers cancel {shown} ends it",
    )  # fmt: skip


def report_end(transfer: Transfer, output: Output) -> int:
    """Print how a transfer has ended. Returns the exit code for its first error."""
    what = f"{named(transfer)}: {_amount(transfer)}"
    if output.as_json:
        json_line(transfer)
    elif not output.quiet:
        for note in transfer.notes:
            report(f"note: {safe(note)}")
    if transfer.state == "done":
        if not output.as_json and not output.quiet:
            report(what)
        return 0
    error, failed = transfer.error, transfer.files_failed
    kind = S3dError if error is None else ERRORS.get(error.code, S3dError)
    if not output.as_json:
        why = transfer.state if error is None else failure_text(error)
        if failed == 1 and not transfer.files_done:
            what = named(transfer)
        elif failed:
            why = f"{count(failed, 'object')} failed" + (f"; {why}" if failed == 1 else "")
        complain(kind(safe(what), safe(why), _remedy(transfer, kind)))
        for failure in transfer.failures[:SHOWN_FAILURES] if failed > 1 else ():
            click.echo(f"  {safe(failure_text(failure))}", err=True)
        if failed > SHOWN_FAILURES:
            click.echo(f"  s3d transfers show {transfer.id} lists all", err=True)
    return kind.exit_code


def _remedy(transfer: Transfer, kind: type[S3dError]) -> str:
    """What to do about a transfer that has failed, wholly or in part."""
    code = "" if transfer.error is None else transfer.error.code
    if transfer.files_failed > 1:
        code = ""  # the others may have failed for other reasons
    if code == "NoSuchKey":
        return f"s3d ls shows which keys there are; to {transfer.kind} all below a prefix, add -r"
    if code in REMEDIES or (code and kind in (NotFoundError, UsageError)):
        return REMEDIES.get(code, "")  # another attempt fails, too
    return f"s3d transfers retry {transfer.id} moves the failed objects again"


def _amount(transfer: Transfer) -> str:
    """What was moved, what was left at the target, and what a sync has deleted there."""
    moved = transfer.files_done - transfer.files_deleted - transfer.files_existing
    parts = [f"{count(moved, 'object')}, {size(transfer.done - transfer.size_existing)}"]
    if transfer.files_existing:
        parts.append(f"{count(transfer.files_existing, 'object')} skipped, which the target has")
    if transfer.files_deleted:
        parts.append(f"{count(transfer.files_deleted, 'object')} deleted at the target")
    return "; ".join(parts)


def failure_text(error: TransferError) -> str:
    """Why an object was not moved, with the code if it is one of S3's."""
    message = error.message.rstrip(".")
    return message if error.code in LOCAL_CODES else f"{error.code}: {message}"


def named(transfer: Transfer) -> str:
    """The kind of a transfer, its source and its target."""
    source = transfer.source or f"{transfer.bucket}/{transfer.key}"
    target = transfer.target or (f"{transfer.bucket}/{transfer.key}" if transfer.source else "")
    return safe(f"{transfer.kind} {source}" + (f" to {target}" if target else ""))


def progress(transfers: Sequence[Transfer]) -> str:
    """One line for all transfers together: their progress, speed and remaining time."""
    total, done = sum(each.size for each in transfers), sum(each.done for each in transfers)
    rate = sum(each.rate for each in transfers)
    files = sum(each.files for each in transfers)
    moved = sum(each.files_done for each in transfers)
    running = [each for each in transfers if each.state not in ENDED]
    shown = running[0] if running else transfers[0]
    parts = [f"{100 * done // total} %" if total else shown.state]
    if files > 1:
        parts.append(f"{moved:,} of {files:,}")
    if rate:
        parts += [f"{size(round(rate))}/s", f"{age(max(total - done, 0) / rate)} to go"]
    if shown.error is not None:
        parts.append(failure_text(shown.error))
    label = shown.id if len(transfers) == 1 else count(len(transfers), "transfer")
    return f"{label} {', '.join(parts)}"
