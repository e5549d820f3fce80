"""The state of one sync folder: published as events, logged, and shown with the paths that are not
in sync."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from s3d.agent.core.events import Events
from s3d.agent.sync.decide import Action
from s3d.agent.sync.interfaces import ReportedChanges
from s3d.agent.sync.pass_scope import StepResult
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.syncing import PathStatus

logger = logging.getLogger(__name__)

REMOTE = "remote"
"""In the member "by" of store.changed: another writer has changed the remote."""
SHOWN = 100
"""Paths that a status lists."""
_STATES = {
    Action.BLOCK: "blocked",
    Action.WAIT: "waiting",
    Action.SKIP: "skipped",
    Action.KEEP: "kept",
    Action.LEAVE: "left out",
}
"""Action that leaves a path out of sync -> its PathStatus.state."""
_WRITES = {
    Action.UPLOAD: "PutObject",
    Action.MOVE: "CopyObject",
    Action.DELETE_REMOTE: "DeleteObject",
}
"""Action that changes the bucket -> operation of the store.changed event."""


class Troubles:
    """The paths that are not in sync, counted by their state."""

    def __init__(self) -> None:
        self._paths: dict[str, PathStatus] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[PathStatus]:
        return iter(self._paths.values())

    def add(self, status: PathStatus) -> None:
        """status: of a path that is not among them."""
        self._paths[status.path] = status
        self._counts[status.state] += 1

    def drop(self, path: str) -> None:
        status = self._paths.pop(path, None)
        if status is not None:
            self._counts[status.state] -= 1

    def count(self, state: str) -> int:
        """How many have this PathStatus.state."""
        return self._counts[state]

    def clear(self) -> None:
        self._paths.clear()
        self._counts.clear()


class FolderState:
    """Belongs to the event loop. No call costs more than the paths that a status lists."""

    def __init__(self, name: str, path: Path, events: Events) -> None:
        self.state = "starting"
        """One of shared.syncing.STATES."""
        self.reason = ""
        self.question = ""
        """What the user would approve: deletions, root, memory; "" for nothing."""
        self.todo = self.done = 0
        """Steps of the pass that is running, and how many of them are done."""
        self.last_pass: float | None = None
        """Unix seconds."""
        self.reports: Callable[[], ReportedChanges] | None = None
        """How changes of the bucket are noticed; None: by listings only."""
        self.troubles = Troubles()
        """Paths that are not in sync."""
        self.unsupported: dict[str, PathStatus] = {}
        """Links and devices, which no bucket can hold: left out, which is no failure."""
        self._name, self._path, self._events = name, path, events

    def set(self, state: str, reason: str = "") -> None:
        """Set the state, and publish it if it has changed."""
        if state != "stopped":
            self.question = ""
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        self._events.emit("sync.state", self._name, state=state, reason=reason)
        if state in ("offline", "stopped"):
            logger.warning("sync %s folder=%s reason=%s", state, self._path, reason)

    def begin_pass(self) -> None:
        """A pass begins. One that follows an outage may fail as well, so the state stays offline
        until the remote has answered."""
        if self.state != "offline":
            self.set("syncing")

    def stop(self, reason: str, question: str) -> None:
        """Stop until the user has answered the question, or has solved the problem."""
        self.question = question
        self.set("stopped", reason)

    def progress(self, done: int, todo: int) -> None:
        self.done, self.todo = done, todo
        if self.state == "offline":
            self.set("syncing")
        self._events.emit("sync.progress", self._name, done=done, todo=todo)

    def clear_paths(self) -> None:
        """Reset before the results of a complete pass are recorded."""
        self.troubles.clear()
        self.unsupported.clear()

    def record(self, result: StepResult) -> None:
        """Record whether a path is in sync after a step."""
        self.troubles.drop(result.path)
        self.unsupported.pop(result.path, None)
        state = _STATES.get(result.action)
        if state is None:
            return
        status = PathStatus(result.path, state, result.detail)
        if result.action is Action.LEAVE:
            self.unsupported[result.path] = status
        else:
            self.troubles.add(status)

    def publish(self, result: StepResult, config: SyncFolderConfig) -> None:
        """Publish a step that has changed the bucket, or has created a conflict copy."""
        if result.action in _WRITES:
            subject = f"{config.bucket}/{config.prefix}{result.path}"
            operation = _WRITES[result.action]
            self._events.emit("store.changed", subject, operation=operation, by=self._name)
        elif result.action is Action.CONFLICT:
            self._events.emit("sync.conflict", self._name, path=result.path)

    def shown(self) -> list[PathStatus]:
        """The first paths that are not in sync; unsupported ones last."""
        return list(islice(chain(self.troubles, self.unsupported.values()), SHOWN))
