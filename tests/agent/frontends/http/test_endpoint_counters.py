"""Counters."""

from __future__ import annotations

from bisect import bisect_left
from types import SimpleNamespace
from typing import Any

import pytest

from s3d.agent.core import metric_names as names
from s3d.agent.core.histogram_bounds import REQUEST
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.http.endpoint_counters import MOST_DURATIONS, EndpointCounters
from s3d.agent.s3.trace_context import TraceContext


def exchange(operation: str, status: int, *, is_aborted: bool = False) -> Any:
    values = {"operation": operation, "status": status, "is_aborted": is_aborted}
    return SimpleNamespace(**values, received=3, sent=5, started=0.0, span=None)


def test_counts_by_operation_and_status() -> None:
    registry = Registry()
    numbers = EndpointCounters(registry)
    for operation, status in (("GetObject", 200), ("GetObject", 404), ("", 403)):
        numbers.count(exchange(operation, status), 0.25)
    numbers.count(exchange("GetObject", 200, is_aborted=True), 0.25)
    assert numbers.as_dict() == {
        "requests": 4,
        "errors": 2,
        "aborted": 1,
        "received": 12,
        "sent": 20,
        "requests.GetObject": 3,
        "requests.refused": 1,
        "errors.404": 1,
        "errors.403": 1,
    }
    assert registry.values(names.HTTP_REQUESTS) == {
        ("", "403"): 1,
        ("GetObject", "200"): 1,
        ("GetObject", "404"): 1,
        ("GetObject", "aborted"): 1,
    }
    assert registry.histogram(names.HTTP_DURATION, "GetObject").sum == 0.75


def test_many_requests_between_two_readings_are_all_counted() -> None:
    registry = Registry()
    counters = EndpointCounters(registry)
    number = 2 * MOST_DURATIONS + 3
    for _ in range(number):
        counters.count(exchange("GetObject", 200), 0.25)
    for _ in range(2):  # a second reading adds nothing
        assert registry.values(names.HTTP_REQUESTS) == {("GetObject", "200"): number}
        assert registry.values(names.HTTP_DURATION) == {("GetObject",): number}
        assert registry.values(names.HTTP_SENT) == {("GetObject",): 5 * number}
        assert registry.values(names.HTTP_RECEIVED) == {("GetObject",): 3 * number}


def test_outcomes_of_one_operation_that_alternate_are_counted_apart() -> None:
    registry = Registry()
    counters = EndpointCounters(registry)
    for number in range(1, 13):
        counters.count(exchange("GetObject", 200), 0.25)
        counters.count(exchange("GetObject", 200, is_aborted=True), 0.25)
        counters.count(exchange("GetObject", 404), 0.25)
        counters.count(exchange("HeadObject", 404), 0.25)
        if number % 4 == 0:  # somebody reads in between
            assert set(registry.values(names.HTTP_REQUESTS).values()) == {number}
    assert registry.values(names.HTTP_SENT) == {("GetObject",): 180, ("HeadObject",): 60}


def test_the_latency_of_a_recorded_request_names_its_trace() -> None:
    registry = Registry()
    recorded = exchange("GetObject", 200)
    recorded.span = SimpleNamespace(context=TraceContext("ab" * 16, "cd" * 8))
    EndpointCounters(registry).count(recorded, 0.25)
    exemplars = registry.histogram(names.HTTP_DURATION, "GetObject").exemplars
    assert [each.span for each in exemplars.values()] == [recorded.span.context]


@pytest.mark.parametrize(
    "seconds", [0.0, 1e-6, 17e-6, 127e-6, 129e-6, 0.00123, 0.25, 66.0, 68.0, 1e5]
)
def test_the_bucket_of_a_latency_is_that_of_its_bounds(seconds: float) -> None:
    registry = Registry()
    EndpointCounters(registry).count(exchange("GetObject", 200), seconds)
    counts = registry.bucket_counts(names.HTTP_DURATION)
    assert counts.index(1) == bisect_left(REQUEST.edges, seconds)
