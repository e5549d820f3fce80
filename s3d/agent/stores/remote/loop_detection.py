"""Loops of agents: each request names the agents that it has passed, and may pass each once.

The header is like Via of RFC 9110. A request that is forwarded keeps the ids that it came with. A
push is a request of our own, which is sent after the client's write was acknowledged, so it has no
ids of the client's request. An agent has only one remote: an agent that has sent us a request has a
remote that leads to us. If our remote led to that agent, the push would come back to us. Therefore
our own requests name all agents that have sent us a request in the last MEMORY seconds, and each of
them refuses such a request. A value of a client that is no list of ids is dropped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request

HOPS = "x-s3d-hops"
"""Header with the ids of the agents that a request has passed, separated by commas."""
MAX_HOPS = 16
"""Agents that one request may pass. A client's header must not make ours too long to be taken."""
_HOP = re.compile(r"[0-9a-f]{32}")
MEMORY = 600.0
"""Seconds for which requests of our own name an agent that has sent us something."""


class ViaTracker:
    """The agents on the way to us. Belongs to the loop."""

    def __init__(self, agent: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """agent: our id. clock: seconds that never go back."""
        self.agent = agent
        self._clock = clock
        self._before: dict[str, float] = {}
        """Agent -> when it last sent us something, the latest last."""

    @property
    def header(self) -> str:
        """The value for requests of our own: the agents before us, and us."""
        if self._before:
            oldest = self._clock() - MEMORY
            self._before = {hop: at for hop, at in self._before.items() if at > oldest}
        return ",".join((*self._before, self.agent))

    def admit(self, hops: str) -> None:
        """Note the hops of a request. Raises S3Error InvalidRequest if it has passed us."""
        check_hops(hops, self.agent)
        now = self._clock()
        for hop in read_hops(hops):
            self._before.pop(hop, None)
            self._before[hop] = now
        while len(self._before) >= MAX_HOPS:
            del self._before[next(iter(self._before))]


class LoopDetection(Layer):
    """The outermost layer: refuses requests that this agent has sent itself."""

    only_with_header = HOPS

    def __init__(self, inner: ObjectStore, via: ViaTracker) -> None:
        super().__init__(inner)
        self._via = via

    def fallback(self, request: S3Request[Any]) -> Answer:
        if request.wire is not None:
            for name, value in request.wire.headers:
                if name == HOPS:
                    self._via.admit(value)
        return self.inner.call(request)


def read_hops(hops: str) -> list[str]:
    """The ids of agents in this header; other values are ignored."""
    return [hop for hop in (piece.strip() for piece in hops.split(",")) if _HOP.fullmatch(hop)]


def check_hops(hops: str, agent: str) -> None:
    """Raises S3Error InvalidRequest when the request has passed this agent, or too many others."""
    if not hops:
        return
    before = read_hops(hops)
    if agent in before:
        raise S3Error(
            "InvalidRequest", "The remote of this s3d leads back to this s3d: check S3D_REMOTE."
        )
    if len(before) > MAX_HOPS:
        raise S3Error(
            "InvalidRequest",
            f"The request has passed {len(before)} agents: one of them has a remote that leads "
            f"back to itself.",
        )
