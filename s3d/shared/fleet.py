"""What the devices of a fleet write about themselves, and how it is listed.

A heartbeat is an object of its own for each device, so that no two devices ever write the same one,
and one that is gone leaves its last word.
"""

from __future__ import annotations

import msgspec

FOLDER = ".s3d/fleet/"
"""Below the folder of the configuration: one object for each device."""
HEARTBEAT_EVERY = 60.0
"""Seconds."""
SILENT = 3 * HEARTBEAT_EVERY
"""Seconds without a heartbeat after which a device counts as silent."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The object that each device writes, as JSON. Times are Unix seconds of the device."""

    format: int = 1
    device: str
    version: str
    started: float
    at: float
    pending: int = 0
    """Writes that are not pushed yet."""
    pending_size: int = 0
    """Their bytes."""
    problems: list[str] = []
    config: str = ""
    """ETag of the configuration that is in use; "" for none."""


class FleetDevice(msgspec.Struct, frozen=True):
    """One device of `s3d fleet`. age: seconds since its heartbeat, by the remote's clock."""

    name: str
    age: float
    heartbeat: Heartbeat | None = None
    """None: it cannot be read."""

    @property
    def is_silent(self) -> bool:
        return self.age > SILENT


class FleetList(msgspec.Struct, frozen=True):
    """The answer of GET /v1/fleet."""

    devices: list[FleetDevice]
    url: str
    """Of the configuration."""


def heartbeat_prefix(config_url: str) -> tuple[str, str]:
    """The bucket and the prefix of the heartbeats. config_url: s3://BUCKET/KEY."""
    bucket, _, key = config_url.removeprefix("s3://").partition("/")
    folder = key.rpartition("/")[0]
    return bucket, f"{folder}/{FOLDER}" if folder else FOLDER
