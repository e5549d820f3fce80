"""What is known of the remote's buckets: existence, versioning, keys and conditions they accept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.ttl_cache import TTLCache
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext
from s3d.agent.s3.routing import check_key
from s3d.agent.stores.write_queue.push.push_plan import Plan, Put, SimpleCall
from s3d.agent.stores.write_queue.push.remote_gate import probe
from s3d.agent.stores.write_queue.push.retry_policy import refusal_of

KNOWN_FOR = 300.0
"""Seconds for which an answer counts as current."""
RETRY_AFTER = 5.0
"""Seconds for which a bucket counts as missing, and before the next request to an unreachable
remote."""
MAX_WAIT = 3.0
"""Seconds that a write waits for an answer; without one it is accepted."""
DISTRUST = 3600.0
"""Seconds without conditions for a bucket that rejected a correct one, and without HeadObject for a
bucket that denied it."""

_MAX_BUCKETS = 10_000
"""Buckets that are remembered at once as without conditions, or as without HeadObject."""
_DOTS = frozenset((".", ".."))
_BAD_REQUEST = 400


@dataclass(slots=True)
class BucketState:
    """The last answer about one bucket."""

    until: float
    exists: bool | None = None
    """None: the remote was unreachable."""
    unversioned: bool = False


class KnownBuckets:
    """Whether buckets exist and keep versions; asks the remote when needed. Belongs to the loop."""

    def __init__(
        self,
        remote: ObjectStore,
        unversioned: set[str],
        clock: Callable[[], float],
        is_away: Callable[[], bool],
    ) -> None:
        """unversioned: updated here with the buckets that certainly keep one version a key."""
        self._remote = remote
        self._unversioned = unversioned
        self._clock = clock
        self._is_away = is_away
        self._states: dict[str, BucketState] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def check(self, bucket: str, context: RequestContext | None = None) -> None:
        """Raise NoSuchBucket if the remote has no such bucket.

        A bucket about which the remote cannot be asked is accepted: writes to it wait until the
        remote is back.
        """
        state = self._states.get(bucket)
        if state is None or state.until <= self._clock():
            async with self._locks.setdefault(bucket, asyncio.Lock()):
                state = self._states.get(bucket)
                if state is None or state.until <= self._clock():
                    state = self._states[bucket] = await self._ask(bucket, state, context)
            self._locks.pop(bucket, None)
        if state.exists is False:
            raise S3Error("NoSuchBucket", BucketName=bucket)

    def forget(self, bucket: str) -> None:
        """The bucket was changed: ask again."""
        self._states.pop(bucket, None)
        self._unversioned.discard(bucket)

    async def _ask(
        self, bucket: str, old: BucketState | None, context: RequestContext | None
    ) -> BucketState:
        soon = self._clock() + RETRY_AFTER
        known = old is not None and old.exists
        if known and self._is_away():
            return BucketState(soon, True, bucket in self._unversioned)
        client = S3Client(self._remote, context)
        try:
            async with asyncio.timeout(MAX_WAIT):
                answer = await client.call("GetBucketVersioning", {"Bucket": bucket})
        except TimeoutError:
            return self._note(bucket, BucketState(soon, known or None))
        except S3Error as error:
            return self._note(bucket, self._state_of(error, known=bool(known)))
        status = answer.output.get("Status")
        return self._note(bucket, BucketState(self._clock() + KNOWN_FOR, True, not status))

    def _state_of(self, error: S3Error, *, known: bool) -> BucketState:
        now = self._clock()
        if error.code == "NoSuchBucket":
            return BucketState(now + RETRY_AFTER, False)
        if error.code in ("NotImplemented", "MethodNotAllowed"):
            return BucketState(
                now + KNOWN_FOR, True, unversioned=True
            )  # it has no versioning at all
        if classify(error) in (FailureClass.DENIED, FailureClass.PERMANENT):
            return BucketState(now + KNOWN_FOR, True)
        return BucketState(now + RETRY_AFTER, known or None)

    def _note(self, bucket: str, state: BucketState) -> BucketState:
        if state.unversioned:
            self._unversioned.add(bucket)
        else:
            self._unversioned.discard(bucket)
        return state


class KeyRules:
    """Keys that this remote cannot store, though S3 allows them; they are not accepted.

    S3 accepts a key with a segment "." or ".." unless it leaves its bucket. Servers that store
    objects as files (SeaweedFS, MinIO) refuse all such keys, so an accepted write would stay parked
    for ever. The remote is probed once with such a key. Belongs to the loop.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    """

    def __init__(self, remote: ObjectStore, clock: Callable[[], float]) -> None:
        self.check_remote: Callable[[str, str], Awaitable[None]] | None = None
        """Raises InvalidURI for a bucket and a key that the remote stores under another key."""
        self._remote = remote
        self._clock = clock
        self._refuses_dots = False
        self._known_until = float("-inf")
        self._lock = asyncio.Lock()

    async def check(self, bucket: str, key: str, context: RequestContext | None = None) -> None:
        """Raise S3Error unless the remote can store an object with this key.

        As address.check_key, and InvalidURI for a key with dot segments that the remote refuses.
        """
        check_key(key)
        if self.check_remote is not None and ("//" in key or key.startswith("/")):
            await self._check_remote(self.check_remote(bucket, key))
        if "." in key and not _DOTS.isdisjoint(key.split("/")):
            async with self._lock:
                if self._known_until <= self._clock():
                    await self._probe(bucket, key, context)
            if self._refuses_dots:
                message = "The remote does not accept keys with a segment . or ..."
                raise S3Error("InvalidURI", message, URI=key)

    async def _check_remote(self, check: Awaitable[None]) -> None:
        """Without an answer the push decides."""
        try:
            async with asyncio.timeout(MAX_WAIT):
                await check
        except TimeoutError:
            return
        except S3Error as error:
            if error.code == "InvalidURI":
                raise

    async def _probe(self, bucket: str, key: str, context: RequestContext | None) -> None:
        """An error other than 400 leaves the decision to the push."""
        error: S3Error | None
        try:
            async with asyncio.timeout(MAX_WAIT):
                error = await probe(S3Client(self._remote, context), bucket, key)
        except TimeoutError:
            return
        if error is None or error.code == "NoSuchKey":
            self._refuses_dots, self._known_until = False, self._clock() + KNOWN_FOR
        elif _is_bad_request(error):
            self._refuses_dots, self._known_until = True, self._clock() + KNOWN_FOR


def _is_bad_request(error: S3Error) -> bool:
    """Whether the remote refuses the request itself, and not who sends it."""
    refusal = refusal_of(error)
    if refusal is None or refusal.status != _BAD_REQUEST:
        return False
    return classify(error) is FailureClass.PERMANENT


class ConditionSupport(Protocol):
    """Which conditional writes a bucket of the remote supports."""

    @property
    def put_if_absent(self) -> bool: ...

    @property
    def put_if_match(self) -> bool: ...

    @property
    def complete_if_absent(self) -> bool: ...

    @property
    def complete_if_match(self) -> bool: ...

    @property
    def delete_if_match(self) -> bool: ...


class RemoteConditions:
    """Whether the remote supports the condition of a push, and shows what to compare it with."""

    def __init__(
        self,
        clock: Clock,
        support: Callable[[str], ConditionSupport | None],
        learn: Callable[[str], Awaitable[None]] | None,
        learn_key: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """support: of a bucket; None: unknown, which counts as none. learn: finds it out, if that
        is possible now. learn_key: see RemoteBackend."""
        self._support = support
        self._learn = learn
        self._learn_key = learn_key
        self._distrusted: TTLCache[str, bool] = TTLCache(_MAX_BUCKETS, clock.steady)
        """Buckets to which no conditions are sent for a while."""
        self._head_denied: TTLCache[str, bool] = TTLCache(_MAX_BUCKETS, clock.steady)
        """Buckets to which no HeadObject is sent for a while."""

    async def learn_key(self, bucket: str, key: str) -> None:
        """Return once HeadObject for this key shows no other key's object. Raises S3Error."""
        if self._learn_key is not None:
            await self._learn_key(bucket, key)

    async def are_supported(self, bucket: str, todo: Plan) -> bool:
        if self._distrusted.get(bucket):
            return False
        support = self._support(bucket)
        if support is None and self._learn is not None:
            await self._learn(bucket)
            support = self._support(bucket)
        if support is None:
            return False
        if isinstance(todo, SimpleCall):
            return support.delete_if_match
        if isinstance(todo, Put):
            return support.put_if_absent and support.put_if_match
        return support.complete_if_absent and support.complete_if_match

    def distrust(self, bucket: str) -> None:
        """The bucket has rejected a correct condition."""
        self._distrusted.put(bucket, True, DISTRUST)

    def is_head_denied(self, bucket: str) -> bool:
        """Whether the bucket has denied HeadObject a while ago."""
        return bool(self._head_denied.get(bucket))

    def note_head_denied(self, bucket: str) -> None:
        """The bucket has denied HeadObject."""
        self._head_denied.put(bucket, True, DISTRUST)
