"""How a folder is, as a person is told: its state, why, and the paths that are not in sync."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from s3d.agent.sync.decide import Action
from s3d.agent.sync.execute import StepResult
from s3d.shared.syncing import PathStatus

SHOWN = 100
"""Troubles that a status lists."""
LEFT_OUT = "left out"
_STATES = {
    Action.BLOCK: "blocked",
    Action.WAIT: "waiting",
    Action.SKIP: "skipped",
    Action.KEEP: "kept",
    Action.LEAVE: LEFT_OUT,
}
"""What was not done with a path -> the word for it."""


@dataclass(slots=True)
class FolderState:
    """Of one folder."""

    state: str = "starting"
    """One of shared.syncing.STATES."""
    reason: str = ""
    question: str = ""
    """What a person would answer with approve: deletions, root, memory; "" for nothing."""
    todo: int = 0
    done: int = 0
    last_pass: float | None = None
    troubles: dict[str, PathStatus] = field(default_factory=dict)

    def turn(self, state: str, reason: str = "") -> bool:
        """Take another state; False when it is the same. Only who has stopped asks something."""
        if state != "stopped":
            self.question = ""
        changed = (state, reason) != (self.state, self.reason)
        self.state, self.reason = state, reason
        return changed

    def stop(self, reason: str, question: str) -> bool:
        """Until a person has done something; False when it had stopped for that."""
        self.question = question
        return self.turn("stopped", reason)

    def note(self, outcome: Iterable[StepResult], *, is_whole: bool) -> None:
        """What a pass has come to. is_whole: it has looked at everything."""
        if is_whole:
            self.troubles.clear()
        for done in outcome:
            state = _STATES.get(done.action)
            if state is None:
                self.troubles.pop(done.path, None)
            else:
                self.troubles[done.path] = PathStatus(done.path, state, done.detail)
        self.todo = self.done = 0

    @property
    def left_out(self) -> int:
        """Paths that are left out, which is as it should be; all other troubles are not."""
        return sum(trouble.state == LEFT_OUT for trouble in self.troubles.values())

    def shown(self) -> list[PathStatus]:
        """What keeps a folder from being in sync comes first."""
        found = sorted(self.troubles.values(), key=lambda trouble: trouble.state == LEFT_OUT)
        return found[:SHOWN]
