"""Transfers as texts: rows of the table, the state of each, and one in detail. Pure."""

from __future__ import annotations

from s3d.shared.text import age, count, moment, safe, size
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import object_name
from s3d.tui.draw import bar
from s3d.tui.frame import WIDE
from s3d.tui.table import Column, Row
from s3d.tui.themes import Glyphs

_STYLES = {"failed": "bad", "conflict": "bad", "held": "odd", "running": "good", "done": "dim",
           "cancelled": "dim"}  # fmt: skip
_ARROWS = {"download": "down", "fill": "down", "prefetch": "down", "copy": "to", "move": "to",
           "delete": "bad"}  # fmt: skip
"""Kind of a transfer -> name of its glyph; up for all others."""
_BAR_CELLS = 14
_SAFE = "The data stays in the queue until x. r retries."
_HINTS = {
    "AccessDenied": "grant s3:PutObject to the agent's key, then r. The data stays in the queue.",
    "NoSuchBucket": "create the bucket at the remote, then r. The data stays in the queue.",
    "InvalidAccessKeyId": "set other credentials and restart the agent. The data stays in the "
    "queue.",
}
"""Error code of a push -> what the user can do."""


def transfer_columns(width: int) -> list[Column]:
    """width: cells of the terminal."""
    columns = [Column("ID", 7), Column("Object"), Column("Size", 9, right=True)]
    if width >= WIDE:
        columns += [Column("State", 26), Column("Rate", 11, right=True)]
    else:
        columns += [Column("State", 14)]
    return [*columns, Column("ETA", 6, right=True), Column("Try", 3, right=True)]


def transfer_row(transfer: Transfer, *, width: int, now: float, glyphs: Glyphs) -> Row:
    """A row for transfer_columns() of the same width; its id is that of the transfer."""
    arrow = getattr(glyphs, _ARROWS.get(transfer.kind, "up"))
    name = f"{arrow} {object_name(transfer.bucket, transfer.key)}"
    rate = f"{size(round(transfer.rate))}/s" if transfer.rate else ""
    left = age(transfer.remaining) if transfer.remaining is not None else ""
    state = _state_text(transfer, width=width, now=now, glyphs=glyphs)
    cells = [transfer.id, name, size(transfer.size), state]
    if width >= WIDE:
        cells.append(rate)
    cells += [left, str(transfer.attempts or "")]
    return Row(transfer.id, tuple(cells), _STYLES.get(transfer.state, ""))


def _state_text(transfer: Transfer, *, width: int, now: float, glyphs: Glyphs) -> str:
    """A sign and a word, or the progress."""
    state, error = transfer.state, transfer.error
    signs = {
        "running": glyphs.on, "held": glyphs.held, "failed": glyphs.bad, "done": glyphs.good,
        "cancelled": glyphs.bad, "conflict": glyphs.bad,
    }  # fmt: skip
    sign = signs.get(state, glyphs.retry if error is not None else glyphs.wait)
    if state == "running" and transfer.size:
        share = min(transfer.done / transfer.size, 1.0)
        drawn = f"{bar(share, _BAR_CELLS, glyphs)} " if width >= WIDE else ""
        return f"{sign} {drawn}{share:.0%}"
    if state == "waiting" and error is not None:
        return f"{sign} {error.code}, in {age(max(0.0, transfer.retry_at - now))}"
    if state == "failed" and error is not None:
        return f"{sign} failed: {error.code}"
    return f"{sign} {'paused' if state == 'held' else state}"


def filtered_text(transfer: Transfer) -> str:
    """What a filter looks at: the key, and the code of the error."""
    code = transfer.error.code if transfer.error is not None else ""
    return f"{transfer.bucket}/{transfer.key} {code}"


def transfer_details(transfer: Transfer, now: float) -> list[str]:
    """The lines below the table: everything that the agent knows of one transfer."""
    target = f" to {transfer.target}" if transfer.target else ""
    name = object_name(transfer.bucket, transfer.key)
    lines = [safe(f"{transfer.operation} {name}{target}"), "  ".join(_progress(transfer, now))]
    error = transfer.error
    if error is not None:
        status = f" ({error.status})" if error.status else ""
        lines.append(safe(f"{error.code}{status}: {error.message}"))
        lines.append(safe(f"request id {error.request_id or '-'}"))
    if transfer.state == "failed" and transfer.kind == "push":
        lines.append(_HINTS.get(error.code if error is not None else "", _SAFE))
    elif transfer.state == "conflict":
        lines.append(f"The remote has a newer version: s3d queue retry {transfer.id} --force "
                     "replaces it, x discards this write.")  # fmt: skip
    elif transfer.state == "held":
        lines.append("It is paused: p resumes it, unless a filter excludes it.")
    return lines


def _progress(transfer: Transfer, now: float) -> list[str]:
    parts = [transfer.state]
    if transfer.accepted:
        parts.append(f"accepted {moment(transfer.accepted)}")
    if transfer.done:
        parts.append(f"{size(transfer.done)} of {size(transfer.size)}")
    if transfer.files != 1 or transfer.files_failed:
        failed = f", {transfer.files_failed:,} failed" if transfer.files_failed else ""
        parts.append(f"{transfer.files_done:,} of {count(transfer.files, 'object')}{failed}")
    if transfer.attempts:
        parts.append(f"try {transfer.attempts}")
    if transfer.retry_at > now:
        parts.append(f"next in {age(transfer.retry_at - now)}")
    if transfer.priority:
        parts.append(f"priority {transfer.priority}")
    return parts
