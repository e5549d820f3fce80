"""Counters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from s3d.agent.frontends.http.endpoint_counters import EndpointCounters


def exchange(operation: str, status: int) -> Any:
    return SimpleNamespace(operation=operation, status=status, received=3, sent=5, request_id="R")


def test_counts_by_operation_and_status() -> None:
    numbers = EndpointCounters()
    for operation, status in (("GetObject", 200), ("GetObject", 404), ("", 403)):
        numbers.count(exchange(operation, status))
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
