"""The client's part for a store made for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

from s3d.cli.client.control_client import ControlClient, path_of
from s3d.shared.testing import (
    ClockChange,
    ClockState,
    Fault,
    FaultList,
    FaultSpec,
    RecordedRequest,
    RequestList,
    ResetResult,
    SnapshotInfo,
    SnapshotList,
)

LONGEST_CALL = 25.0
"""Seconds that one call waits; the agent allows 30."""
_SNAPSHOTS = "/v1/test/snapshots"
_FAULTS = "/v1/test/faults"
_REQUESTS = "/v1/test/requests"


class TestStoreClient:
    """The store, by the routes of frontends/control/testing_routes.py."""

    __test__ = False  # pytest takes a class of this name for one of tests

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def clock(self) -> ClockState:
        return self._client.request("GET", "/v1/test/clock", ClockState)

    def move_clock(self, change: ClockChange) -> ClockState:
        return self._client.request("POST", "/v1/test/clock", ClockState, change)

    def reset(self) -> ResetResult:
        return self._client.request("POST", "/v1/test/reset", ResetResult)

    def snapshots(self) -> list[SnapshotInfo]:
        return self._client.request("GET", _SNAPSHOTS, SnapshotList).snapshots

    def save_snapshot(self, name: str) -> SnapshotInfo:
        return self._client.request("PUT", _snapshot(name), SnapshotInfo)

    def restore_snapshot(self, name: str) -> SnapshotInfo:
        return self._client.request("POST", f"{_snapshot(name)}:restore", SnapshotInfo)

    def drop_snapshot(self, name: str) -> None:
        self._client.send("DELETE", _snapshot(name)).close()

    def faults(self) -> list[Fault]:
        return self._client.request("GET", _FAULTS, FaultList).faults

    def add_fault(self, spec: FaultSpec) -> Fault:
        return self._client.request("POST", _FAULTS, Fault, spec)

    def remove_fault(self, number: int) -> None:
        self._client.send("DELETE", f"{_FAULTS}/{number}").close()

    def clear_faults(self) -> None:
        self._client.send("DELETE", _FAULTS).close()

    def requests(self, since: int = 0, **query: str) -> Iterator[RecordedRequest]:
        """The recorded requests after a sequence number, oldest first. query: operation, bucket,
        key and status."""
        while True:
            page = self._requests(since, query)
            yield from page.requests
            if not page.requests:
                return
            since = page.requests[-1].seq

    def wait(self, timeout: float, since: int = 0, **query: str) -> RecordedRequest | None:
        """The first such request; None when there was none before the time was up, in seconds."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            page = self._requests(since, query, wait=f"{min(left, LONGEST_CALL):.3f}")
            if page.requests:
                return page.requests[0]
            if time.monotonic() >= deadline:
                return None

    def clear_requests(self) -> None:
        self._client.send("DELETE", _REQUESTS).close()

    def _requests(self, since: int, query: dict[str, str], wait: str = "") -> RequestList:
        path = path_of(_REQUESTS, since=str(since) if since else "", wait=wait, **query)
        return self._client.request("GET", path, RequestList)


def _snapshot(name: str) -> str:
    return f"{_SNAPSHOTS}/{quote(name, safe='')}"
