"""Each kind of traffic keeps to its own limit: real agents before SeaweedFS.

Only how long something takes at least is asserted, which no busy machine changes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s3d.cli.client.cache_client import CacheClient
from s3d.cli.client.transfer_client import TransferClient
from s3d.shared.transfers import TransferRequest
from tests.gateway.devices import Device

SIZE = 1 << 20
RATE = "512K"
LEAST = 0.75
"""Seconds that SIZE takes at the rate: less than two, because of a burst at the beginning, and
because nobody waits after the last chunk."""
DATA = random.Random(1).randbytes(SIZE)

pytestmark = pytest.mark.slow


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def test_sync_folders_prefetches_and_transfers_have_limits_of_their_own(
    make_device: Callable[[str], Device], remote: Any, sync_bucket: str, tmp_path: Path
) -> None:
    device = make_device("a").start(
        S3D_SYNC_FOLDER_PREFIX="tree/",
        S3D_BANDWIDTH_SYNC=RATE,
        S3D_BANDWIDTH_PREFETCH=RATE,
        S3D_BANDWIDTH_TRANSFERS=RATE,
    )
    for key in ("below/here", "other"):
        remote.put_object(Bucket=sync_bucket, Key=key, Body=DATA)

    def sync() -> None:
        remote.put_object(Bucket=sync_bucket, Key="tree/file", Body=DATA)
        device.now()

    assert seconds(sync) > LEAST
    assert device.tree() == {"file": DATA}

    cache = CacheClient(device.agent.client)

    def prefetch() -> None:
        begun = cache.prefetch(sync_bucket, "below/", None)
        status = cache.wait_for_prefetch(begun.id, 30.0)
        assert (status.state, status.done.files) == ("done", 1), status

    assert seconds(prefetch) > LEAST

    def download() -> None:
        transfers = TransferClient(device.agent.client)
        (job,) = transfers.start(
            TransferRequest("download", sync_bucket, keys=["other"], to_path=str(tmp_path))
        )
        assert transfers.get(job.id, wait="30").state == "done"

    assert seconds(download) > LEAST
    assert (tmp_path / "other").read_bytes() == DATA
