"""What is known of the remote's buckets: whether they exist, and whether they keep versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext

FRESH = 300.0
"""Seconds for which an answer is taken to hold."""
ABSENT = 5.0
"""Seconds for which a bucket is taken not to exist; also before a remote that is away is asked
again."""
PATIENCE = 3.0
"""Seconds that a write waits for the answer; without it the write is accepted all the same."""


@dataclass(slots=True)
class Fact:
    """What the remote said last of one bucket."""

    until: float
    exists: bool | None = None
    """None: it could not be asked."""
    unversioned: bool = False


class KnownBuckets:
    """Asks the remote when it has to. Belongs to the loop."""

    def __init__(
        self,
        inner: ObjectStore,
        unversioned: set[str],
        clock: Callable[[], float],
        is_away: Callable[[], bool],
    ) -> None:
        """unversioned: kept up to date here: the buckets that certainly have one version a key."""
        self._inner = inner
        self._unversioned = unversioned
        self._clock = clock
        self._is_away = is_away
        self._facts: dict[str, Fact] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def check(self, bucket: str, context: RequestContext | None = None) -> None:
        """Raise NoSuchBucket if the remote says so. A bucket of which nothing can be learnt passes:
        what is written to it waits until the remote is back."""
        fact = self._facts.get(bucket)
        if fact is None or fact.until <= self._clock():
            async with self._locks.setdefault(bucket, asyncio.Lock()):
                fact = self._facts.get(bucket)
                if fact is None or fact.until <= self._clock():
                    fact = self._facts[bucket] = await self._ask(bucket, fact, context)
            self._locks.pop(bucket, None)
        if fact.exists is False:
            raise S3Error("NoSuchBucket", BucketName=bucket)

    def forget(self, bucket: str) -> None:
        """Something was done to the bucket: ask again."""
        self._facts.pop(bucket, None)
        self._unversioned.discard(bucket)

    async def _ask(self, bucket: str, old: Fact | None, context: RequestContext | None) -> Fact:
        soon = self._clock() + ABSENT
        known = old is not None and old.exists
        if known and self._is_away():
            return Fact(soon, True, bucket in self._unversioned)
        client = S3Client(self._inner, context)
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await client.call("GetBucketVersioning", {"Bucket": bucket})
        except TimeoutError:
            return self._learn(bucket, Fact(soon, known or None))
        except S3Error as error:
            return self._learn(bucket, self._meaning(error, known=bool(known)))
        status = answer.output.get("Status")
        return self._learn(bucket, Fact(self._clock() + FRESH, True, not status))

    def _meaning(self, error: S3Error, *, known: bool) -> Fact:
        now = self._clock()
        if error.code == "NoSuchBucket":
            return Fact(now + ABSENT, False)
        if error.code in ("NotImplemented", "MethodNotAllowed"):
            return Fact(now + FRESH, True, unversioned=True)  # it has no versions at all
        if classify(error) in (FailureClass.DENIED, FailureClass.PERMANENT):
            return Fact(now + FRESH, True)
        return Fact(now + ABSENT, known or None)

    def _learn(self, bucket: str, fact: Fact) -> Fact:
        if fact.unversioned:
            self._unversioned.add(bucket)
        else:
            self._unversioned.discard(bucket)
        return fact
