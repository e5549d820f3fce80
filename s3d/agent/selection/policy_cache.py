"""Decisions kept for a while, so that an object is not judged again and again."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable

from s3d.agent.selection.decision import Decision, Document, PolicyEngine

MOST = 10_000
LIFE = 60.0
"""Seconds that a decision counts for which does not say."""


class CachedEngine:
    """clock: seconds, of any origin."""

    def __init__(self, inner: PolicyEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._clock = clock
        self._version = inner.version
        self._known: OrderedDict[bytes, tuple[float, Decision]] = OrderedDict()

    @property
    def version(self) -> int:
        return self._inner.version

    @property
    def trouble(self) -> str:
        return self._inner.trouble

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""
        await self._inner.look()
        if self._version != self._inner.version:
            self._version = self._inner.version
            self._known.clear()
        name = _name(document)
        until, decision = self._known.get(name, (0.0, None))
        if decision is not None and self._clock() < until:
            self._known.move_to_end(name)
            return decision
        decision = await self._inner.decide(document)
        life = LIFE if decision.ttl is None else decision.ttl
        self._known[name] = self._clock() + life, decision
        self._known.move_to_end(name)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return decision

    async def look(self) -> None:
        await self._inner.look()

    async def close(self) -> None:
        await self._inner.close()


def _name(document: Document) -> bytes:
    """Stands for all that the policy may look at."""
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
