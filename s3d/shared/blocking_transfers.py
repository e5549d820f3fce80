"""The part of the synchronous client that starts transfers and steers them."""

from __future__ import annotations

from s3d.shared.blocking import ControlClient, path_of
from s3d.shared.transfers import Count, Transfer, TransferList, TransferRequest


class TransferClient:
    """The routes of frontends/control/moving.py. id: of a Transfer that is no push.

    Every call about one raises NotFoundError when there is none, S3dError when it does not fit.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def start(self, request: TransferRequest) -> list[Transfer]:
        """One for each source; they go on when nobody looks."""
        return self._client.ask("POST", "/v1/transfers", TransferList, request).transfers

    def all(self, kind: str = "", state: str = "") -> list[Transfer]:
        """All of them, the pushes too when no kind is named."""
        found, cursor = [], ""
        while True:
            path = path_of("/v1/transfers", kind=kind, state=state, cursor=cursor)
            page = self._client.ask("GET", path, TransferList)
            found += page.transfers
            cursor = page.cursor
            if not cursor:
                return found

    def get(self, id: str, wait: str = "") -> Transfer:
        """wait: so many seconds, at most, for its end."""
        path = path_of(f"/v1/transfers/{id}", wait=wait)
        return self._client.ask("GET", path, Transfer)

    def pause(self, id: str) -> Transfer:
        return self._act(id, "pause")

    def resume(self, id: str) -> Transfer:
        return self._act(id, "resume")

    def retry(self, id: str) -> Transfer:
        """What is missing, again."""
        return self._act(id, "retry")

    def cancel(self, id: str) -> Transfer:
        """What is done stays."""
        return self._act(id, "cancel")

    def clear(self) -> int:
        """Forget what has ended; how many."""
        return self._client.ask("POST", "/v1/transfers:clear", Count).count

    def _act(self, id: str, verb: str) -> Transfer:
        return self._client.ask("POST", f"/v1/transfers/{id}:{verb}", Transfer)
