"""Transfers as texts: rows of the table, the state of each, and one in detail. Pure."""

from __future__ import annotations

from s3d.shared.text import age, count, moment, safe, size
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import object_name
from s3d.tui.columns import Column
from s3d.tui.draw import bar
from s3d.tui.frame import WIDE
from s3d.tui.panes.transfer_jobs import ListedTransfer, can
from s3d.tui.table import Row
from s3d.tui.themes import Glyphs

_STYLES = {"failed": "bad", "conflict": "bad", "held": "odd", "running": "good", "done": "dim",
           "cancelled": "dim"}  # fmt: skip
_ARROWS = {"download": "down", "fill": "down", "prefetch": "down", "copy": "to", "move": "to",
           "delete": "bad"}  # fmt: skip
"""Kind of a transfer -> name of its glyph; up for all others."""
_BAR_CELLS = 14
_SAFE = "Your data is safe on this machine."
_HINTS = {
    "AccessDenied": f"Grant s3:PutObject to the agent's key, then press r. {_SAFE}",
    "NoSuchBucket": f"Create the bucket at the remote, then press r. {_SAFE}",
    "InvalidAccessKeyId": f"Set other credentials and restart the agent. {_SAFE}",
}
"""Error code of a push -> what the user can do."""
_STOPPING = {"pause": "pausing after this part", "discard": "cancelling after this part"}
_FILTERED = "Filtered"
"""Error code of a write that the filter holds."""


def is_filtered(transfer: Transfer) -> bool:
    """Whether it is held by the filter, not paused by the user."""
    return transfer.error is not None and transfer.error.code == _FILTERED


def transfer_columns(width: int) -> list[Column]:
    """width: cells of the terminal."""
    columns = [Column("ID", 7, shown_from=76), Column("Object"), Column("Size", 9, right=True)]
    if width >= WIDE:
        columns += [Column("State", 26), Column("Rate", 11, right=True)]
    else:
        columns += [Column("State", 16)]
    ends = [Column("ETA", 6, right=True), Column("Try", 3, right=True, shown_from=76)]
    return [*columns, *ends]


def transfer_row(
    listed: ListedTransfer, *, width: int, now: float, glyphs: Glyphs, trouble: str = ""
) -> Row:
    """A row for transfer_columns() of the same width; its id is that of the transfer.

    trouble: why nothing is pushed, as QueueStatus has it.
    """
    transfer = listed.transfer
    arrow = getattr(glyphs, _ARROWS.get(transfer.kind, "up"))
    fold = ("- " if listed.is_expanded else "+ ") if listed.parts else ""
    indent = "  " if listed.is_part else ""
    name = f"{indent}{fold}{arrow} {object_name(transfer.bucket, transfer.key)}"
    rate = f"{size(round(transfer.rate))}/s" if transfer.rate else ""
    left = "" if transfer.remaining is None or trouble else age(transfer.remaining)
    state = state_text(transfer, width=width, now=now, glyphs=glyphs, trouble=trouble)
    cells = [transfer.id, name, _size_text(transfer), state]
    if width >= WIDE:
        cells.append(rate)
    cells += [left, str(transfer.attempts or "")]
    return Row(transfer.id, tuple(cells), _STYLES.get(transfer.state, ""))


def _size_text(transfer: Transfer) -> str:
    """A total that still grows has a +."""
    return size(transfer.size) + ("+" if transfer.counting else "")


def state_text(
    transfer: Transfer, *, width: int, now: float, glyphs: Glyphs, trouble: str = ""
) -> str:
    """A sign and words, or the progress; fewer words below WIDE cells."""
    state, error, is_narrow = transfer.state, transfer.error, width < WIDE
    signs = {
        "running": glyphs.run, "held": glyphs.held, "failed": glyphs.bad, "done": glyphs.good,
        "cancelled": glyphs.bad, "conflict": glyphs.bad,
    }  # fmt: skip
    sign = signs.get(state, glyphs.retry if error is not None else glyphs.wait)
    if state == "running":
        return f"{sign} {_running_text(transfer, width, glyphs)}"
    if state == "waiting" and error is not None:
        wait = transfer.retry_at - now
        if trouble and transfer.kind == "push" and wait <= 0:
            return f"{sign} waiting" if is_narrow else f"{sign} waits: {trouble}"
        retry = f"retry in {age(wait)}" if wait >= 1 else "retry is due"
        return f"{sign} {retry}" if is_narrow else f"{sign} {error.code}, {retry}"
    if state == "failed" and error is not None:
        return f"{sign} {'' if is_narrow else 'failed: '}{_failure_text(transfer)}"
    if state == "held":
        return f"{sign} {_held_word(transfer)}"
    skipped = f", {transfer.files_skipped:,} skipped" if transfer.files_skipped else ""
    return f"{sign} {state}{skipped}"


