"""The client's part for changes of the remote: former remotes, and the migration to a remote."""

from __future__ import annotations

from collections.abc import Iterator

from s3d.cli.client.control_client import ControlClient, Download, path_of
from s3d.shared.transfers import (
    MigrateRequest,
    MigrationStatus,
    MoveRequest,
    MoveResult,
    RemoteList,
    Transfer,
    TransferList,
    WaitingRemote,
)


class FormerRemoteClient:
    """Remotes that are not in use and still have pending writes. remote: the id of one of them."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def remotes(self, name: str = "") -> list[WaitingRemote]:
        """Every such remote, or the one of that id or URL, in any spelling of the URL."""
        return self._client.request("GET", path_of("/v1/remotes", name=name), RemoteList).remotes

    def writes(self, remote: str) -> Iterator[Transfer]:
        """The writes that are pending for it, the oldest first."""
        path = f"/v1/remotes/{remote}/writes"
        for page in self._client.pages("GET", path, TransferList):
            yield from page.transfers

    def export(self, remote: str, id: str) -> Download:
        """The bytes of a write. The caller closes the download."""
        return Download(self._client.send("POST", f"/v1/remotes/{remote}/writes/{id}:export"))

    def discard(self, remote: str, id: str) -> None:
        """Drop a write."""
        self._client.send("POST", f"/v1/remotes/{remote}/writes/{id}:discard").close()

    def move(self, remote: str, to: str, writes: list[str]) -> MoveResult:
        """Move pending writes to the remote in use (to); an empty list means all of them."""
        body = MoveRequest(to, writes)
        return self._client.request("POST", f"/v1/remotes/{remote}:move", MoveResult, body)


class MigrationClient:
    """The migration of the embedded store to the remote, by MigrationRoutes of
    frontends/control/user_transfer_routes.py."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def status(self) -> MigrationStatus:
        return self._client.request("GET", "/v1/migration", MigrationStatus)

    def start(self, buckets: list[str], *, delete_source: bool) -> MigrationStatus:
        """Copy buckets to the remote.

        delete_source: delete from the embedded store what the remote has by now.
        """
        body = MigrateRequest(buckets, delete_source)
        return self._client.request("POST", "/v1/migration:start", MigrationStatus, body)

    def wait(self, timeout: float) -> MigrationStatus:
        """The status at the end of the migration, or after timeout seconds."""
        path = path_of("/v1/migration", wait=str(timeout))
        return self._client.request("GET", path, MigrationStatus)

    def cancel(self) -> MigrationStatus:
        return self._client.request("POST", "/v1/migration:cancel", MigrationStatus)
