"""The policy that the configuration asks for, with its decisions cached.

S3D_OPA_POLICY is evaluated in this process (rego.py), S3D_OPA_URL by a server (opa_http.py).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from s3d.agent.core.ttl_cache import TTLCache
from s3d.agent.selection.decision import Decision, Document, PolicyEngine
from s3d.agent.selection.opa_http import HttpEngine
from s3d.agent.selection.rego import RegoEngine
from s3d.shared.config.schema import Config

MAX_DECISIONS = 10_000
"""Decisions in the cache; the least recently used one is dropped first."""
DEFAULT_TTL = 60.0
"""Seconds for which a decision without a ttl of its own is valid."""


def open_policy(config: Config) -> PolicyEngine | None:
    """The configured policy; None when there is none. Does not contact a policy server.

    Raises PolicyError for a policy file that cannot be used.
    """
    if config.opa_policy is not None:
        return CachedEngine(RegoEngine(config.opa_policy))
    return CachedEngine(HttpEngine(config.opa_url)) if config.opa_url else None


class CachedEngine:
    """Evaluates each input document once within the ttl of its decision.

    clock: seconds, of any origin.
    """

    def __init__(self, inner: PolicyEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._version = inner.version
        self._decisions: TTLCache[bytes, Decision] = TTLCache(MAX_DECISIONS, clock)
        """By digest of the document."""

    @property
    def version(self) -> int:
        return self._inner.version

    @property
    def trouble(self) -> str:
        return self._inner.trouble

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""
        await self._inner.refresh()
        if self._version != self._inner.version:
            self._version = self._inner.version
            self._decisions.clear()
        digest = _digest(document)
        decision = self._decisions.get(digest)
        if decision is None:
            decision = await self._inner.decide(document)
            ttl = DEFAULT_TTL if decision.ttl is None else decision.ttl
            self._decisions.put(digest, decision, ttl)
        return decision

    async def refresh(self) -> None:
        await self._inner.refresh()

    async def close(self) -> None:
        await self._inner.close()


def _digest(document: Document) -> bytes:
    """Equal for documents that are equal in everything that the policy can read."""
    text = json.dumps(document, sort_keys=True)
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
