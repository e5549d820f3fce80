"""The part of the synchronous client that concerns the remote: queue, transfers, migration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from s3d.shared.blocking import ControlClient, Download, path_of
from s3d.shared.transfers import (
    AdoptRequest,
    Bandwidth,
    BandwidthStatus,
    Count,
    DrainRequest,
    MigrateRequest,
    MigrationStatus,
    MoveRequest,
    MoveResult,
    PriorityRequest,
    QueueStatus,
    RemoteList,
    RetryRequest,
    Transfer,
    TransferList,
    WaitingRemote,
)


class QueueClient:
    """The routes of frontends/control/queue.py, transfers.py and migration.py. id: of a Transfer.

    Every call raises UsageError where there is no write queue, NotFoundError for an id that is not
    pending.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def status(self) -> QueueStatus:
        return self._client.ask("GET", "/v1/queue", QueueStatus)

    def pause(self) -> QueueStatus:
        """Push nothing more, until resume."""
        return self._client.ask("POST", "/v1/queue:pause", QueueStatus)

    def resume(self) -> QueueStatus:
        return self._client.ask("POST", "/v1/queue:resume", QueueStatus)

    def retry_all(self, bucket: str = "") -> int:
        """What failed or is delayed, of a bucket or all of it; how many."""
        return self._client.ask("POST", path_of("/v1/queue:retry", bucket=bucket), Count).count

    def drain(self, timeout: float, *, hurry: bool) -> QueueStatus:
        """After so many seconds at most, or when nothing moves any more."""
        wanted = DrainRequest(timeout, hurry)
        return self._client.ask("POST", "/v1/queue:drain", QueueStatus, wanted)

    def bandwidth(self) -> BandwidthStatus:
        return self._client.ask("GET", "/v1/bandwidth", BandwidthStatus)

    def set_bandwidth(self, timetable: str) -> BandwidthStatus:
        """Until the agent's next start."""
        return self._client.ask("PUT", "/v1/bandwidth", BandwidthStatus, Bandwidth(timetable))

    def transfers(
        self, *, bucket: str = "", prefix: str = "", key: str = "", state: str = ""
    ) -> Iterator[Transfer]:
        """Pending writes, oldest first; of a prefix or exactly one key of a bucket."""
        words = {"kind": "push", "bucket": bucket, "prefix": prefix, "key": key, "state": state}
        cursor = ""
        while True:
            path = path_of("/v1/transfers", **words, cursor=cursor)
            page = self._client.ask("GET", path, TransferList)
            yield from page.transfers
            cursor = page.cursor
            if not cursor:
                return

    def transfer(self, id: str) -> Transfer:
        return self._client.ask("GET", f"/v1/transfers/{id}", Transfer)

    def retry(self, id: str, as_key: str = "", *, force: bool = False) -> Transfer:
        """At once; as_key: to this key instead. force: a conflict, over the remote's version."""
        return self._act(id, "retry", RetryRequest(as_key, force))

    def hold(self, id: str) -> Transfer:
        """Keep it back, until release."""
        return self._act(id, "pause")

    def release(self, id: str) -> Transfer:
        return self._act(id, "resume")

    def set_priority(self, id: str, priority: int) -> Transfer:
        """Greater goes first; 0 is the usual."""
        return self._act(id, "priority", PriorityRequest(priority))

    def discard(self, id: str) -> None:
        """Forget it: the key is again what it was before."""
        self._client.call("POST", f"/v1/transfers/{id}:discard").close()

    def export(self, id: str) -> Download:
        """Its bytes; close the download."""
        return Download(self._client.call("POST", f"/v1/transfers/{id}:export"))

    def remotes(self, name: str = "") -> list[WaitingRemote]:
        """Remotes that are not in use, and for which writes are pending.

        name: only those of this id or URL, however it is written.
        """
        return self._client.ask("GET", path_of("/v1/remotes", name=name), RemoteList).remotes

    def writes_of(self, remote: str) -> Iterator[Transfer]:
        """What waits for another remote, oldest first. remote: its id."""
        cursor = ""
        while True:
            path = path_of(f"/v1/remotes/{remote}/writes", cursor=cursor)
            page = self._client.ask("GET", path, TransferList)
            yield from page.transfers
            cursor = page.cursor
            if not cursor:
                return

    def export_of(self, remote: str, id: str) -> Download:
        """Bytes of a write that waits for another remote; close the download."""
        return Download(self._client.call("POST", f"/v1/remotes/{remote}/writes/{id}:export"))

    def discard_of(self, remote: str, id: str) -> None:
        """Forget a write that waits for another remote."""
        self._client.call("POST", f"/v1/remotes/{remote}/writes/{id}:discard").close()

    def move(self, remote: str, to: str, writes: list[str]) -> MoveResult:
        """Write to the remote in use (to) what waits for another one; no writes: all."""
        wanted = MoveRequest(to, writes)
        return self._client.ask("POST", f"/v1/remotes/{remote}:move", MoveResult, wanted)

    def adopt(self, *, separate: bool) -> QueueStatus:
        """Pending writes are for the account of the access key in use; separate: they are not."""
        return self._client.ask("POST", "/v1/queue:adopt", QueueStatus, AdoptRequest(separate))

    def migration(self) -> MigrationStatus:
        return self._client.ask("GET", "/v1/migration", MigrationStatus)

    def start_migration(self, buckets: list[str], *, delete_source: bool) -> MigrationStatus:
        """Copy to the remote; or, in a second step, delete what is seen to be there."""
        wanted = MigrateRequest(buckets, delete_source)
        return self._client.ask("POST", "/v1/migration:start", MigrationStatus, wanted)

    def wait_for_migration(self, timeout: float) -> MigrationStatus:
        """After so many seconds at most, or when it has ended."""
        path = path_of("/v1/migration", wait=str(timeout))
        return self._client.ask("GET", path, MigrationStatus)

    def cancel_migration(self) -> MigrationStatus:
        return self._client.ask("POST", "/v1/migration:cancel", MigrationStatus)

    def _act(self, id: str, verb: str, body: Any = None) -> Transfer:
        return self._client.ask("POST", f"/v1/transfers/{id}:{verb}", Transfer, body)
