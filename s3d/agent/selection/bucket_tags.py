"""The tags of the remote's buckets, for filters; fetched when a filter needs them, and cached.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from s3d.agent.core.client import S3Client
from s3d.agent.core.context import background_context, with_timeout
from s3d.agent.core.keyed_lock import KeyedLock
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.ttl_cache import TTLCache
from s3d.agent.s3.errors import S3Error

TTL = 60.0
"""Seconds for which the tags of a bucket are cached."""
TIMEOUT = 5.0
"""Seconds to wait for the remote: a client may be waiting for the decision."""
FAILURE_TTL = 5.0
"""Seconds for which a failure is cached, so that the next caller does not wait for it again."""

_UNTAGGED = frozenset({"NoSuchTagSet", "NoSuchBucket", "NotImplemented"})
"""Errors that mean no tags; servers without bucket tagging answer NotImplemented."""

Tags = Mapping[str, str]


class BucketTags:
    """A cache of the bucket tags of one remote. clock: seconds, of any origin."""

    def __init__(
        self,
        remote: ObjectStore,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        self._remote = remote
        self._timeout = timeout
        self._bucket_locks = KeyedLock()
        self._cache: TTLCache[str, Tags | S3Error] = TTLCache(1_000, clock)

    async def of(self, bucket: str) -> Tags:
        """The tags of a bucket. Raises S3Error when the remote does not answer or refuses."""
        async with self._bucket_locks.hold(bucket):
            result = self._cache.get(bucket)
            if result is None:
                result = await self._fetch(bucket)
                ttl = FAILURE_TTL if isinstance(result, S3Error) else TTL
                self._cache.put(bucket, result, ttl)
        if isinstance(result, S3Error):
            raise result.with_traceback(None)
        return result

    def forget(self, bucket: str) -> None:
        """Drop the cached tags of a bucket, because they may have changed."""
        self._cache.forget(bucket)

    async def _fetch(self, bucket: str) -> Tags | S3Error:
        client = S3Client(self._remote, with_timeout(background_context(), self._timeout))
        try:
            response = await client.call("GetBucketTagging", {"Bucket": bucket})
        except TimeoutError:
            why = f"The remote did not return the tags of the bucket within {self._timeout:g} s."
            return S3Error("ServiceUnavailable", why)
        except S3Error as error:
            return {} if error.code in _UNTAGGED else error
        return {tag["Key"]: tag["Value"] for tag in response.output.get("TagSet") or ()}
