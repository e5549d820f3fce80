"""The eviction of a pod with 5,000 pending writes and the usual grace period of 30 s."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.test_sidecar import drill


@pytest.mark.torture
def test_an_evicted_pod_with_5000_pending_writes(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    drill(gateway, remote, new_bucket, writes=5_000, grace=30.0)
