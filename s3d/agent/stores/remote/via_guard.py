"""Circles of agents: who a request has passed, and no entry for one that has passed us.

A forwarded request carries its own way. A write that was acknowledged goes out later as a request
of ours; but an agent has one remote, so whoever has once sent us something has a remote that leads
to us, and ours must not lead to him. So our own requests name all that have sent us anything.
"""

from __future__ import annotations

from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote.forward import HOPS, check_hops

MOST = 32
"""Agents that are remembered, the latest ones: a header has its limits."""


class Hops:
    """The way to us. Belongs to the loop."""

    def __init__(self, agent: str) -> None:
        """agent: our id."""
        self.agent = agent
        self.header = agent
        """For requests of our own: those before us, and us."""
        self._before: dict[str, None] = {}

    def passed(self, hops: str) -> None:
        """A request came in with these hops. Raises S3Error InvalidRequest for one of ours."""
        check_hops(hops, self.agent)
        for hop in filter(None, (hop.strip() for hop in hops.split(","))):
            self._before.pop(hop, None)
            self._before[hop] = None
        while len(self._before) > MOST:
            del self._before[next(iter(self._before))]
        self.header = ",".join((*self._before, self.agent))


class LoopGuard(Layer):
    """The outermost layer: nothing is accepted that we have sent ourselves."""

    def __init__(self, inner: ObjectStore, hops: Hops) -> None:
        super().__init__(inner)
        self._hops = hops

    def otherwise(self, request: S3Request[Any]) -> Answer:
        if request.wire is not None:
            for name, value in request.wire.headers:
                if name == HOPS:
                    self._hops.passed(value)
        return self.inner.call(request)
