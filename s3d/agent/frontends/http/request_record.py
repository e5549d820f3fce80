"""Makes the records of requests that a test can query: see RequestRing.

Like the access log, it costs nothing where it is off: the server is then built without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from s3d.agent.frontends.http.request_log import RecordedExchange
from s3d.agent.frontends.http.request_reader import RequestReader
from s3d.agent.s3.principal import Principal
from s3d.shared.control import ANONYMOUS
from s3d.shared.masking import mask, mask_url
from s3d.shared.testing import RecordedRequest

Record = Callable[[RecordedRequest], None]
"""Takes a record, whose sequence number is 0."""


class RequestRecorder:
    """Makes a record of each exchange that is over."""

    def __init__(self, put: Record, reader: RequestReader, clock: Callable[[], float]) -> None:
        """put: called from the loop's thread; it never waits. clock: Unix seconds."""
        self._put = put
        self._reader = reader
        self._clock = clock

    def log(self, exchange: RecordedExchange) -> None:
        """Record an exchange that is over."""
        requested = exchange.store_request
        address = self._reader.address_of(exchange.request) if requested is None else requested
        self._put(
            RecordedRequest(
                seq=0,
                at=self._clock(),
                method=exchange.method,
                path=mask_url(exchange.request.target),
                operation=exchange.operation,
                bucket=address.bucket,
                key=address.key,
                status=exchange.status,
                error=exchange.error_code,
                received=exchange.received,
                sent=exchange.sent,
                duration=max(time.monotonic() - exchange.started, 0.0),
                request_id=exchange.request_id,
                principal="" if requested is None else _name(requested.context.principal),
                user_agent=mask(exchange.request.by_name.get("user-agent", "")),
                trace_id="" if exchange.trace is None else exchange.trace.trace_id,
                aborted=exchange.is_aborted,
            )
        )


def _name(principal: Principal | None) -> str:
    if principal is None:
        return ""
    return ANONYMOUS if principal.is_anonymous else principal.arn
