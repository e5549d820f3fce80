"""The box above the transfers: rates, the number in each state, and why nothing moves. Pure."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import QueueStatus
from s3d.tui.app_state import State
from s3d.tui.draw import colored_spark, highest
from s3d.tui.panes.transfer_rows import is_filtered
from s3d.tui.themes import Glyphs

VIEWS = ("all", "running", "waiting", "held", "failed", "conflict", "verifying", "done")
"""The states that can be listed alone."""
_RARE = frozenset(("conflict", "verifying"))
"""States whose counter is shown only when a write has them: 80 columns have no room for all."""
_AROUND_CHART, _MIN_CHART = 16, 8
"""Cells that a rate takes beside its chart, and of the smallest chart."""


def queue_lines(
    state: State, view: str, *, width: int, now: float, glyphs: Glyphs
) -> list[str | Content]:
    """Two or three lines. view: the one of VIEWS that is listed. width: cells of a line."""
    both = ((glyphs.up, state.upload_rates), (glyphs.down, state.download_rates))
    room = max((width - 2 * _AROUND_CHART) // 2, _MIN_CHART)
    rates = Content("  ").join(
        Content(f"{sign} {size(round(each[-1] if each else 0.0)):>9}/s ")
        + colored_spark(highest(each, room), room, glyphs)
        for sign, each in both
    )
    parts, queue = list(filter(None, (_counter(state, each, view) for each in VIEWS))), state.queue
    if queue is None:
        return [rates, _joined(parts, width)]
    if queue.paused:
        parts.insert(0, paused_text(queue))
    if queue.remaining:  # it is 0 for a while after the last push
        eta = f"ETA {age(queue.remaining)}"
        if cell_len(_joined([*parts, eta], width)) <= width:
            parts.append(eta)
    trouble = [safe(queue_trouble(queue, now))] if queue.trouble else []
    if cell_len(_joined(parts + trouble, width)) <= width:
        return [rates, _joined(parts + trouble, width)]
    return [rates, _joined(parts, width), *trouble]


def _joined(parts: list[str], width: int) -> str:
    """The parts in one line, with less between them where there is little room."""
    line = "  ".join(parts)
    return line if cell_len(line) <= width else " ".join(parts)


def _counter(state: State, view: str, chosen: str) -> str:
    """For example "paused 1", in brackets for the view that is listed; "" for a rare state that no
    transfer has."""
    number = state.transfer_count(view)
    text = f"{_word(state, view)} {number:,}"
    if view == chosen:
        return f"[{text}]"
    return text if number or view not in _RARE else ""


def _word(state: State, view: str) -> str:
    """The user has paused what is held, unless the filter holds some of it."""
    return "paused" if view == "held" and not any(map(is_filtered, state.transfers)) else view


def paused_text(queue: QueueStatus) -> str:
    """The state of a paused queue, with what was still being sent."""
    running = queue.running.files
    return f"Paused, {count(running, 'upload')} still ending" if running else "Paused"


def queue_trouble(queue: QueueStatus, now: float) -> str:
    """Why nothing is pushed, and when the agent checks again."""
    if queue.next_check is None:
        return queue.trouble
    return f"{queue.trouble}, next check in {age(queue.next_check - now)} (R checks now)"


def queue_text(queue: QueueStatus | None, now: float) -> str:
    """The line at the foot: how full the queue is, and how old its oldest write."""
    if queue is None:
        return " No remote is set: writes are stored on this machine, and there is no queue."
    oldest = f", oldest {age(now - queue.oldest)}" if queue.oldest else ""
    left = queue.left
    full = f"{size(left.size)} of {size(queue.limits.max_size)}"
    return f" queue {count(left.files, 'write')}, {full}{oldest}"
