import pytest

from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.baseline_tables import HISTORY, TrashEntry
from s3d.agent.sync.path_state import Signature

SEEN = Signature(3, 2**62, -5, 2**63 - 1)


@pytest.fixture
def baseline():
    baseline = Baseline(None)
    yield baseline
    baseline.close()


def test_the_trash_is_listed_by_age(baseline):
    for number, age in enumerate((30.0, 10.0, 20.0)):
        baseline.trash.add(TrashEntry(str(number), "p", SEEN, "deleted", 1.0, age))
    assert [row.id for row in baseline.trash.rows()] == ["1", "2", "0"]
    assert [row.id for row in baseline.trash.rows(since=20.0)] == ["2", "0"]
    assert [row.id for row in baseline.trash.rows(before=20.0)] == ["1"]
    assert baseline.trash.get("0").signature == SEEN._replace(ctime_ns=0)
    baseline.trash.remove("0")
    assert baseline.trash.get("0") is None


def test_the_history_begins_with_the_newest_and_forgets_the_oldest(baseline):
    for number in range(HISTORY + 1_000):
        baseline.history.add(float(number), "uploaded", f"p{number % 2}")
    rows = baseline.history.rows(5, path="p1")
    assert [row.at for row in rows] == [HISTORY + 999 - 2 * n for n in range(5)]
    assert len(baseline.history.rows(10**6)) == HISTORY
