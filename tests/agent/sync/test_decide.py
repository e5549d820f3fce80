from dataclasses import replace

import pytest

from s3d.agent.sync.decide import (
    TABLE,
    Action,
    DecisionInputs,
    MassDeletionGuard,
    Mode,
    SideState,
    Step,
    check_deletions,
    decide,
    deletions,
    side_states,
    transfers,
)
from s3d.agent.sync.path_state import (
    UNSUPPORTED,
    BaselineEntry,
    Difference,
    LocalEntry,
    RemoteEntry,
    Residence,
    Signature,
)

SEEN, EDITED = Signature(3, 10, 10, 1), Signature(4, 20, 20, 1)
BASE = BaselineEntry("p", SEEN, 0o644, "sha", '"one"', 3)
LOCAL = {"0": None, "=": LocalEntry("p", SEEN), "*": LocalEntry("p", EDITED)}
REMOTE = {"0": None, "=": RemoteEntry("p", '"one"', 3, 0.0), "*": RemoteEntry("p", '"two"', 5, 0.0)}

ROWS = [
    # (agreed, local, remote, two-way, backup, mirror)
    (False, "0", "0", Action.NOTHING, Action.NOTHING, Action.NOTHING),
    (False, "0", "*", Action.DOWNLOAD, Action.KEEP, Action.DOWNLOAD),
    (False, "*", "0", Action.UPLOAD, Action.UPLOAD, Action.KEEP),
    (False, "*", "*", Action.COMPARE, Action.COMPARE, Action.COMPARE),
    (True, "=", "=", Action.NOTHING, Action.NOTHING, Action.NOTHING),
    (True, "*", "=", Action.UPLOAD, Action.UPLOAD, Action.KEEP),
    (True, "=", "*", Action.DOWNLOAD, Action.KEEP, Action.DOWNLOAD),
    (True, "0", "=", Action.DELETE_REMOTE, Action.FORGET, Action.DOWNLOAD),
    (True, "=", "0", Action.DELETE_LOCAL, Action.UPLOAD, Action.DELETE_LOCAL),
    (True, "*", "*", Action.COMPARE, Action.COMPARE, Action.COMPARE),
    (True, "*", "0", Action.UPLOAD, Action.UPLOAD, Action.KEEP),
    (True, "0", "*", Action.DOWNLOAD, Action.KEEP, Action.DOWNLOAD),
    (True, "0", "0", Action.FORGET, Action.FORGET, Action.FORGET),
]


def difference(agreed: bool, local: str, remote: str) -> Difference:
    return Difference("p", BASE if agreed else None, LOCAL[local], REMOTE[remote])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_the_table(row):
    agreed, local, remote, *wanted = row
    found = [decide(difference(agreed, local, remote), mode) for mode in Mode]
    assert found == wanted


def test_the_table_is_complete():
    assert {(agreed, local, remote) for agreed, local, remote, *_ in ROWS} == set(TABLE)


def test_what_is_equal_is_adopted_and_what_is_not_is_a_conflict():
    both = difference(True, "*", "*")
    assert decide(both, inputs=DecisionInputs(equal=True)) is Action.ADOPT
    assert decide(both, inputs=DecisionInputs(equal=False)) is Action.CONFLICT
    assert decide(both, Mode.BACKUP, DecisionInputs(equal=False)) is Action.KEEP
    assert decide(both, Mode.MIRROR, DecisionInputs(equal=False)) is Action.CONFLICT


OVERLAYS = [
    # (circumstances, difference, action)
    (DecisionInputs(excluded="why"), (True, "0", "="), Action.UNTRACK),
    (DecisionInputs(excluded="why"), (False, "*", "0"), Action.IGNORE),
    (DecisionInputs(excluded="why", trouble="why"), (False, "*", "0"), Action.IGNORE),
    (DecisionInputs(trouble="why"), (True, "0", "="), Action.BLOCK),
    (DecisionInputs(is_quiet=False), (True, "*", "="), Action.WAIT),
    (DecisionInputs(is_quiet=False), (True, "*", "*"), Action.WAIT),
    (DecisionInputs(is_quiet=False), (True, "=", "*"), Action.DOWNLOAD),
    (DecisionInputs(has_room=False), (False, "0", "*"), Action.SKIP),
    (DecisionInputs(has_room=False), (False, "*", "0"), Action.UPLOAD),
    (DecisionInputs(same_local=True), (True, "*", "="), Action.NOTHING),
    (DecisionInputs(same_local=True), (True, "*", "0"), Action.DELETE_LOCAL),
]


@pytest.mark.parametrize(("inputs", "where", "wanted"), OVERLAYS)
def test_what_stands_above_the_table(inputs, where, wanted):
    assert decide(difference(*where), inputs=inputs) is wanted


def test_what_nobody_could_look_at_is_not_gone():
    for local in LOCAL:
        gone = difference(True, local, "0")
        assert decide(gone, is_complete=False) is Action.NOTHING
        assert side_states(gone, is_complete=False)[1] is SideState.UNKNOWN


