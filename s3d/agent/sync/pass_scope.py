"""What a pass looks at, and what it has done. Values only."""

from __future__ import annotations

from asyncio import Future
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from s3d.agent.sync.decide import Action

SLICE = 64
"""Items that are worked on before other callbacks of the event loop run: a first sync has as many
differences as files, and no callback may take 20 ms."""


@dataclass(slots=True)
class Scope:
    """What a pass looks at. A default scope is empty."""

    everything_here: bool = False
    """The whole local folder."""
    bucket: bool = False
    """A complete listing of the bucket."""
    paths: set[str] = field(default_factory=set)
    """Local paths that may have changed."""
    folders: set[str] = field(default_factory=set)
    """Local folders ("a/") that may have changed, with everything in them."""
    touched: set[str] = field(default_factory=set)
    """Paths whose objects may have changed."""
    events: set[str] = field(default_factory=set)
    """Of the paths, those that a file system event has reported just now."""
    looks: list[Future[None]] = field(default_factory=list)
    """Done when a pass has looked at the touched paths: Schedule.look_at."""
    bucket_requests: int = -1
    """ListingTimes.requests when the pass began; -1: it has not begun."""

    def __bool__(self) -> bool:
        return bool(
            self.everything_here or self.bucket or self.paths or self.folders or self.touched
        )

    def has_seen(self, path: str) -> bool:
        """Whether the pass has looked at the object."""
        return self.bucket or path in self.touched

    @property
    def is_whole(self) -> bool:
        """Whether the pass looks at everything on both sides."""
        return self.everything_here and self.bucket


class StepResult(NamedTuple):
    """What was done with a path. more: further paths that have to be looked at because of it."""

    path: str
    action: Action
    detail: str = ""
    size: int = 0
    more: tuple[str, ...] = ()
    delay: float = -1.0
    """Seconds from the change of one side to its arrival at the other; below 0: not known."""
    may_pass: bool = False
    """What is in the way may go away without a change of either side: a request has failed, say."""


@dataclass(slots=True)
class PassResult:
    """What a pass has done, counted as the results come in."""

    done: list[StepResult] = field(default_factory=list)
    finds: int = 0
    """Local changes that no event had reported."""
    has_more: bool = False
    """Further paths have to be looked at: conflict copies, say."""
    counts: Counter[Action] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        done, self.done = self.done, []
        self.add(done)

    def add(self, results: Iterable[StepResult]) -> None:
        for result in results:
            self.done.append(result)
            self.counts[result.action] += 1
            self.has_more = self.has_more or bool(result.more)

    def count(self, *actions: Action) -> int:
        """How many paths had one of these actions."""
        return sum(self.counts[action] for action in actions)
