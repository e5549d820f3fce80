"""Counters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from s3d.agent.frontends.http.endpoint_counters import MINUTE, EndpointCounters, Latency


def exchange(operation: str, status: int) -> Any:
    values = {"operation": operation, "status": status, "request_id": "R"}
    return SimpleNamespace(**values, received=3, sent=5, started=0.0)


def test_counts_by_operation_and_status() -> None:
    numbers = EndpointCounters()
    for operation, status in (("GetObject", 200), ("GetObject", 404), ("", 403)):
        numbers.count(exchange(operation, status), 0.0)
    assert numbers.as_dict() == {
        "requests": 3,
        "errors": 2,
        "received": 9,
        "sent": 15,
        "requests.GetObject": 2,
        "requests.refused": 1,
        "errors.404": 1,
        "errors.403": 1,
    }


@pytest.mark.parametrize("seconds", [0.0, 3e-6, 17e-6, 0.00123, 0.25, 7.0, 1e6])
def test_a_duration_is_told_to_an_eighth(seconds):
    latency = Latency()
    latency.add(seconds)
    latency.turn()
    (found,) = latency.quantiles(0.5)
    if seconds < 4000:
        assert seconds <= found <= seconds * 1.13 + 2e-6


def test_a_half_and_the_slowest():
    latency = Latency()
    for n in range(100):
        latency.add(0.001 if n < 98 else 1.0)
    latency.turn()
    p50, p99 = latency.quantiles(0.5, 0.99)
    assert 0.001 <= p50 < 0.0012
    assert 1.0 <= p99 < 1.2


def test_only_the_last_minute_counts():
    latency = Latency()
    latency.add(5.0)
    for _ in range(MINUTE + 1):
        latency.turn()
    assert latency.quantiles(0.5) == [0.0]
