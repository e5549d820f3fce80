from s3d.shared.syncing import PlannedStep, SyncPlan
from s3d.tui.screens.plan_screen import plan_lines


def test_numbers_first_then_the_steps():
    steps = [PlannedStep("a\x1b[2J", "upload", 2048), PlannedStep("b", "skip", 0, "no room")]
    lines = plan_lines(SyncPlan(steps, {"upload": 3, "skip": 1}, 4096, 0, "55 of 60"))
    assert lines[0] == "skip 1, upload 3"
    assert lines[1] == "up 4 KiB, down 0 B"
    assert "55 of 60" in lines[2]
    assert "a␛[2J" in lines[4]
    assert lines[5].endswith("b  (no room)")
    assert lines[-1] == "and 2 steps more"


def test_nothing_is_said_too():
    assert plan_lines(SyncPlan([]))[0] == "Nothing: both sides agree."
