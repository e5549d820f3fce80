"""s3d fleet: the rows, and a device that is in no fleet."""

from s3d.cli.fleet_command import _is_bad, _row, _why_none
from s3d.shared.fleet import FleetDevice, Heartbeat


def test_a_row_has_age_version_and_what_is_pending():
    beat = Heartbeat(device="cam", version="0.2", started=0.0, at=0.0, pending=2, pending_size=2048)
    row = _row(FleetDevice("cam", 30.0, beat))
    assert " ".join(row.split()).endswith("ago s3d 0.2 2 writes pending, 2 KiB")


def test_a_silent_device_and_an_unreadable_one_are_marked():
    assert _row(FleetDevice("cam", 999.0)).startswith("! cam")
    assert "cannot be read" in _row(FleetDevice("cam", 1.0))


def test_a_device_that_is_silent_or_has_problems_is_bad():
    good = Heartbeat(device="cam", version="1", started=0.0, at=0.0)
    full = Heartbeat(device="cam", version="1", started=0.0, at=0.0, problems=["full"])
    assert not _is_bad(FleetDevice("cam", 1.0, good))
    assert _is_bad(FleetDevice("cam", 1.0, full))
    assert _is_bad(FleetDevice("cam", 999.0, good))
    assert _is_bad(FleetDevice("cam", 1.0))


def test_an_empty_list_says_why():
    good = Heartbeat(device="cam", version="1", started=0.0, at=0.0)
    assert _why_none([]) == "no device has written a heartbeat yet"
    devices = [FleetDevice("cam", 1.0, good)] * 3
    assert _why_none(devices) == "none of 3 devices is silent or has problems"


def test_without_the_setting_the_command_names_it(s3d):
    result = s3d("fleet")
    assert result.code != 0
    assert "S3D_CONFIG_URL" in result.err
