"""What is pending, in words: for status, drain and queue."""

from __future__ import annotations

from s3d.shared.syncing import FolderStatus
from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import QueueStatus, Share, WaitingRemote

CLEAN = "clean"
CONFLICTS = "s3d queue ls --state conflict"


def amount(share: Share) -> str:
    """3 objects, 12 MiB."""
    return f"{count(share.files, 'object')}, {size(share.size)}"


def summary(queue: QueueStatus | None) -> str:
    """In a line: clean, or what the remote does not have yet, and what keeps it."""
    if queue is None:
        return CLEAN
    pending = ", ".join([amount(queue.left), *_obstacles(queue)]) if queue.left.files else CLEAN
    conflicts = queue.conflict.files
    return f"{pending}; {count(conflicts, 'conflict')}: {CONFLICTS}" if conflicts else pending


def is_clean(queue: QueueStatus | None) -> bool:
    """Whether nothing is pending, and nothing waits for a decision."""
    return queue is None or not (queue.left.files or queue.conflict.files)


def waiting_for(other: WaitingRemote) -> str:
    """What waits for a remote that is not in use, and how to look at it."""
    return f"{amount(other.writes)} for {safe(other.url)}: s3d queue ls --remote {other.id}"


def folder_left(folder: FolderStatus) -> str:
    """Why a sync folder is not in sync, in a line; "" when it is, as far as its agent knows."""
    if folder.state in ("offline", "stopped"):
        return safe(f"sync {folder.state}: {folder.name}: {folder.reason}")
    if left := folder.pending + folder.todo - folder.done:
        return safe(f"sync {folder.state}: {folder.name}: {count(left, 'path')} pending")
    if folder.last_pass is None and folder.state != "paused":
        return safe(f"sync {folder.state}: {folder.name}: not looked through since the start")
    return ""


def is_moving(folder: FolderStatus) -> bool:
    """Whether a sync folder gets in sync by itself soon; not while a file is being written."""
    if folder.state in ("starting", "syncing"):
        return True
    return folder.state == "idle" and folder.pending > folder.waiting


def _obstacles(queue: QueueStatus) -> list[str]:
    """Why it will take how long."""
    found = []
    if queue.failed.files:
        found.append(f"{queue.failed.files:,} failed")
    if queue.held.files:
        found.append(f"{queue.held.files:,} held")
    if queue.verifying.files:
        found.append(f"{queue.verifying.files:,} verifying")
    if queue.moving.files:
        if queue.paused:
            found.append("paused")
        elif queue.trouble:
            found.append(queue.trouble)
        elif queue.remaining is not None:
            found.append(f"~{age(max(1.0, queue.remaining))}")
    return found
