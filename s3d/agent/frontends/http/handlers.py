"""The request handlers of a server: plain ones, and those that keep what records of requests need.

Records cost time, so they are made only while somebody wants them. Buckets get access logs while
the server runs: from then on new exchanges are recorded ones, and those in hand end as they began.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.request_handler import RequestHandler
from s3d.agent.frontends.http.request_log import (
    BucketLog,
    RecordedExchange,
    RecordingHandler,
    RecordingWriter,
    RequestLogger,
    log_completed,
)
from s3d.agent.frontends.http.request_reader import RequestReader
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.s3.access_log_record import AccessRecord

Make = Callable[[type[RequestHandler], type[ResponseWriter]], RequestHandler]


class Handlers:
    """Serves exchanges by their class."""

    def __init__(
        self,
        make: Make,
        logs: tuple[RequestLogger, ...],
        reader: RequestReader,
        clock: Callable[[], float],
    ) -> None:
        """make: constructs a handler with writers of the given types. logs: called with each
        recorded exchange that is over. clock: Unix seconds."""
        self._make = make
        self._logs = logs
        self._reader = reader
        self._clock = clock
        self.exchange_class: type[Exchange] = Exchange
        """Of new exchanges."""
        self._of_class: dict[type[Exchange], RequestHandler] = {}
        if logs:
            self._record()
        else:
            self._of_class[Exchange] = make(RequestHandler, ResponseWriter)

    @property
    def uploads(self) -> int:
        """Streaming bodies that are being received."""
        return sum(handler.uploads for handler in self._of_class.values())

    def log_buckets(self, put: Callable[[AccessRecord], None]) -> None:
        """Make records of all new requests. put: takes them, and never waits."""
        self._logs += (BucketLog(put, self._reader, self._clock).log,)
        self._record()

    def serve(self, exchange: Exchange) -> Coroutine[Any, Any, None] | None:
        """Respond now, or return the coroutine that does."""
        return self._of_class[exchange.__class__].serve(exchange)

    def log(self, exchange: Exchange) -> None:
        """An exchange is over."""
        if exchange.__class__ is RecordedExchange:
            log_completed(exchange, self._logs)

    def _record(self) -> None:
        self.exchange_class = RecordedExchange
        if RecordedExchange not in self._of_class:
            self._of_class[RecordedExchange] = self._make(RecordingHandler, RecordingWriter)
