"""The tags of buckets at the remote, for filters: asked for when needed, and kept for a while.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.store.memo import Recent
from s3d.agent.store.store import ObjectStore

LIFE = 60.0
"""Seconds after which they are asked for again."""

_UNTAGGED = frozenset({"NoSuchTagSet", "NoSuchBucket", "NotImplemented"})
"""Errors that say: none. The last, of servers that have no tags of buckets at all."""


class BucketTags:
    """Of one remote. clock: seconds, of any origin."""

    def __init__(self, remote: ObjectStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._remote = remote
        self._clock = clock
        self._known: Recent[str, tuple[float, Mapping[str, str]]] = Recent(1_000, lambda _: 1)

    async def of(self, bucket: str) -> Mapping[str, str]:
        """Raises S3Error when the remote does not tell."""
        known = self._known.get(bucket)
        if known is not None and self._clock() < known[0]:
            return known[1]
        tags = await self._ask(bucket)
        self._known.put(bucket, (self._clock() + LIFE, tags))
        return tags

    def forget(self, bucket: str) -> None:
        """They may have changed."""
        self._known.forget(bucket)

    async def _ask(self, bucket: str) -> Mapping[str, str]:
        request = S3Request(operations()["GetBucketTagging"], {"Bucket": bucket})
        try:
            answer = await self._remote.call(request)
        except S3Error as error:
            if error.code in _UNTAGGED:
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in answer.output.get("TagSet") or ()}
