"""Which objects may be cached: their tag s3d.cache decides, else the filter and the policy.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from s3d.agent.core.client import S3Client
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.object_info import whole_size
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, RequestContext, S3Request
from s3d.agent.selection.filter_subject import subject_of_record, subject_of_response
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.records import Stored
from s3d.shared.filters.terms import FilterSubject
from s3d.shared.logs import log_fields

logger = LimitedLogger(logging.getLogger(__name__))

TAG = "s3d.cache"
PIN, NONE = "pin", "none"


def cache_tag_of(tagging: Mapping[str, Any]) -> str:
    """The tag's value in a response to GetObjectTagging or in a Tagging member; "" for none."""
    found = {tag["Key"]: tag["Value"] for tag in tagging.get("TagSet") or ()}
    return str(found.get(TAG, ""))


def cache_tag_in(request: S3Request[Any]) -> str | None:
    """The tag's value that a write sets; None: the write does not set tags."""
    name, input = request.op.name, request.input
    if name == "PutObjectTagging" and not input.get("VersionId"):
        return cache_tag_of(input.get("Tagging") or {})
    if name == "DeleteObjectTagging" and not input.get("VersionId"):
        return ""
    if name == "PutObject":
        return str(dict(parse_qsl(input.get("Tagging") or "")).get(TAG, ""))
    return None


TAGS_TIMEOUT = 5.0
"""Timeout in seconds of a request for the tags of an object whose reader is waiting."""


class Eligibility:
    """rules: which objects are cached; None: all."""

    def __init__(self, inner: ObjectStore, on_cache_tag: Callable[[str, str, str], None]) -> None:
        """on_cache_tag: called with the tag of each object that is seen, "" for none."""
        self.rules: UsePolicy | None = None
        self._inner = inner
        self._on_cache_tag = on_cache_tag

    async def admits(
        self, bucket: str, key: str, members: Members, context: RequestContext | None = None
    ) -> bool:
        """Whether an object may be cached: its tag s3d.cache decides, or else the filter."""
        tags: dict[str, str] | None = {}
        if members.get("TagCount"):
            tags = await self._tags(bucket, key, context)
            if tags is not None:
                self._on_cache_tag(bucket, key, tags.get(TAG, ""))
        mark = (tags or {}).get(TAG, "")
        if mark == NONE:
            return False
        subject = subject_of_response(bucket, key, members, whole_size(members), tags)
        return await self.takes(subject, pinned=mark == PIN)

    async def takes_pushed(self, bucket: str, key: str, stored: Stored) -> bool:
        """Whether an object that was pushed may be cached."""
        tags = stored.record.description.tags
        mark = tags.get(TAG)
        if mark == NONE:
            return False
        if self.rules is None or self.rules.includes_all(tags):
            return True
        return await self.takes(subject_of_record(bucket, key, stored), pinned=mark == PIN)

    async def takes(self, subject: FilterSubject, *, pinned: bool) -> bool:
        """What the filter says, unless a tag has pinned it, and the policy; what they cannot
        decide is not kept."""
        if self.rules is None:
            return True
        try:
            return not await self.rules.exclusion_reason(subject, overruled=pinned)
        except S3Error as error:
            logger.info(
                "an object is not cached: %s",
                error.message,
                extra=log_fields(bucket=subject.bucket, key=subject.key),
            )
            return False

    async def _tags(
        self, bucket: str, key: str, context: RequestContext | None
    ) -> dict[str, str] | None:
        """The object's tags; None when they cannot be read."""
        members = {"Bucket": bucket, "Key": key}
        try:
            async with asyncio.timeout(TAGS_TIMEOUT):
                answer = await S3Client(self._inner, context).call("GetObjectTagging", members)
        except TimeoutError:
            logger.info(
                "the tags cannot be read within %g s",
                TAGS_TIMEOUT,
                extra=log_fields(bucket=bucket, key=key),
            )
            return None
        except S3Error as error:
            logger.info(
                "the tags cannot be read: %s",
                error.message,
                extra=log_fields(bucket=bucket, key=key),
            )
            return None
        return {tag["Key"]: tag["Value"] for tag in answer.output.get("TagSet") or ()}
