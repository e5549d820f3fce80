"""How long a save on one device takes to the other: two whole agents, one bucket, 200 changes.

190 come in bursts, and 10 after quiet times, the first of which lasts ten minutes
(S3D_TORTURE_QUIET: seconds). The times are from save to save, so they include the watch of the
folder, the upload, the hint and the download. Quiet hours: tests/agent/remote_changes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_remote_changes import (  # noqa: F401 - fixtures
    BUCKET,
    Device,
    World,
    queue,
    start_agents,
    world,
)

BURSTS, IN_BURST, AFTER_QUIET = 19, 10, 10
QUIET = float(os.environ.get("S3D_TORTURE_QUIET", "600"))
SHORT_QUIET = 20.0
LOOK = 0.02
"""Seconds between two looks at the other folder."""
PATIENCE = 120.0
MARKER, QUEUE = 8.0, 3.0
"""Seconds that the 95th percentile may have."""


def save(folder: Path, names: list[str], data: str) -> dict[str, float]:
    """As editors do: under another name, then renamed. When each was saved."""
    saved = {}
    for name in names:
        draft = folder / f".{name}.tmp"
        draft.write_text(data)
        draft.rename(folder / name)
        saved[name] = time.monotonic()
    return saved


def arrivals(folder: Path, names: list[str], data: str) -> Iterator[tuple[str, float]]:
    """When each of them has these bytes."""
    left, end = set(names), time.monotonic() + PATIENCE
    while left:
        for name in sorted(left):
            file = folder / name
            if file.exists() and file.read_text() == data:
                left.remove(name)
                yield name, time.monotonic()
        assert time.monotonic() < end, f"not there after {PATIENCE} s: {sorted(left)}"
        threading.Event().wait(LOOK)


def times(one: Device, other: Device, names: list[str], data: str) -> list[float]:
    saved = save(one.root, names, data)
    return [at - saved[name] for name, at in arrivals(other.root, names, data)]


def measure(world: World, prefix: str) -> list[float]:  # noqa: F811
    """The seconds of all changes. Files are made in the first half, and replaced in the second."""
    chance = random.Random(os.environ.get("S3D_TORTURE_SEED", "1"))
    one, other = world.devices
    found = []
    for burst in range(BURSTS):
        names = [f"{prefix} {burst % (BURSTS // 2)} {number}" for number in range(IN_BURST)]
        found += times(one, other, names, f"{prefix} {burst}")
        threading.Event().wait(chance.uniform(0, 5))
    for number in range(AFTER_QUIET):
        threading.Event().wait(SHORT_QUIET if number else QUIET)
        found += times(one, other, [f"{prefix} quiet"], f"{number}")
    return sorted(found)


def check(name: str, found: list[float], limit: float) -> None:
    p50, p95 = found[len(found) // 2], found[int(len(found) * 0.95)]
    print(f"{name}: {len(found)} changes, p50 {p50:.2f} s, p95 {p95:.2f} s, most {found[-1]:.2f} s")
    assert p95 < limit


@pytest.mark.torture
def test_a_save_is_on_the_other_device_by_the_marker(world: World) -> None:  # noqa: F811
    assert world.devices[1].status.remote == "marker"
    check("marker", measure(world, "marker"), MARKER)
    assert world.devices[1].status.remote == "marker"


@pytest.mark.torture
def test_a_save_is_on_the_other_device_by_the_queue(world: World) -> None:  # noqa: F811
    other = world.devices[1]
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    target = {"QueueArn": "arn:s3d:sqs:::jobs", "Events": events}
    world.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [target]}
    )
    other.until(lambda: other.status.remote == "queue")
    check("queue", measure(world, "queue"), QUEUE)
    assert other.status.remote == "queue"
