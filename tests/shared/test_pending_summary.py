import pytest

from s3d.shared.pending_summary import amount, summary
from s3d.shared.transfers import QueueLimits, QueueStatus, Totals

NONE = Totals()
LIMITS = QueueLimits(10, 10)


def queue(waiting=NONE, running=NONE, held=NONE, failed=NONE, **more) -> QueueStatus:
    return QueueStatus(waiting, running, held, failed, LIMITS, "/q", **more)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "clean"),
        (queue(), "clean"),
        (
            queue(Totals(2, 8 << 20), Totals(1, 4 << 20), remaining=40.0),
            "3 objects, 12 MiB, ~40 s",
        ),
        (queue(Totals(1, 5)), "1 object, 5 B"),
        (queue(Totals(1, 5), trouble="remote unreachable"), "1 object, 5 B, remote unreachable"),
        (queue(Totals(1, 5), paused=True, remaining=1.0), "1 object, 5 B, paused"),
        (
            queue(failed=Totals(2, 5), held=Totals(1, 0)),
            "3 objects, 5 B, 2 failed, 1 held",
        ),
        (queue(Totals(1, 0), remaining=0.0), "1 object, 0 B, ~1 s"),
    ],
)
def test_a_line_for_the_whole_queue(status, expected):
    assert summary(status) == expected


def test_an_amount_is_objects_and_bytes():
    assert amount(Totals(1000, 1536)) == "1,000 objects, 1.5 KiB"
