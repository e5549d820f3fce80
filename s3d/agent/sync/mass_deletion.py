"""Whether a pass would delete so much that the user has to approve it first. Pure.

A pass that deletes most of a folder is rarely meant: more likely a disk is not mounted, or somebody
has emptied the bucket. So the folder stops before the first deletion, until `s3d sync approve`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from s3d.agent.sync.decide import DELETIONS, Action, Step
from s3d.agent.sync.path_state import is_folder

MAX_DELETIONS = 50
MAX_DELETED_SHARE = 0.25
"""Files, and share of all files, of which a pass has to exceed both to need approval."""


class ApprovalNeeded(Exception):
    """A pass would delete so many files that the user has to approve it first. str(): why."""


def is_mass_deletion(deleted: int, total: int) -> bool:
    """Whether a person has to approve the deletion of so many of total files: of more than
    MAX_DELETIONS, and of more than MAX_DELETED_SHARE."""
    return deleted > max(MAX_DELETIONS, MAX_DELETED_SHARE * total)


def check_deletions(
    steps: Iterable[Step], *, agreed: int, recent: int = 0, own: Collection[str] = ()
) -> None:
    """Raises ApprovalNeeded for a plan that empties a side, or deletes too much of it.

    agreed: number of files in the baseline. recent: number of files that were deleted just before,
    since the removal of a tree is seen in several passes. own: agreed paths whose object is a
    pending write of this agent. Such an object is not counted as one that the remote has.

    A pass needs approval when it deletes more than 50 files and more than a quarter of them. It
    also needs approval when it deletes anything while one side has none of the agreed files, of
    which there are two or more, even if some are uploaded or downloaded again: that looks like a
    disk that is not mounted, or like a folder or bucket that was replaced.
    """
    steps = [step for step in steps if not is_folder(step.path)]
    found = [step for step in steps if step.action in DELETIONS]
    known = [step.difference for step in steps if step.difference.base is not None]
    there = {d.path for d in known if d.remote_known and d.remote is None}.union(own)
    here = {d.path for d in known if d.local is None}
    for action, gone, where, side in (
        (Action.DELETE_LOCAL, there, "from the folder", "the bucket"),
        (Action.DELETE_REMOTE, here, "from the bucket", "the folder"),
    ):
        count = sum(step.action is action for step in found)
        if count and len(gone) >= max(agreed, 2):
            many = "all" if count >= agreed else f"{count} of"
            raise ApprovalNeeded(f"{side} is empty: {many} {agreed} files would be deleted {where}")
    if found and is_mass_deletion(len(found) + recent, agreed + recent):
        before = f", after {recent} just before" if recent else ""
        raise ApprovalNeeded(f"{len(found)} of {agreed} files would be deleted{before}")
