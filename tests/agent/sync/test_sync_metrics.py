import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import Registry
from s3d.agent.sync.decide import Action
from s3d.agent.sync.pass_scope import StepResult
from s3d.agent.sync.sync_metrics import CHANGES, DONE, SyncMetrics

DELAYS = {
    Action.UPLOAD: metric_table.SYNC_UPLOAD_DELAY,
    Action.DOWNLOAD: metric_table.SYNC_DOWNLOAD_DELAY,
}


class Folder:
    def __init__(self):
        self.registry, self.now = Registry(), 1_000.0
        self.metrics = SyncMetrics(self.registry, "docs", lambda: self.now)


def test_passes_are_counted_by_outcome():
    folder = Folder()
    folder.metrics.ended(DONE)
    folder.metrics.ended(DONE)
    assert folder.registry.values(metric_table.SYNC_PASSES) == {("docs", "done"): 2}


@pytest.mark.parametrize("action", Action)
def test_an_action_is_counted_if_it_changes_a_side(action):
    folder = Folder()
    folder.metrics.record(StepResult("a", action))
    expected = {("docs", str(action)): 1} if action in CHANGES else {}
    assert folder.registry.values(metric_table.SYNC_ACTIONS) == expected


@pytest.mark.parametrize("action", DELAYS)
def test_the_delay_of_a_change_that_was_made_meanwhile(action):
    folder = Folder()
    folder.now = 1_060.0
    folder.metrics.record(StepResult("a", action, delay=2.0))
    folder.metrics.record(StepResult("old", action, delay=9_000.0))
    folder.metrics.record(StepResult("unknown", action))
    cell = folder.registry.histogram(DELAYS[action], "docs")
    assert (sum(cell.counts), cell.sum) == (1, 2.0)
    assert folder.registry.values(metric_table.SYNC_ACTIONS) == {("docs", str(action)): 3}
