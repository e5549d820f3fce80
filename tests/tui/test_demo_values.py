from s3d.tui import demo_values as values
from s3d.tui.demo_values import HOSTILE, NOW


def test_there_is_something_of_everything():
    transfers = values.transfers()
    assert {each.state for each in transfers} >= {"running", "waiting", "held", "failed", "done"}
    assert {each.kind for each in transfers} >= {"push", "download", "upload", "prefetch"}
    assert {folder.state for folder in values.folders()} == {"idle", "syncing", "stopped"}
    assert any(entry.held < entry.size for entry in values.entries())
    assert any("\x1b" in key for key in HOSTILE)


def test_what_runs_has_moved_after_a_while():
    (one, *_) = values.transfers()
    later = values.after(one, 5.0)
    assert later.done == one.done + 5 * int(one.rate)
    assert later.remaining < one.remaining
    held = next(each for each in values.transfers() if each.state == "held")
    assert values.after(held, 5.0) == held


def test_charts_are_the_same_at_the_same_moment():
    assert values.samples(NOW) == values.samples(NOW)
    assert values.samples(NOW) != values.samples(NOW + 5)
    assert len(values.samples(NOW).up) == 300