def _running_text(transfer: Transfer, width: int, glyphs: Glyphs) -> str:
    is_narrow = width < WIDE
    if transfer.stopping:
        text = _STOPPING[transfer.stopping]
        return text.partition(" ")[0] if is_narrow else text
    if transfer.counting:
        done = "" if is_narrow else f"{transfer.files_done:,} done, "
        return f"{done}counting{glyphs.more}"
    if not transfer.size:
        return "running"
    share = min(transfer.done / transfer.size, 0.99)  # at 100 % it has ended
    drawn = f"{bar(share, _BAR_CELLS, glyphs)} " if width >= WIDE else ""
    return f"{drawn}{share:.0%}"


def _held_word(transfer: Transfer) -> str:
    return "held by filter" if is_filtered(transfer) else "paused"


def _failure_text(transfer: Transfer) -> str:
    """The code of the error; of several objects, how many have failed."""
    if transfer.files > 1:
        return f"{transfer.files_failed:,} of {count(transfer.files, 'file')}"
    return transfer.error.code if transfer.error is not None else ""


def transfer_details(transfer: Transfer, now: float) -> list[str]:
    """The lines below the table: everything that the agent knows of one transfer."""
    name = object_name(transfer.bucket, transfer.key)
    source = transfer.source or name
    target = name if transfer.source else transfer.target
    way = f"{transfer.operation} {source}" + (f" to {target}" if target else "")
    lines = [safe(way), "  ".join(_progress(transfer, now))]
    lines += [line for line in (_remote_line(transfer),) if line]
    error = transfer.error if transfer.state != "held" else None
    if error is not None:
        status = f" (HTTP {error.status})" if error.status else ""
        lines.append(safe(f"{error.code}{status}: {error.message}"))
    lines += _advice(transfer)  # before what can be cut where there is little room
    if error is not None and error.request_id:
        lines.append(safe(f"request id {error.request_id}"))
    return [*lines, *map(safe, transfer.notes)]


def _remote_line(transfer: Transfer) -> str:
    """Of an upload: what the remote does not have yet."""
    pending = transfer.pending
    if pending is None or not pending.files:
        return ""
    return f"stored on this machine; {count(pending.files, 'file')}, {size(pending.size)}, to push"


def _advice(transfer: Transfer) -> list[str]:
    """What the user can do about its state."""
    error, state = transfer.error, transfer.state
    if state == "failed" and transfer.kind == "push":
        return [
            _HINTS.get(
                error.code if error is not None else "", f"{_SAFE} r retries, x discards it."
            )
        ]
    if state == "conflict":
        return [f"The remote has a newer version: s3d queue retry {transfer.id} --force "
                "replaces it, x discards this write."]  # fmt: skip
    if state == "held" and error is not None and is_filtered(transfer):
        return [safe(f"Held by filter: {error.message}")]
    if state == "held":
        return ["Paused. p resumes."]
    if state == "running" and transfer.kind == "push" and not can(transfer, "pause"):
        return [] if transfer.stopping else ["A single request: it cannot be paused or cancelled."]
    return []


def _progress(transfer: Transfer, now: float) -> list[str]:
    word = _held_word(transfer) if transfer.state == "held" else transfer.state
    parts = [_STOPPING.get(transfer.stopping, word)]
    if transfer.accepted:
        parts.append(f"accepted {moment(transfer.accepted)}")
    if transfer.done:
        parts.append(f"{size(transfer.done)} of {_size_text(transfer)}")
    if transfer.files != 1 or transfer.files_failed:
        failed = f", {transfer.files_failed:,} failed" if transfer.files_failed else ""
        files = "counting" if transfer.counting else count(transfer.files, "file")
        parts.append(f"{transfer.files_done:,} of {files}{failed}")
    if transfer.files_skipped:
        parts.append(f"{count(transfer.files_skipped, 'file')} skipped")
    if transfer.attempts:
        parts.append(f"try {transfer.attempts}")
    if transfer.retry_at > now:
        parts.append(f"next try in {age(transfer.retry_at - now)}")
    if transfer.priority:
        parts.append(f"priority {transfer.priority}")
    return parts
