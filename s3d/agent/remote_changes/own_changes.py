"""The changes of this run of the agent, on their way into a marker. Pure."""

from __future__ import annotations

from collections import deque

from s3d.agent.remote_changes.marker_format import (
    ANYTHING,
    MAX_CHANGES,
    Change,
    Marker,
    with_changes,
)


class OwnChanges:
    """Numbers the changes of one run, and keeps the newest ones: another agent may drop them from
    the marker where the remote ignores conditions."""

    def __init__(self, agent: str) -> None:
        """agent: the id of this run."""
        self.agent = agent
        self._paths: dict[str, None] = {}
        """Written since the last number()."""
        self._changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self._last = self._announced = 0
        """Of the newest change, and of the newest that is in the marker."""
        self._is_missing = False
        """The marker at the remote does not have all of them, or does not exist."""

    @property
    def is_pending(self) -> bool:
        """Whether the marker has to be written."""
        return bool(self._paths) or self._is_missing

    @property
    def has_paths(self) -> bool:
        return bool(self._paths)

    @property
    def unannounced(self) -> list[str]:
        """Paths that no marker has yet, the oldest first; ANYTHING for more than are kept."""
        numbered = [change.path for change in self._changes if change.number > self._announced]
        if len(numbered) < self._last - self._announced:
            return [ANYTHING]
        return [*numbered, *self._paths]

    def add(self, path: str) -> None:
        """Note a write. Too many become one change of anything."""
        self._paths.pop(path, None)
        self._paths[path] = None
        if len(self._paths) > MAX_CHANGES:
            self._paths = {ANYTHING: None}

    def number(self) -> None:
        """Give the paths their numbers, before the marker is written."""
        for path in self._paths:
            self._last += 1
            self._changes.append(Change(self.agent, self._last, path))
        self._paths = {}

    def merged(self, marker: Marker) -> Marker:
        """A marker with all changes that have numbers."""
        return with_changes(marker, self.agent, self._changes)

    def compare(self, marker: Marker) -> None:
        """Note whether a marker that was read has them all."""
        if marker.agents.get(self.agent, 0) < self._last:
            self._announced = min(self._announced, marker.agents.get(self.agent, 0))
            self._is_missing = True

    def missing(self) -> None:
        """They are not in the marker."""
        self._is_missing = True

    def written(self) -> None:
        """All that have numbers are in the marker."""
        self._is_missing = False
        self._announced = self._last
