"""What the passes of one sync folder report to the registry of metrics.

The gauges, such as the number of files, are computed when they are collected: app/sync_folders.py.
"""

from __future__ import annotations

from collections.abc import Callable

from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import Registry
from s3d.agent.sync.decide import Action
from s3d.agent.sync.pass_scope import StepResult

DONE, OFFLINE, STOPPED, INTERRUPTED, FAILED = "done", "offline", "stopped", "interrupted", "failed"
"""Outcomes of a pass. stopped: it would delete too much; interrupted: the folder was paused."""

CHANGES = frozenset(
    {
        Action.UPLOAD,
        Action.DOWNLOAD,
        Action.DELETE_LOCAL,
        Action.DELETE_REMOTE,
        Action.MOVE,
        Action.CONFLICT,
    }
)
"""Actions that change a side; the others leave both as they are."""

_DELAYS = {
    Action.UPLOAD: metric_table.SYNC_UPLOAD_DELAY,
    Action.DOWNLOAD: metric_table.SYNC_DOWNLOAD_DELAY,
}


class SyncMetrics:
    """What happens in one folder, by its name. Belongs to the loop."""

    def __init__(self, registry: Registry, folder: str, clock: Callable[[], float]) -> None:
        """folder: its name. clock: Unix seconds."""
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._since = clock()

    def ended(self, outcome: str) -> None:
        """A pass has ended."""
        self._registry.counter(metric_table.SYNC_PASSES, self._folder, outcome).add()

    def record(self, result: StepResult) -> None:
        """A path was synced, or could not be.

        Only a change that was made while the agent runs has a delay: the
        first pass over an old folder would otherwise show one of years.
        """
        if result.action not in CHANGES:
            return
        self._registry.counter(metric_table.SYNC_ACTIONS, self._folder, str(result.action)).add()
        if 0 <= result.delay <= self._clock() - self._since:
            delays = self._registry.histogram(_DELAYS[result.action], self._folder)
            delays.observe(result.delay)
