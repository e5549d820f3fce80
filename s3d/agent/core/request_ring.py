"""The newest requests to the S3 endpoint, in memory: for tests that ask what was requested."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import NamedTuple

from msgspec.structs import replace

from s3d.shared.testing import RecordedRequest

MAX_REQUESTS = 10_000
"""Requests; a record takes about half a kilobyte."""


class RequestFilter(NamedTuple):
    """Which requests are meant: those that agree in everything that is given."""

    operation: str = ""
    bucket: str = ""
    key: str = ""
    status: str = ""
    """Such as 404 or 4xx; "": any."""

    def check(self) -> None:
        """Raises ValueError for a status that has not one of these forms."""
        if self.status and not re.fullmatch(r"[0-5](\d\d|xx)", self.status):
            raise ValueError(f"{self.status!r} is not a status: write it like 404 or 4xx")

    def admits(self, request: RecordedRequest) -> bool:
        return (
            self.operation in ("", request.operation)
            and self.bucket in ("", request.bucket)
            and self.key in ("", request.key)
            and self._has_status(request.status)
        )

    def _has_status(self, status: int) -> bool:
        return self.status in ("", f"{status:03}", f"{status // 100}xx")


class RequestRing:
    """Keeps the newest requests, the oldest first. Belongs to the event loop."""

    def __init__(self, limit: int = MAX_REQUESTS) -> None:
        self._requests: deque[RecordedRequest] = deque(maxlen=limit)
        self._added = asyncio.Event()
        self.last = 0
        """Sequence number of the newest request, also after clear()."""

    def add(self, request: RecordedRequest) -> None:
        """Add a request, which gets the next sequence number."""
        self.last += 1
        self._requests.append(replace(request, seq=self.last))
        self._added.set()

    def clear(self) -> None:
        self._requests.clear()

    def select(self, criteria: RequestFilter, since: int, limit: int) -> list[RecordedRequest]:
        """The first requests after a sequence number that the filter admits."""
        found: list[RecordedRequest] = []
        for request in self._requests:
            if request.seq > since and criteria.admits(request):
                found.append(request)
                if len(found) == limit:
                    break
        return found

    async def wait_for(self, criteria: RequestFilter, since: int) -> None:
        """Return once there is such a request."""
        while not self.select(criteria, since, 1):
            since = max(since, self.last)
            self._added.clear()
            await self._added.wait()
