"""Which objects the cache keeps: the tag s3d.cache decides, else the filter and the policy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.object_info import whole_size
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, RequestContext
from s3d.agent.selection.filter_subject import subject_of_response
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.read_cache.cache_tag import NONE, PIN, TAG
from s3d.shared.filters.terms import FilterSubject

logger = logging.getLogger(__name__)

TAGS_PATIENCE = 5.0
"""Seconds that the remote has to tell the tags of an object whose reader is waiting."""


class Eligibility:
    """rules: which objects are kept; None: all."""

    def __init__(self, inner: ObjectStore, on_mark: Callable[[str, str, str], None]) -> None:
        """on_mark: is given the tag of an object, "" for none, when it is seen."""
        self.rules: UsePolicy | None = None
        self._inner = inner
        self._on_mark = on_mark

    async def admits(
        self, bucket: str, key: str, said: Members, context: RequestContext | None = None
    ) -> bool:
        """Whether an object may be kept: its tag s3d.cache decides, or else the filter."""
        tags: dict[str, str] | None = {}
        if said.get("TagCount"):
            tags = await self._tags(bucket, key, context)
            if tags is not None:
                self._on_mark(bucket, key, tags.get(TAG, ""))
        mark = (tags or {}).get(TAG, "")
        if mark == NONE:
            return False
        subject = subject_of_response(bucket, key, said, whole_size(said), tags)
        return await self.takes(subject, pinned=mark == PIN)

    async def takes(self, subject: FilterSubject, *, pinned: bool) -> bool:
        """What the filter says, unless a tag has pinned it, and the policy; what they cannot
        decide is not kept."""
        if self.rules is None:
            return True
        try:
            return not await self.rules.exclusion_reason(subject, overruled=pinned)
        except S3Error as error:
            logger.info("not kept: %s key=%s", error.message, subject.key)
            return False

    async def _tags(
        self, bucket: str, key: str, context: RequestContext | None
    ) -> dict[str, str] | None:
        """None when they cannot be read."""
        members = {"Bucket": bucket, "Key": key}
        try:
            async with asyncio.timeout(TAGS_PATIENCE):
                answer = await S3Client(self._inner, context).call("GetObjectTagging", members)
        except TimeoutError:
            logger.info("the tags cannot be read within %g s: key=%s", TAGS_PATIENCE, key)
            return None
        except S3Error as error:
            logger.info("the tags cannot be read: %s key=%s", error.message, key)
            return None
        return {tag["Key"]: tag["Value"] for tag in answer.output.get("TagSet") or ()}
