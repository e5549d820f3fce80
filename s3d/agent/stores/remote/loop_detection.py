"""Circles of agents: who a request has passed, and no entry for one that has passed us.

A forwarded request carries its own way. A write that was acknowledged goes out later as a request
of ours; but an agent has one remote, so whoever has lately sent us something has a remote that
leads to us, and ours must not lead to him. So for a while our own requests name all that have sent
us anything. Ids only: any other value that a client sends goes no further.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote.forward import HOPS, MAX_HOPS, check_hops, read_hops

MEMORY = 600.0
"""Seconds for which an agent that has sent us something is named in requests of our own."""


class ViaTracker:
    """The way to us. Belongs to the loop."""

    def __init__(self, agent: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """agent: our id. clock: seconds that never go back."""
        self.agent = agent
        self._clock = clock
        self._before: dict[str, float] = {}
        """Agent -> when it sent us something, the latest last."""

    @property
    def header(self) -> str:
        """For requests of our own: those before us, and us."""
        if self._before:
            oldest = self._clock() - MEMORY
            self._before = {hop: at for hop, at in self._before.items() if at > oldest}
        return ",".join((*self._before, self.agent))

    def passed(self, hops: str) -> None:
        """A request came in with these hops. Raises S3Error InvalidRequest for one of ours."""
        check_hops(hops, self.agent)
        now = self._clock()
        for hop in read_hops(hops):
            self._before.pop(hop, None)
            self._before[hop] = now
        while len(self._before) >= MAX_HOPS:
            del self._before[next(iter(self._before))]


class LoopDetection(Layer):
    """The outermost layer: nothing is accepted that we have sent ourselves."""

    def __init__(self, inner: ObjectStore, hops: ViaTracker) -> None:
        super().__init__(inner)
        self._via = hops

    def fallback(self, request: S3Request[Any]) -> Answer:
        if request.wire is not None:
            for name, value in request.wire.headers:
                if name == HOPS:
                    self._via.passed(value)
        return self.inner.call(request)
