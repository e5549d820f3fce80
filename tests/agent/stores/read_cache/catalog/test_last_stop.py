"""What the file says of the last stop."""

from __future__ import annotations

import pytest

from s3d.agent.stores.read_cache.catalog.last_stop import LastStop, StopMarker


def begin(folder, boot_id: str = "boot 1") -> LastStop:
    return StopMarker(folder, boot_id).begin()


@pytest.mark.finding("S2")
def test_how_the_last_agent_stopped(tmp_path):
    assert begin(tmp_path) is LastStop.POWER_CUT  # nobody knows
    assert begin(tmp_path) is LastStop.KILLED
    assert begin(tmp_path, "boot 2") is LastStop.POWER_CUT
    marker = StopMarker(tmp_path, "boot 2")
    marker.begin()
    marker.end()
    assert begin(tmp_path, "boot 3") is LastStop.CLEAN
    assert begin(tmp_path, "boot 3") is LastStop.KILLED


def test_without_an_id_of_the_boot_a_kill_is_as_bad_as_a_power_cut(tmp_path):
    begin(tmp_path, "")
    assert begin(tmp_path, "") is LastStop.POWER_CUT


def test_after_a_row_that_could_not_be_dropped_the_run_ends_like_a_power_cut(tmp_path):
    marker = StopMarker(tmp_path, "boot 1")
    marker.begin()
    marker.mark_unsafe()
    marker.end()
    assert begin(tmp_path) is LastStop.POWER_CUT


def test_this_computer_has_an_id_of_its_boot_or_none(tmp_path):
    StopMarker(tmp_path).begin()
    assert StopMarker(tmp_path).begin() in (LastStop.KILLED, LastStop.POWER_CUT)
