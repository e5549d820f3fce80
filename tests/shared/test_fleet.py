"""Where heartbeats are, and when a device counts as silent."""

from s3d.shared.fleet import SILENT, FleetDevice, heartbeat_prefix


def test_heartbeats_are_beside_the_configuration():
    assert heartbeat_prefix("s3://fleet/s3d.toml") == ("fleet", ".s3d/fleet/")
    assert heartbeat_prefix("s3://fleet/a/b/s3d.toml") == ("fleet", "a/b/.s3d/fleet/")


def test_a_device_is_silent_after_three_heartbeats():
    assert not FleetDevice("a", SILENT).is_silent
    assert FleetDevice("a", SILENT + 1).is_silent
