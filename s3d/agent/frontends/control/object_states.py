"""The sync state of a key: pending, failed, pushed; and whether it is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState
from s3d.agent.stores.write_queue.queue_status import QueueParts, transfer_of
from s3d.shared.caching import CacheState
from s3d.shared.control import ObjectInfo, ObjectStatus
from s3d.shared.receipts import Receipt

REMOTE_TIMEOUT = 4.0
"""Seconds to wait for the ETag of the remote."""

PUSHED = "pushed"
_STATES = {PendingState.FAILED: "failed", PendingState.HELD: "held"}
"""State of the oldest pending write of a key -> sync state of the key; others: pending."""


@dataclass(frozen=True, slots=True)
class ObjectStates:
    """Compares what clients read with queue, cache and remote. queue None: writes go through."""

    remote: S3Client
    queue: QueueParts | None
    cached: Callable[[str, str], CacheState | None] = lambda bucket, key: None
    """The state of (bucket, key) in the read cache."""
    receipts: Callable[[str, str], list[Receipt]] = lambda bucket, key: []
    """The newest receipts of (bucket, key). It blocks."""

    async def object_status(
        self, bucket: str, key: str, info: ObjectInfo | None
    ) -> ObjectStatus | None:
        """The status of one key. info: the object as clients read it now, if it exists.

        None: the key has neither an object nor pending writes.
        """
        writes = self.queue.journal.pending.writes(bucket, key) if self.queue is not None else []
        if info is None and not writes:
            return None
        etag, error = await self._remote_etag(bucket, key)
        shown = info or ObjectInfo(bucket, key, 0, "", writes[-1].first_accepted)
        return ObjectStatus(
            **msgspec.structs.asdict(shown),
            state=_STATES.get(writes[0].state, "pending") if writes else PUSHED,
            deleted=info is None and writes[-1].kind is Kind.DELETE,
            pending=[transfer_of(write) for write in writes],
            remote_etag=etag,
            remote_error=error,
            cache=self.cached(bucket, key),
            receipts=await asyncio.to_thread(self.receipts, bucket, key),
        )

    def key_states(self, bucket: str, keys: Iterable[str]) -> dict[str, str]:
        """The state of each key in queue and cache (Listing.key_states), without a remote call."""
        states = {key: self._sync_state(bucket, key) for key in keys}
        return {key: state for key, state in states.items() if state}

    def _sync_state(self, bucket: str, key: str) -> str:
        writes = self.queue.journal.pending.writes(bucket, key) if self.queue is not None else []
        if writes:
            return _STATES.get(writes[0].state, "pending")
        cached = self.cached(bucket, key)
        if cached is None:
            return ""
        if cached.pinned:
            return "pinned"
        if not cached.held:
            return ""
        return "cached" if cached.held >= cached.size else "partial"

    async def _remote_etag(self, bucket: str, key: str) -> tuple[str | None, str]:
        """The ETag at the remote, and why it could not be read."""
        try:
            async with asyncio.timeout(REMOTE_TIMEOUT):
                info = await self.remote.head(bucket, key)
        except S3Error as error:
            return None, error.message
        except TimeoutError:
            return None, f"the remote did not answer within {REMOTE_TIMEOUT:.0f} s"
        return (None if info is None else info.etag), ""
