"""The client's part for transfers: uploads, downloads, copies, moves and deletions."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import quote

from s3d.cli.client.control_client import ControlClient, Download, decode_answer, path_of
from s3d.shared import control
from s3d.shared.errors import S3dError
from s3d.shared.transfer_options import PlannedTransfer
from s3d.shared.transfers import Count, Transfer, TransferList, TransferRequest


class TransferClient:
    """Transfers other than pushes, by the routes of frontends/control. id: of a Transfer.

    Calls with an id raise NotFoundError when there is no such transfer, and S3dError when its state
    does not allow the action.
    """

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def start(self, request: TransferRequest) -> list[Transfer]:
        """Start one transfer for each source. They run in the agent, and outlive this client."""
        return self._client.request("POST", "/v1/transfers", TransferList, request).transfers

    def plan(self, request: TransferRequest) -> Iterator[PlannedTransfer]:
        """What start() would do with each object; the last row has no action.

        Raises S3dError when the plan ends before that row.
        """
        body, headers = control.encode(request), {"Content-Type": control.JSON}
        answer = self._client.send("POST", "/v1/transfers:plan", body, headers)
        row = None
        with Download(answer) as source, io.BufferedReader(source) as lines:
            for line in lines:
                row = decode_answer(line, PlannedTransfer)
                yield row
        if row is None or row.action:
            raise S3dError(
                "the plan is incomplete",
                "the agent closed the connection",
                "try again, and read its log with: s3d logs --file",
            )

    def all(self, kind: str = "", state: str = "") -> list[Transfer]:
        """Every transfer, the oldest first; pending writes too unless kind says otherwise."""
        query = {"kind": kind, "state": state}
        pages = self._client.pages("GET", "/v1/transfers", TransferList, **query)
        return [transfer for page in pages for transfer in page.transfers]

    def get(self, id: str, wait: str = "") -> Transfer:
        """The transfer at its end, or after wait seconds."""
        path = path_of(f"/v1/transfers/{quote(id, safe='')}", wait=wait)
        return self._client.request("GET", path, Transfer)

    def pause(self, id: str) -> Transfer:
        return self._act(id, "pause")

    def resume(self, id: str) -> Transfer:
        return self._act(id, "resume")

    def retry(self, id: str) -> Transfer:
        """Move again the objects that failed."""
        return self._act(id, "retry")

    def cancel(self, id: str) -> Transfer:
        """End it; objects that were moved stay moved."""
        return self._act(id, "cancel")

    def clear(self) -> int:
        """Remove transfers that have ended from the list; returns their number."""
        return self._client.request("POST", "/v1/transfers:clear", Count).count

    def _act(self, id: str, verb: str) -> Transfer:
        return self._client.request("POST", f"/v1/transfers/{quote(id, safe='')}:{verb}", Transfer)
