"""Whether a pending write may be pushed over what the remote has. Pure: tables and comparisons.

A write is older than what the remote has when the remote's object was modified after the write was
accepted. An older write never goes over a newer one by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from typing import NamedTuple

from s3d.agent.s3.messages import Members
from s3d.agent.stores.write_queue.pending import ABSENT, Base, Kind
from s3d.shared.config.values import ConflictPolicy

SKEW = 2.0
"""Seconds that must lie between the remote's modification and our acceptance: Last-Modified and
Date, from which the difference of the clocks is known, have whole seconds."""
SMALL = 256 * 1024
"""Bytes up to which a push tries If-None-Match without a look. A larger body is worth a HEAD."""


class RemoteState(NamedTuple):
    """What HeadObject shows of a key."""

    etag: str
    """ABSENT when there is no object."""
    modified: float = 0.0
    """Unix seconds of the remote's clock."""


def state_of(head: Members) -> RemoteState:
    """Of an answer of HeadObject; empty for a key that is not there."""
    if not head:
        return RemoteState(ABSENT)
    modified = head.get("LastModified")
    return RemoteState(str(head.get("ETag", "")), modified.timestamp() if modified else 1e12)


class Action(Enum):
    """What follows from the base of a write and the state of the remote."""

    PUSH = auto()
    """The write is the newer one, or follows one of ours."""
    DONE = auto()
    """The remote is already as the write would leave it."""
    CONFLICT = auto()
    """Somebody else's newer version is there."""


class Resolution(Enum):
    """What becomes of a write."""

    PUSH = auto()
    DONE = auto()
    PARK = auto()
    YIELD = auto()
    """The write is dropped."""


class Start(NamedTuple):
    """How a push begins."""

    look: bool
    """Ask for the state of the remote first."""
    expected: str | None = None
    """The state that the push makes its condition; None: no condition."""


def decide(
    base: Base,
    remote: RemoteState,
    ours: Collection[str],
    *,
    deletes: bool,
    offset: float,
    passed: float = 0.0,
) -> Action:
    """ours: states that earlier pushes of ours may have left. offset: seconds that the remote's
    clock is ahead of ours. passed: when an earlier write of this key that our client made at the
    remote itself was answered, Unix seconds of our clock; 0: there was none."""
    if deletes and remote.etag == ABSENT:
        return Action.DONE
    if base.etag is not None and same_state(base.etag, remote.etag):
        return Action.PUSH
    if any(same_state(each, remote.etag) for each in ours):
        return Action.PUSH
    if remote.etag == ABSENT:
        # A deletion has no date: it counts as newer when the object was there before.
        return Action.PUSH if base.etag is None else Action.CONFLICT
    is_older = remote.modified + SKEW <= base.written + offset
    is_passed = passed > 0 and remote.modified <= passed + offset + SKEW
    return Action.PUSH if is_older or is_passed else Action.CONFLICT


def resolve(action: Action, policy: ConflictPolicy) -> Resolution:
    """The policy decides about conflicts alone."""
    if action is Action.CONFLICT:
        return _RESOLUTIONS[policy]
    return Resolution.PUSH if action is Action.PUSH else Resolution.DONE


_RESOLUTIONS = {
    ConflictPolicy.PARK: Resolution.PARK,
    ConflictPolicy.OURS: Resolution.PUSH,
    ConflictPolicy.THEIRS: Resolution.YIELD,
}


def start_of(
    kind: Kind, base: str | None, hint: str | None, *, is_judged: bool, is_small: bool
) -> Start:
    """The cheapest first step that cannot replace a newer version.

    base: the state that this write replaces, as it is known. hint: what the remote had when it was
    last asked. is_judged: the remote judges the condition of this kind of write.
    """
    if not is_judged:
        return Start(look=True)
    expected = hint if base is None else base
    if kind is Kind.DELETE:
        # No condition says that a key must be absent for its deletion.
        return Start(look=True) if not expected else Start(look=False, expected=expected)
    if expected is not None:
        return Start(look=False, expected=expected)
    # Most keys are new: one request instead of two. A key that is there answers 412, and is then
    # looked at.
    return Start(look=False, expected=ABSENT) if is_small else Start(look=True)


def same_state(one: str, other: str) -> bool:
    """Whether two ETags, or two absences, are the same."""
    return one.strip('"') == other.strip('"')
