from dataclasses import replace

import pytest

from s3d.agent.sync.decide import (
    TABLE,
    Action,
    DecisionInputs,
    Mode,
    SideState,
    Step,
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


@pytest.mark.finding("D24")
@pytest.mark.parametrize("trouble", UNSUPPORTED)
def test_what_no_bucket_can_hold_is_left_out(trouble):
    link = LocalEntry("p", SEEN, trouble=trouble)
    inputs = DecisionInputs(trouble=trouble)
    assert decide(Difference("p", None, link, None), inputs=inputs) is Action.LEAVE
    # A file that was synced, or an object that it hides, is another matter.
    assert decide(Difference("p", BASE, link, None), inputs=inputs) is Action.BLOCK
    assert decide(Difference("p", None, link, REMOTE["*"]), inputs=inputs) is Action.BLOCK


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
