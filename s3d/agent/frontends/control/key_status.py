"""How far one key has come: what is pending of it, and what the remote has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.control.pending import Queue, transfer_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.pending_write import Kind, PendingState
from s3d.shared.caching import CacheState
from s3d.shared.control import ObjectInfo, ObjectStatus

PATIENCE = 5.0
"""Seconds that the remote has to tell the ETag."""

PUSHED = "pushed"
_WORDS = {PendingState.FAILED: "failed", PendingState.HELD: "held"}
"""State of the first write of a key, on which the later ones wait; all others are pending."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What lies behind the agent's own answers. queue None: writes go through to the remote."""

    remote: S3Client
    queue: Queue | None
    cached: Callable[[str, str], CacheState | None] = lambda bucket, key: None
    """What is in the read cache of a bucket and key."""

    async def status(self, bucket: str, key: str, info: ObjectInfo | None) -> ObjectStatus | None:
        """Of one key. info: as it is read now, if it is there. None: there is nothing at all."""
        writes = self.queue.journal.pending.writes(bucket, key) if self.queue is not None else []
        if info is None and not writes:
            return None
        etag, error = await self._ask(bucket, key)
        found = info or ObjectInfo(bucket, key, 0, "", writes[-1].accepted)
        return ObjectStatus(
            **msgspec.structs.asdict(found),
            state=_WORDS.get(writes[0].state, "pending") if writes else PUSHED,
            deleted=info is None and writes[-1].kind is Kind.DELETE,
            pending=[transfer_of(write) for write in writes],
            remote_etag=etag,
            remote_error=error,
            cache=self.cached(bucket, key),
        )

    def words(self, bucket: str, keys: Iterable[str]) -> dict[str, str]:
        """How each key is with queue and cache, without asking the remote: see Listing.standing."""
        found = {key: self._word(bucket, key) for key in keys}
        return {key: word for key, word in found.items() if word}

    def _word(self, bucket: str, key: str) -> str:
        writes = self.queue.journal.pending.writes(bucket, key) if self.queue is not None else []
        if writes:
            return _WORDS.get(writes[0].state, "pending")
        cached = self.cached(bucket, key)
        if cached is None:
            return ""
        if cached.pinned:
            return "pinned"
        if not cached.held:
            return ""
        return "cached" if cached.held >= cached.size else "partial"

    async def _ask(self, bucket: str, key: str) -> tuple[str | None, str]:
        """The ETag at the remote, and why it could not be had."""
        try:
            async with asyncio.timeout(PATIENCE):
                there = await self.remote.head(bucket, key)
        except S3Error as error:
            return None, error.message
        except TimeoutError:
            return None, f"the remote did not answer within {PATIENCE:.0f} s"
        return (None if there is None else there.etag), ""