def test_a_remote_that_was_not_looked_at_is_as_agreed():
    edited = Difference("p", BASE, LOCAL["*"], None, remote_known=False)
    assert decide(edited) is Action.UPLOAD
    new = Difference("p", None, LOCAL["*"], None, remote_known=False)
    assert decide(new) is Action.UPLOAD


def test_a_file_that_was_young_when_it_was_read_may_have_changed():
    racy = Difference("p", BASE._replace(is_racy=True), LOCAL["="], REMOTE["="])
    assert decide(racy) is Action.UPLOAD


def steps(action: Action, count: int, suffix: str = "") -> list[Step]:
    """The first of those that were agreed on."""
    gone_here = action is Action.DELETE_REMOTE
    here, there = (None, REMOTE["="]) if gone_here else (LOCAL["="], None)
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
    with pytest.raises(MassDeletionGuard):
        check_deletions(steps(action, count), agreed=agreed)


@pytest.mark.finding("F9")
@pytest.mark.rule("SYNC-4")
@pytest.mark.parametrize("action", [Action.DELETE_LOCAL, Action.DELETE_REMOTE])
def test_ones_own_edit_is_no_sign_that_a_side_is_as_it_was(action):
    """An empty listing: nine files would go, and the tenth, which was edited, is uploaded again."""
    edit = Action.UPLOAD if action is Action.DELETE_LOCAL else Action.DOWNLOAD
    given = steps(action, 9)
    edited = replace(given[0].difference, path="edited")
    with pytest.raises(MassDeletionGuard, match="9 of 10 files"):
        check_deletions([*given, Step(edited, edit)], agreed=10)
    check_deletions(given, agreed=10)  # the tenth is there


@pytest.mark.finding("F9")
def test_ones_own_pending_write_is_no_sign_that_the_bucket_is_as_it_was():
    given = steps(Action.DELETE_LOCAL, 9)
    with pytest.raises(MassDeletionGuard, match="the bucket is empty: 9 of 10 files"):
        check_deletions(given, agreed=10, own={"pending"})
    check_deletions(given, agreed=11, own={"pending"})
    check_deletions([], agreed=2, own={"a", "b"})


@pytest.mark.finding("D24")
@pytest.mark.parametrize("trouble", UNSUPPORTED)
def test_what_no_bucket_can_hold_is_left_out(trouble):
    link = LocalEntry("p", SEEN, trouble=trouble)
    inputs = DecisionInputs(trouble=trouble)
    assert decide(Difference("p", None, link, None), inputs=inputs) is Action.LEAVE
    # A file that was synced, or an object that it hides, is another matter.
    assert decide(Difference("p", BASE, link, None), inputs=inputs) is Action.BLOCK
    assert decide(Difference("p", None, link, REMOTE["*"]), inputs=inputs) is Action.BLOCK


def test_what_was_deleted_just_before_counts_too():
    check_deletions(steps(Action.DELETE_LOCAL, 30), agreed=100, recent=20)
    with pytest.raises(
        MassDeletionGuard, match="30 of 90 files would be deleted, after 30 just before"
    ):
        check_deletions(steps(Action.DELETE_LOCAL, 30), agreed=90, recent=30)
    check_deletions([], agreed=10, recent=1000)


def test_folders_do_not_count_as_deletions():
    check_deletions(steps(Action.DELETE_LOCAL, 100, "/"), agreed=10)


def test_small_downloads_come_first_and_deletions_last_deepest_first():
    def step(path: str, action: Action, size: int = 0) -> Step:
        return Step(Difference(path, None, None, RemoteEntry(path, "", size, 0.0)), action)

    given = [
        step("a", Action.DELETE_LOCAL),
        step("a/b/c", Action.DELETE_REMOTE),
        step("big", Action.DOWNLOAD, 10),
        step("up", Action.UPLOAD),
        step("small", Action.DOWNLOAD, 1),
        step("same", Action.ADOPT),
    ]
    assert [s.path for s in transfers(given)] == ["same", "small", "big", "up"]
    assert [s.path for s in deletions(given)] == ["a/b/c", "a"]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("remote", "action"),
    [("=", Action.NOTHING), ("*", Action.NOTHING), ("0", Action.FORGET)],
)
def test_an_evicted_file_is_no_deletion_and_no_download_in_any_mode(mode, remote, action):
    evicted = replace(
        difference(True, "0", remote), base=BASE._replace(residence=Residence.EVICTED)
    )
    assert decide(evicted, mode) is action
    assert decide(evicted, mode, DecisionInputs(excluded="a filter")) is action
    if remote == "0":
        assert decide(evicted, mode, is_complete=False) is Action.NOTHING


def test_a_file_in_the_place_of_an_evicted_one_is_a_change():
    base = BASE._replace(residence=Residence.EVICTED)
    assert decide(replace(difference(True, "*", "="), base=base)) is Action.UPLOAD
