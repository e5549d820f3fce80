"""The decision for one path, and the order of the steps of a plan. Pure.

The tables are the complete policy. A path that is missing counts as deleted only if the folder or
the listing that it should be in was read completely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from s3d.agent.sync.path_state import (
    UNSUPPORTED,
    Difference,
    Residence,
    is_changed,
    is_other,
)


class Action(StrEnum):
    """What to do about a path."""

    NOTHING = "nothing"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    DELETE_LOCAL = "delete-local"
    DELETE_REMOTE = "delete-remote"
    COMPARE = "compare"
    """Both sides have changed, so their contents have to be compared."""
    CONFLICT = "conflict"
    ADOPT = "adopt"
    FORGET = "forget"
    WAIT = "wait"
    """The local file is still being written."""
    BLOCK = "block"
    """It cannot be synced; neither side is touched."""
    UNTRACK = "untrack"
    """It is excluded now. Its agreement is dropped; neither side is touched."""
    IGNORE = "ignore"
    SKIP = "skip"
    """There is no room for it."""
    MOVE = "move"
    """It was renamed on one side, and is renamed on the other one."""
    LEAVE = "leave"
    """It is a link or a device, which no bucket can hold; this is no failure."""
    KEEP = "keep"
    """The mode of the folder leaves the difference as it is."""


DELETIONS = frozenset((Action.DELETE_LOCAL, Action.DELETE_REMOTE))


class Mode(StrEnum):
    """The direction of changes."""

    TWO_WAY = "two-way"
    BACKUP = "backup"
    """From the folder to the bucket; nothing is ever deleted, and the folder is never touched."""
    MIRROR = "mirror"
    """From the bucket to the folder; nothing is ever written to the bucket."""


class SideState(StrEnum):
    """One side of a path compared with the baseline."""

    ABSENT = "0"
    SAME = "="
    CHANGED = "*"
    UNKNOWN = "?"
    """It could not be determined."""


_0, _S, _C = SideState.ABSENT, SideState.SAME, SideState.CHANGED

TABLE: Mapping[tuple[bool, SideState, SideState], Action] = {
    # (was agreed on, local, remote)
    (False, _0, _0): Action.NOTHING,
    (False, _0, _C): Action.DOWNLOAD,
    (False, _C, _0): Action.UPLOAD,
    (False, _C, _C): Action.COMPARE,
    (True, _S, _S): Action.NOTHING,
    (True, _C, _S): Action.UPLOAD,
    (True, _S, _C): Action.DOWNLOAD,
    (True, _0, _S): Action.DELETE_REMOTE,
    (True, _S, _0): Action.DELETE_LOCAL,
    (True, _C, _C): Action.COMPARE,
    (True, _C, _0): Action.UPLOAD,  # an edit wins over a deletion
    (True, _0, _C): Action.DOWNLOAD,
    (True, _0, _0): Action.FORGET,
}
"""For paths of which both sides are known. SAME needs an agreement."""

_ONE_WAY: Mapping[Mode, Mapping[tuple[Action, SideState, SideState], Action]] = {
    Mode.TWO_WAY: {},
    Mode.BACKUP: {
        (Action.DOWNLOAD, _0, _C): Action.KEEP,
        (Action.DOWNLOAD, _S, _C): Action.KEEP,
        (Action.DELETE_REMOTE, _0, _S): Action.FORGET,
        (Action.DELETE_LOCAL, _S, _0): Action.UPLOAD,
        (Action.CONFLICT, _C, _C): Action.KEEP,
    },
    Mode.MIRROR: {
        (Action.UPLOAD, _C, _0): Action.KEEP,
        (Action.UPLOAD, _C, _S): Action.KEEP,
        (Action.DELETE_REMOTE, _0, _S): Action.DOWNLOAD,
    },
}
"""Actions that a one-way mode replaces, by (action, local, remote)."""


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """What the decision for a path depends on besides the two sides."""

    excluded: str = ""
    """Why it is not synced: a filter, .s3dignore, a tag; "" if it is."""
    trouble: str = ""
    """Why it cannot be synced."""
    is_quiet: bool = True
    """The local file has not been written to for a while."""
    has_room: bool = True
    """A download fits within the limits of the folder and on the disk."""
    equal: bool | None = None
    """Whether both sides hold the same bytes; None: not compared yet."""
    same_local: bool = False
    """The local file was read, and has the bytes of the baseline."""


PLAIN = DecisionInputs()


def side_states(
    difference: Difference, inputs: DecisionInputs = PLAIN, *, is_complete: bool = True
) -> tuple[SideState, SideState]:
    """Compare each side with the baseline. is_complete: a missing object has been deleted."""
    base, local, remote = difference.base, difference.local, difference.remote
    if local is None:
        here = SideState.ABSENT
    elif base is not None and (inputs.same_local or not is_changed(base, local)):
        here = SideState.SAME
    else:
        here = SideState.CHANGED
    if not difference.remote_known:
        there = SideState.ABSENT if base is None else SideState.SAME
    elif remote is None:
        there = SideState.ABSENT if is_complete else SideState.UNKNOWN
    else:
        there = SideState.CHANGED if is_other(base, remote) else SideState.SAME
    return here, there


def decide(
    difference: Difference,
    mode: Mode = Mode.TWO_WAY,
    inputs: DecisionInputs = PLAIN,
    *,
    is_complete: bool = True,
) -> Action:
    """Choose the action: exclusions and troubles first, then the table, then the mode."""
    here, there = side_states(difference, inputs, is_complete=is_complete)
    base = difference.base is not None
    if _is_evicted(difference):
        return Action.FORGET if there is SideState.ABSENT else Action.NOTHING
    if inputs.excluded:
        return Action.UNTRACK if base else Action.IGNORE
    if there is SideState.UNKNOWN:
        return Action.NOTHING
    if inputs.trouble:
        is_alone = not base and there is SideState.ABSENT
        return Action.LEAVE if is_alone and inputs.trouble in UNSUPPORTED else Action.BLOCK
    action = TABLE[base, here, there]
    if action is Action.COMPARE and inputs.equal is not None:
        action = Action.ADOPT if inputs.equal else Action.CONFLICT
    action = _ONE_WAY[mode].get((action, here, there), action)
    if here is SideState.CHANGED and not inputs.is_quiet and action is not Action.NOTHING:
        return Action.WAIT
    if action is Action.DOWNLOAD and not inputs.has_room:
        return Action.SKIP
    return action


def _is_evicted(difference: Difference) -> bool:
    """Whether a file is missing because s3d has evicted it: that is no deletion, and it comes back
    only when the user asks for it."""
    base = difference.base
    return base is not None and base.residence is Residence.EVICTED and difference.local is None


@dataclass(frozen=True, slots=True)
class Step:
    """The planned action for a path."""

    difference: Difference
    action: Action

    @property
    def path(self) -> str:
        return self.difference.path

    @property
    def size(self) -> int:
        """Bytes that the step transfers."""
        known = self.difference.remote if self.action is Action.DOWNLOAD else None
        if known is not None:
            return known.size
        local = self.difference.local
        return local.signature.size if local is not None and self.action is Action.UPLOAD else 0


_ORDER = (Action.FORGET, Action.UNTRACK, Action.ADOPT, Action.COMPARE, Action.CONFLICT)


def transfers(steps: Iterable[Step]) -> list[Step]:
    """All steps but the deletions, in order: changes of the baseline only, downloads, then
    uploads; small files first, and a folder before its content."""
    found = [step for step in steps if step.action not in DELETIONS]
    return sorted(found, key=_rank)


def deletions(steps: Iterable[Step]) -> list[Step]:
    """The deletions, the deepest paths first. They are executed last."""
    found = [step for step in steps if step.action in DELETIONS]
    return sorted(found, key=lambda step: (-step.path.count("/"), step.path))


def _rank(step: Step) -> tuple[int, int, str]:
    first = 0 if step.action in _ORDER else 1 if step.action is Action.DOWNLOAD else 2
    return first, step.size, step.path
