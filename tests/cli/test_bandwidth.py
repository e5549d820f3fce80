import json

import pytest

from tests.cli.test_queue import serving

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
