"""What is pending, in words: for status, drain and queue."""

from __future__ import annotations

from s3d.shared.text import age, count, size
from s3d.shared.transfers import QueueStatus, Share

CLEAN = "clean"


def amount(share: Share) -> str:
    """3 objects, 12 MiB."""
    return f"{count(share.files, 'object')}, {size(share.size)}"


def summary(queue: QueueStatus | None) -> str:
    """In a line: clean, or what the remote does not have yet, and what keeps it."""
    if queue is None or not queue.left.files:
        return CLEAN
    return ", ".join([amount(queue.left), *_obstacles(queue)])


def _obstacles(queue: QueueStatus) -> list[str]:
    """Why it will take how long."""
    found = []
    if queue.failed.files:
        found.append(f"{queue.failed.files:,} failed")
    if queue.held.files:
        found.append(f"{queue.held.files:,} held")
    if queue.moving.files:
        if queue.paused:
            found.append("paused")
        elif queue.trouble:
            found.append(queue.trouble)
        elif queue.remaining is not None:
            found.append(f"~{age(max(1.0, queue.remaining))}")
    return found
