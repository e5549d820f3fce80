import json

import pytest

from s3d.cli.queue.push_commands import bar
from s3d.shared.transfers import QueueLimits, QueueStatus, Totals
from tests.cli.queue.test_queue_commands import put, serving

__all__ = ["put", "serving"]


def test_the_bar_grows():
    status = QueueStatus(
        Totals(5, 5 << 20),
        Totals(),
        Totals(),
        Totals(),
        QueueLimits(1, 1),
        "/q",
        rate=1024.0,
    )
    assert bar(status, 10) == "[############............]  50 %  5 objects, 5 MiB  1 KiB/s"


def test_what_is_left_after_the_time_is_6(s3d, put):
    put("a", b"12345")
    result = s3d("drain", "--timeout", "0.1s")
    assert (result.code, result.out) == (6, "")
    assert result.err.startswith("s3d: not drained: ")


def test_a_person_sees_how_it_goes(s3d, put):
    put("a", b"12345")
    result = s3d.on_terminal("drain", "--timeout", "1.2s")
    assert result.code == 6
    assert "[...." in result.out


@pytest.mark.parametrize("timeout", ["soon", "-1s"])
def test_a_time_is_one(s3d, timeout):
    assert s3d("drain", "--timeout", timeout).code == 2


__all__ = ["serving"]


def test_the_bandwidth_is_shown_set_and_taken_off(s3d):
    assert s3d("bandwidth").out.splitlines()[:2] == ["timetable  off", "limit now  none"]
    assert "limit now  2 MiB/s" in s3d("bandwidth", "2MiB").out
    day = s3d("bandwidth", "08:00 512KiB, 18:00 off").out
    assert "timetable  08:00 512KiB, 18:00 off" in day
    assert json.loads(s3d("bandwidth", "off", "--json").out)["limit"] is None


@pytest.mark.parametrize("timetable", ["fast", "1", "25:00 1MiB"])
def test_a_timetable_is_one(s3d, timetable):
    result = s3d("bandwidth", timetable)
    assert (result.code, result.out) == (2, "")


def test_commands_say_what_waits_and_can_wait_for_it(s3d, put, tmp_path):
    target, _ = put("a")
    (tmp_path / "f").write_text("x")
    (tmp_path / "g").write_text("y")
    assert s3d("queue", "pause").code == 0
    copied = s3d("cp", "f", f"s3://{target}-2")
    assert (copied.code, "still to push, paused: s3d queue resume" in copied.err) == (0, True)
    assert s3d("cp", "f", f"s3://{target}-2", "--quiet").err == ""
    for words in (
        ("put", f"{target}-5", "f"),
        ("mv", "g", f"s3://{target}-5"),
        ("rm", f"{target}-5"),
    ):
        written = s3d(*words)
        assert (written.code, "still to push, paused: s3d queue" in written.err) == (0, True), words
    assert s3d("put", f"{target}-6", "f", "--json").err == ""
    assert s3d("rm", f"{target}-6", "--dry-run").err == ""
    for words in (("cp", "f", f"s3://{target}-3"), ("put", f"{target}-4", "f"), ("rm", target)):
        waited = s3d(*words, "--wait")
        assert (waited.code, "not drained" in waited.err) == (6, True), waited.err
    assert s3d("queue", "resume").code == 0
