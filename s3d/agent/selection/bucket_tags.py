"""The tags of buckets at the remote, for filters: asked for when needed, and kept for a while.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from s3d.agent.core.keyed_lock import KeyedLock
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.storage.record_cache import Recent

LIFE = 60.0
"""Seconds after which they are asked for again."""
PATIENCE = 5.0
"""Seconds that the remote has for an answer: a client may be waiting for what depends on it."""
REST = 5.0
"""Seconds after a failure in which nobody waits for the next one."""

_UNTAGGED = frozenset({"NoSuchTagSet", "NoSuchBucket", "NotImplemented"})
"""Errors that say: none. The last, of servers that have no tags of buckets at all."""

Tags = Mapping[str, str]


class BucketTags:
    """Of one remote. clock: seconds, of any origin."""

    def __init__(
        self,
        remote: ObjectStore,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._remote = remote
        self._clock = clock
        self._patience = patience
        self._bucket_locks = KeyedLock()
        self._known: Recent[str, tuple[float, Tags | S3Error]] = Recent(1_000, lambda _: 1)

    async def of(self, bucket: str) -> Tags:
        """Raises S3Error when the remote does not tell."""
        async with self._bucket_locks.hold(bucket):
            until, found = self._known.get(bucket) or (0.0, None)
            if found is None or self._clock() >= until:
                found = await self._ask(bucket)
                life = REST if isinstance(found, S3Error) else LIFE
                self._known.put(bucket, (self._clock() + life, found))
        if isinstance(found, S3Error):
            raise found.with_traceback(None)
        return found

    def forget(self, bucket: str) -> None:
        """They may have changed."""
        self._known.forget(bucket)

    async def _ask(self, bucket: str) -> Tags | S3Error:
        request = S3Request(operations()["GetBucketTagging"], {"Bucket": bucket})
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._remote.call(request)
        except TimeoutError:
            why = f"The remote has not told the tags of the bucket within {self._patience:g} s."
            return S3Error("ServiceUnavailable", why)
        except S3Error as error:
            return {} if error.code in _UNTAGGED else error
        return {tag["Key"]: tag["Value"] for tag in answer.output.get("TagSet") or ()}
