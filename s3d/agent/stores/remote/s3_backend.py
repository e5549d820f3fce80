"""An S3 service as a RemoteBackend: RemoteStore below layers for what services do not do.

From the top to the bottom: ConditionalWrites checks conditions that the service ignores;
CapabilityProber finds out which those are; EmptySegments keeps keys such as `x//y` from replacing
others; Compatibility leaves out headers that the service refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.listing import BYTES
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote.addressing import known_order
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.capability_prober import CapabilityProber
from s3d.agent.stores.remote.client_span import ClientSpans
from s3d.agent.stores.remote.compatibility import Compatibility
from s3d.agent.stores.remote.conditional_writes import ConditionalWrites
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.empty_segments import EmptySegments
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.loop_detection import LoopDetection
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_health import Health
from s3d.agent.stores.remote.remote_store import RemoteStore

Observe = Callable[[ObjectStore], ObjectStore]
"""Wraps the store that sends the requests, to count them."""


class S3Backend:
    """See backend.py for each member."""

    def __init__(
        self,
        settings: Settings,
        credentials: CredentialProvider,
        *,
        endpoint: str,
        capabilities_file: Path,
        fingerprint: RemoteFingerprint | None = None,
        may_probe: bool = True,
        observe: Observe = lambda store: store,
        spans: ClientSpans | None = None,
    ) -> None:
        self.traffic = settings.traffic
        self._store = RemoteStore(settings, credentials, fingerprint=fingerprint, spans=spans)
        is_aws = known_order(settings.url, "") == BYTES
        quirks = RemoteQuirks(keeps_empty_segments=True if is_aws else None)
        learned = asyncio.Event()
        compatibility = Compatibility(observe(self._store), quirks, on_learned=learned.set)
        self._empty_segments = EmptySegments(
            compatibility, quirks, may_probe=may_probe, on_learned=learned.set
        )
        self._prober = CapabilityProber(
            self._empty_segments,
            endpoint,
            capabilities_file,
            quirks=quirks,
            allowed=may_probe,
            wake=learned,
            default_order=lambda bucket: known_order(settings.url, bucket),
        )
        top = ConditionalWrites(self._prober)
        self.call: Callable[[S3Request[Any]], Answer] = top.call

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def health(self) -> Health:
        return self._store.health

    @property
    def capabilities(self) -> CapabilityProber:
        return self._prober

    @property
    def without_probes(self) -> ObjectStore:
        return self._empty_segments

    async def check_answering(self, seconds: float, since: float) -> None:
        await self._store.check_answering(seconds, since)

    async def check_key(self, bucket: str, key: str) -> None:
        await self._empty_segments.check(bucket, key)

    async def learn_key(self, bucket: str, key: str) -> None:
        await self._empty_segments.learn(bucket, key)

    def detect_loops(self, top: ObjectStore) -> ObjectStore:
        return LoopDetection(top, self._store.via)

    async def run(self) -> None:
        await self._prober.run()

    async def close(self) -> None:
        await self._store.close()
