"""Pending writes and changes in words, for s3d status, drain and queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3d.shared.text import age, count, safe, size

if TYPE_CHECKING:
    from s3d.shared.syncing import FolderStatus
    from s3d.shared.transfers import QueueStatus, Totals, WaitingRemote

CLEAN = "clean"
CONFLICTS = "s3d queue ls --state conflict"


def amount(share: Totals) -> str:
    """For example: 3 objects, 12 MiB."""
    return f"{count(share.files, 'object')}, {size(share.size)}"


def summary(queue: QueueStatus | None) -> str:
    """One line: clean, or what is pending, and what delays it."""
    if queue is None:
        return CLEAN
    pending = ", ".join([amount(queue.left), *_obstacles(queue)]) if queue.left.files else CLEAN
    conflicts = queue.conflict.files
    return f"{pending}; {count(conflicts, 'conflict')}: {CONFLICTS}" if conflicts else pending


def is_clean(queue: QueueStatus | None) -> bool:
    """Whether nothing is pending and there are no conflicts."""
    return queue is None or not (queue.left.files or queue.conflict.files)


def waiting_for(other: WaitingRemote) -> str:
    """The pending writes of a remote that is not in use, and the command that lists them."""
    return f"{amount(other.writes)} for {safe(other.url)}: s3d queue ls --remote {other.id}"


def folder_left(folder: FolderStatus) -> str:
    """One line that says why a sync folder is not in sync; "" when it is, as far as s3d knows."""
    if folder.state in ("offline", "stopped"):
        return safe(f"sync {folder.state}: {folder.name}: {folder.reason}")
    if left := folder.pending + folder.todo - folder.done:
        return safe(f"sync {folder.state}: {folder.name}: {count(left, 'path')} pending")
    if folder.last_pass is None and folder.state != "paused":
        return safe(f"sync {folder.state}: {folder.name}: not scanned since the start")
    if folder.failed:
        failed = count(folder.failed, "path")
        return safe(f"sync {folder.state}: {folder.name}: {failed} not in sync (s3d sync status)")
    return ""


def is_moving(folder: FolderStatus) -> bool:
    """Whether a sync folder is at work. It is not while it only waits for files being written."""
    if folder.state in ("starting", "syncing"):
        return True
    return folder.state == "idle" and folder.pending > folder.waiting


def _obstacles(queue: QueueStatus) -> list[str]:
    """What delays the pending writes, and how long they will take."""
    obstacles = []
    if queue.failed.files:
        obstacles.append(f"{queue.failed.files:,} failed")
    if queue.held.files:
        obstacles.append(f"{queue.held.files:,} held")
    if queue.verifying.files:
        obstacles.append(f"{queue.verifying.files:,} verifying")
    if queue.moving.files:
        if queue.paused:
            obstacles.append("paused")
        elif queue.trouble:
            obstacles.append(queue.trouble)
        elif queue.remaining is not None:
            obstacles.append(f"~{age(max(1.0, queue.remaining))}")
    return obstacles
