"""The whole table: base x state of the remote x policy -> what becomes of the write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.stores.write_queue.conflict_decision import (
    SKEW,
    Action,
    RemoteState,
    Resolution,
    Start,
    decide,
    resolve,
    same_state,
    start_of,
)
from s3d.agent.stores.write_queue.pending import ABSENT, Base, Kind
from s3d.shared.config.values import ConflictPolicy

PUSH, DONE, CONFLICT = Action.PUSH, Action.DONE, Action.CONFLICT
WRITTEN = 1_000.0
OLD, NEW = WRITTEN - 100, WRITTEN + 100
THEIRS, OURS, BASE = '"theirs"', '"ours"', '"base"'


@pytest.mark.finding("S5")
@pytest.mark.parametrize(
    ("base", "remote", "put", "delete"),
    [
        # The remote is as it was when the write was accepted: whatever its date.
        (BASE, (BASE, OLD), PUSH, PUSH),
        (BASE, (BASE, NEW), PUSH, PUSH),
        (ABSENT, (ABSENT, 0), PUSH, DONE),
        # It is another one: its date decides.
        (BASE, (THEIRS, OLD), PUSH, PUSH),
        (BASE, (THEIRS, NEW), CONFLICT, CONFLICT),
        (ABSENT, (THEIRS, OLD), PUSH, PUSH),
        (ABSENT, (THEIRS, NEW), CONFLICT, CONFLICT),
        (BASE, (ABSENT, 0), CONFLICT, DONE),
        # The base is not known.
        (None, (THEIRS, OLD), PUSH, PUSH),
        (None, (THEIRS, NEW), CONFLICT, CONFLICT),
        (None, (ABSENT, 0), PUSH, DONE),
        # Within the precision of the clocks nobody can tell.
        (None, (THEIRS, WRITTEN), CONFLICT, CONFLICT),
        (None, (THEIRS, WRITTEN - SKEW), PUSH, PUSH),
        (None, (THEIRS, WRITTEN - SKEW + 0.1), CONFLICT, CONFLICT),
        # An earlier push of ours has left it.
        (BASE, (OURS, NEW), PUSH, PUSH),
        (ABSENT, (OURS, NEW), PUSH, PUSH),
        (None, (OURS, NEW), PUSH, PUSH),
    ],
)
def test_what_may_be_replaced(base, remote, put, delete):
    for deletes, action in ((False, put), (True, delete)):
        state = RemoteState(*remote)
        found = decide(Base(WRITTEN, base), state, [OURS], deletes=deletes, offset=0.0)
        assert found is action


def test_an_absence_that_an_earlier_delete_of_ours_has_left_is_no_conflict():
    base = Base(WRITTEN, BASE)
    assert decide(base, RemoteState(ABSENT), [ABSENT], deletes=False, offset=0.0) is PUSH


@pytest.mark.parametrize(("offset", "action"), [(0.0, CONFLICT), (300.0, PUSH), (-300.0, CONFLICT)])
def test_dates_are_compared_on_the_clock_of_the_remote(offset, action):
    remote = RemoteState(THEIRS, WRITTEN + 100)
    assert decide(Base(WRITTEN), remote, [], deletes=False, offset=offset) is action


@pytest.mark.parametrize(("passed", "action"), [(0.0, CONFLICT), (WRITTEN - 0.5, PUSH)])
def test_what_our_client_has_just_written_at_the_remote_is_no_conflict(passed, action):
    remote = RemoteState(THEIRS, WRITTEN - 1)
    assert decide(Base(WRITTEN), remote, [], deletes=False, offset=0, passed=passed) is action


@pytest.mark.parametrize(
    ("policy", "resolution"),
    [
        (ConflictPolicy.PARK, Resolution.PARK),
        (ConflictPolicy.OURS, Resolution.PUSH),
        (ConflictPolicy.THEIRS, Resolution.YIELD),
    ],
)
def test_the_policy_decides_about_conflicts_alone(policy, resolution):
    assert resolve(Action.CONFLICT, policy) is resolution
    assert resolve(Action.PUSH, policy) is Resolution.PUSH
    assert resolve(Action.DONE, policy) is Resolution.DONE


ETAGS = st.sampled_from([ABSENT, BASE, OURS, THEIRS])


@given(
    base=st.none() | ETAGS,
    etag=ETAGS,
    modified=st.floats(0, 2_000),
    ours=st.lists(ETAGS, max_size=2),
    deletes=st.booleans(),
    offset=st.floats(-100, 100),
)
def test_a_newer_foreign_version_is_never_replaced(base, etag, modified, ours, deletes, offset):
    remote = RemoteState(etag, modified)
    action = decide(Base(WRITTEN, base), remote, ours, deletes=deletes, offset=offset)
    is_foreign = etag != ABSENT and etag != base and etag not in ours
    if is_foreign and modified > WRITTEN + offset:
        assert action is CONFLICT
    if action is DONE:
        assert deletes
        assert etag == ABSENT


@pytest.mark.parametrize(
    ("kind", "base", "hint", "is_judged", "is_small", "start"),
    [
        (Kind.PUT, None, None, True, True, Start(False, ABSENT)),
        (Kind.PUT, None, None, True, False, Start(True)),
        (Kind.PUT, None, BASE, True, False, Start(False, BASE)),
        (Kind.PUT, BASE, THEIRS, True, True, Start(False, BASE)),
        (Kind.PUT, ABSENT, None, True, False, Start(False, ABSENT)),
        (Kind.PUT, BASE, BASE, False, True, Start(True)),
        (Kind.DELETE, BASE, None, True, True, Start(False, BASE)),
        (Kind.DELETE, None, BASE, True, True, Start(False, BASE)),
        (Kind.DELETE, None, None, True, True, Start(True)),
        (Kind.DELETE, ABSENT, None, True, True, Start(True)),
        (Kind.DELETE, BASE, None, False, True, Start(True)),
    ],
)
def test_a_push_begins_with_the_cheapest_safe_step(kind, base, hint, is_judged, is_small, start):
    assert start_of(kind, base, hint, is_judged=is_judged, is_small=is_small) == start


def test_quotes_make_no_difference():
    assert same_state('"a"', "a")
    assert not same_state('"a"', ABSENT)
