from dataclasses import replace

import pytest

from s3d.agent.sync.decide import Action, Step
from s3d.agent.sync.mass_deletion import ApprovalNeeded, check_deletions
from s3d.agent.sync.path_state import (
    BaselineEntry,
    Difference,
    LocalEntry,
    RemoteEntry,
    Signature,
)

SEEN = Signature(3, 10, 10, 1)
BASE = BaselineEntry("p", SEEN, 0o644, "sha", '"one"', 3)
LOCAL, REMOTE = LocalEntry("p", SEEN), RemoteEntry("p", '"one"', 3, 0.0)


def steps(action: Action, count: int, suffix: str = "") -> list[Step]:
    """The first of those that were agreed on."""
    gone_here = action is Action.DELETE_REMOTE
    here, there = (None, REMOTE) if gone_here else (LOCAL, None)
    paths = [f"{number}{suffix}" for number in range(count)]
    return [Step(Difference(path, BASE, here, there), action) for path in paths]


@pytest.mark.parametrize("action", [Action.DELETE_LOCAL, Action.DELETE_REMOTE])
@pytest.mark.parametrize(
    ("count", "agreed", "is_doubtful"),
    [(1, 1, False), (2, 2, True), (2, 3, False), (50, 60, False), (51, 60, True),
     (51, 1000, False), (250, 1000, False), (251, 1000, True)],
)  # fmt: skip
def test_a_plan_that_deletes_much_is_not_believed(action, count, agreed, is_doubtful):
    if not is_doubtful:
        return check_deletions(steps(action, count), agreed=agreed)
    with pytest.raises(ApprovalNeeded):
        check_deletions(steps(action, count), agreed=agreed)


@pytest.mark.finding("F9")
@pytest.mark.rule("SYNC-4")
@pytest.mark.parametrize("action", [Action.DELETE_LOCAL, Action.DELETE_REMOTE])
def test_ones_own_edit_is_no_sign_that_a_side_is_as_it_was(action):
    """An empty listing: nine files would go, and the tenth, which was edited, is uploaded again."""
    edit = Action.UPLOAD if action is Action.DELETE_LOCAL else Action.DOWNLOAD
    given = steps(action, 9)
    edited = replace(given[0].difference, path="edited")
    with pytest.raises(ApprovalNeeded, match="9 of 10 files"):
        check_deletions([*given, Step(edited, edit)], agreed=10)
    check_deletions(given, agreed=10)  # the tenth is there


@pytest.mark.finding("F9")
def test_ones_own_pending_write_is_no_sign_that_the_bucket_is_as_it_was():
    given = steps(Action.DELETE_LOCAL, 9)
    with pytest.raises(ApprovalNeeded, match="the bucket is empty: 9 of 10 files"):
        check_deletions(given, agreed=10, own={"pending"})
    check_deletions(given, agreed=11, own={"pending"})
    check_deletions([], agreed=2, own={"a", "b"})


def test_what_was_deleted_just_before_counts_too():
    check_deletions(steps(Action.DELETE_LOCAL, 30), agreed=100, recent=20)
    with pytest.raises(
        ApprovalNeeded, match="30 of 90 files would be deleted, after 30 just before"
    ):
        check_deletions(steps(Action.DELETE_LOCAL, 30), agreed=90, recent=30)
    check_deletions([], agreed=10, recent=1000)


def test_folders_do_not_count_as_deletions():
    check_deletions(steps(Action.DELETE_LOCAL, 100, "/"), agreed=10)
