"""The client's part for the write queue and its pending writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from s3d.cli.client.control_client import ControlClient, Download, path_of
from s3d.shared.transfers import (
    AdoptRequest,
    Bandwidth,
    BandwidthStatus,
    Count,
    DrainRequest,
    PriorityRequest,
    QueueStatus,
    RetryRequest,
    Transfer,
    TransferList,
)


class QueueClient:
    """The write queue, by the routes of frontends/control/queue_routes.py, and its single writes,
    by those of transfer_routes.py. id: of a pending write.

    Every call raises UsageError when the agent has no write queue, and NotFoundError for an id
    that is not pending.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def status(self) -> QueueStatus:
        return self._client.request("GET", "/v1/queue", QueueStatus)

    def pause(self) -> QueueStatus:
        """Stop pushing until resume."""
        return self._client.request("POST", "/v1/queue:pause", QueueStatus)

    def resume(self) -> QueueStatus:
        return self._client.request("POST", "/v1/queue:resume", QueueStatus)

    def retry_all(self, bucket: str = "") -> int:
        """Retry every write that failed or waits for its next attempt; returns their number."""
        return self._client.request("POST", path_of("/v1/queue:retry", bucket=bucket), Count).count

    def drain(self, timeout: float, *, hurry: bool) -> QueueStatus:
        """Wait until nothing is left to push, for timeout seconds at most."""
        body = DrainRequest(timeout, hurry)
        return self._client.request("POST", "/v1/queue:drain", QueueStatus, body)

    def adopt(self, *, separate: bool) -> QueueStatus:
        """Say that the access key in use is of the account that the pending writes are for.

        separate: it is of another account.
        """
        return self._client.request("POST", "/v1/queue:adopt", QueueStatus, AdoptRequest(separate))

    def bandwidth(self) -> BandwidthStatus:
        return self._client.request("GET", "/v1/bandwidth", BandwidthStatus)

    def set_bandwidth(self, timetable: str) -> BandwidthStatus:
        """Limit the bandwidth until the agent's next start."""
        return self._client.request("PUT", "/v1/bandwidth", BandwidthStatus, Bandwidth(timetable))

    def transfers(
        self, *, bucket: str = "", prefix: str = "", key: str = "", state: str = ""
    ) -> Iterator[Transfer]:
        """Pending writes, the oldest first: of a bucket, of a prefix, or of exactly one key."""
        query = {"kind": "push", "bucket": bucket, "prefix": prefix, "key": key, "state": state}
        for page in self._client.pages("GET", "/v1/transfers", TransferList, **query):
            yield from page.transfers

    def transfer(self, id: str) -> Transfer:
        return self._client.request("GET", f"/v1/transfers/{id}", Transfer)

    def retry(self, id: str, as_key: str = "", *, force: bool = False) -> Transfer:
        """Push it now; as_key: to that key instead.

        force: push a write in conflict over the remote's version.
        """
        return self._act(id, "retry", RetryRequest(as_key, force))

    def hold(self, id: str) -> Transfer:
        """Do not push it until release."""
        return self._act(id, "pause")

    def release(self, id: str) -> Transfer:
        return self._act(id, "resume")

    def set_priority(self, id: str, priority: int) -> Transfer:
        """Writes of a higher priority are pushed first; the default is 0."""
        return self._act(id, "priority", PriorityRequest(priority))

    def discard(self, id: str) -> None:
        """Drop it: the key reads again as it did before this write."""
        self._client.send("POST", f"/v1/transfers/{id}:discard").close()

    def export(self, id: str) -> Download:
        """Its bytes. The caller closes the download."""
        return Download(self._client.send("POST", f"/v1/transfers/{id}:export"))

    def _act(self, id: str, verb: str, body: Any = None) -> Transfer:
        return self._client.request("POST", f"/v1/transfers/{id}:{verb}", Transfer, body)
