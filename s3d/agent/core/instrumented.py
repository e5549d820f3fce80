"""Counts the calls of a store from outside, so that no store has to.

Instrumented wraps one layer and counts what reaches it. It costs every request a function call, so
it does not take the time: the endpoint (http/exchange.py) does that for the whole request,
and InstrumentedRemote for the one call that is slow, that of the remote. Only `app` applies them.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from s3d.agent.core.failures import Refused, Unreachable
from s3d.agent.core.metric_table import (
    LAYER_CALLS,
    REMOTE_DURATION,
    REMOTE_IN_FLIGHT,
    REMOTE_REQUESTS,
)
from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.core.telemetry import Counter, Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response

UNREACHABLE = "unreachable"
CANCELLED = "cancelled"
"""Values of the label code, for requests without an answer."""


class Instrumented:
    """A layer whose calls are counted, by operation."""

    def __init__(self, inner: ObjectStore, layer: str, registry: Registry) -> None:
        """layer: its name in the table of layers."""
        self.inner = inner
        self._call = inner.call
        self._layer = layer
        self._registry = registry
        self._counters: dict[str, Counter] = {}

    def call(self, request: S3Request[Any]) -> Answer:
        counter = self._counters.get(request.op.name)
        if counter is None:
            counter = self._registry.counter(LAYER_CALLS, self._layer, request.op.name)
            self._counters[request.op.name] = counter
        counter.value += 1
        return self._call(request)


class InstrumentedRemote:
    """The remote, whose requests are counted and timed until the head of the answer is there."""

    def __init__(
        self, inner: ObjectStore, registry: Registry, now: Callable[[], float] = perf_counter
    ) -> None:
        """now: seconds of a clock that never goes back."""
        self._inner = inner
        self._registry = registry
        self._now = now
        self._in_flight = 0
        registry.computed(REMOTE_IN_FLIGHT, lambda: self._in_flight)

    def call(self, request: S3Request[Any]) -> Answer:
        return self._observed(request)

    async def _observed(self, request: S3Request[Any]) -> S3Response[Any]:
        name, started, code = request.op.name, self._now(), CANCELLED
        self._in_flight += 1
        try:
            response = await self._inner.call(request)
            code = str(_status_of(request, response))
        except S3Error as error:
            code = _code_of(error)
            raise
        finally:
            self._in_flight -= 1
            self._registry.counter(REMOTE_REQUESTS, name, code).add()
            self._registry.histogram(REMOTE_DURATION, name).observe(self._now() - started)
        return response


def _status_of(request: S3Request[Any], response: S3Response[Any]) -> int:
    if response.wire is not None:
        return response.wire.status
    return response.status or request.op.status


def _code_of(error: S3Error) -> str:
    """The status of the remote's own answer, which may be another one than the client gets."""
    failure = error.failure
    if isinstance(failure, Unreachable):
        return UNREACHABLE
    return str(failure.refusal.status if isinstance(failure, Refused) else error.status)


COUNTED = frozenset({"write_queue", "read_cache"})
"""Layers whose calls are counted; the others hand every request on."""


def count_layer(registry: Registry, store: ObjectStore, layer: str) -> ObjectStore:
    """The layer with its calls counted; the layer itself when nobody counts them."""
    is_counted = registry.is_enabled and layer in COUNTED
    return Instrumented(store, layer, registry) if is_counted else store


def observe_remote(store: ObjectStore, registry: Registry) -> ObjectStore:
    """The store that sends requests to the remote, with these counted and timed."""
    return InstrumentedRemote(store, registry) if registry.is_enabled else store
