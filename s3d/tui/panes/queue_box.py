"""The box above the transfers: rates, the number in each state, and why nothing moves. Pure."""

from __future__ import annotations

from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import QueueStatus
from s3d.tui.app_state import State
from s3d.tui.draw import highest, spark
from s3d.tui.panes.transfer_rows import is_filtered
from s3d.tui.themes import Glyphs

VIEWS = ("all", "running", "waiting", "held", "failed", "conflict", "verifying", "done")
"""The states that can be listed alone."""
_RARE = frozenset(("conflict", "verifying"))
"""States whose counter is shown only when a write has them: 80 columns have no room for all."""


def queue_lines(state: State, view: str, *, width: int, now: float, glyphs: Glyphs) -> list[str]:
    """Two lines. view: the one of VIEWS that is listed. width: cells of each sparkline."""
    both = ((glyphs.up, state.upload_rates), (glyphs.down, state.download_rates))
    rates = "  ".join(
        f"{sign} {size(round(each[-1] if each else 0.0)):>9}/s "
        f"{spark(highest(each, width), width, glyphs)}"
        for sign, each in both
    )
    counters = "  ".join(filter(None, (_counter(state, each, view) for each in VIEWS)))
    queue = state.queue
    if queue is None:
        return [rates, counters]
    paused = f"{paused_text(queue)}  " if queue.paused else ""
    eta = f"  ETA {age(queue.remaining)}" if queue.remaining is not None else ""
    trouble = f"  {queue_trouble(queue, now)}" if queue.trouble else ""
    return [rates, f"{paused}{counters}{eta}{safe(trouble)}"]


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
