"""Revalidates entries at the remote, and remembers when the remote is unreachable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Reason, Unreachable, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Counter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, RequestContext
from s3d.agent.stores.read_cache.catalog.entry import AFTER_KILL, AFTER_POWER_CUT, UNCHECKED, Entry

if TYPE_CHECKING:
    from s3d.agent.stores.read_cache.catalog.catalog import Catalog

_TIMEOUT = 3.0
"""Timeout of a revalidation in seconds."""
_OUTAGE = 5.0
"""Seconds for which the remote counts as unreachable after a failed request."""
OUTAGE_TIMEOUT = 5.0
"""Timeout in seconds of a read that is not cached, soon after the remote was unreachable."""
_NEGATIVE_TTL = 5.0
"""Seconds for which a 404 of the remote is cached."""

_NOT_HERE = "The remote is unreachable, and the object is not in the cache."
_MAY_BE_OLD = (
    "The remote is unreachable, and the cached object may be older than the last write before the "
    "computer went down."
)

Name = tuple[str, str]
Spawn = Callable[[Coroutine[Any, Any, Entry | None], str], asyncio.Future[Entry | None]]


@dataclass(slots=True)
class Freshness:
    """max_age: seconds after which an entry is revalidated. serve_stale: whether stale entries are
    served while the remote is unreachable. negative_ttl: seconds for which a 404 is cached."""

    max_age: float = 60.0
    serve_stale: bool = True
    negative_ttl: float = _NEGATIVE_TTL


class Revalidation(NamedTuple):
    """The result of a revalidation."""

    entry: Entry | None
    """The entry to serve; None: it is not current any more, and has to be fetched again."""
    is_stale: bool
    """The remote could not be asked, so the entry may be out of date."""


class RemoteOutage:
    """Remembers for a few seconds that the remote was unreachable."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = 0.0

    @property
    def is_active(self) -> bool:
        return self._clock() < self._until

    def begin(self) -> None:
        self._until = self._clock() + _OUTAGE

    def end(self) -> None:
        self._until = 0.0

    def error(self, key: str, message: str = _NOT_HERE) -> S3Error:
        """The error for objects that are not cached, while the outage lasts."""
        error = S3Error("ServiceUnavailable", message, Key=key)
        error.failure = Unreachable(Reason.TIMEOUT, "no answer", sent=True)
        return error


def is_outage(error: S3Error) -> bool:
    """Whether an error means that the remote cannot answer now."""
    return isinstance(error.failure, Unreachable) or (
        classify(error) is FailureClass.TRANSIENT and error.status >= 500
    )


def is_unreachable(error: S3Error) -> bool:
    """Whether there was no response at all: an incomplete one says little about the next
    request."""
    cause = error.failure
    return isinstance(cause, Unreachable) and cause.reason not in (
        Reason.LOST,
        Reason.INTERCEPTED,  # of this request alone: the remote answered a listing
    )


@dataclass
class Revalidator:
    """Revalidates entries with HeadObject, one request at a time for each object."""

    inner: ObjectStore
    catalog: Catalog
    freshness: Freshness
    outage: RemoteOutage
    spawn: Spawn
    clock: Callable[[], float]
    gone: Callable[[str, str], None]
    """Called with an object that has changed at the remote, or has been deleted there."""
    revalidations: Counter
    """Counts those that the remote has answered."""

    def __post_init__(self) -> None:
        self._asking: dict[Name, asyncio.Future[Entry | None]] = {}
        self._doubted: dict[str, float] = {}
        """Bucket -> time before which the results of revalidations do not count."""

    def is_fresh(self, entry: Entry) -> bool:
        age = self.clock() - entry.checked
        if not (0.0 <= age < self.freshness.max_age and entry.checked > 0.0):
            return False
        return not self._doubted or entry.checked > self._doubted.get(entry.bucket, 0.0)

    def mark_stale(self, bucket: str, key: str) -> None:
        """Have the object (for key "" the whole bucket) revalidated before its next use."""
        if not key:
            self._doubted[bucket] = self.clock()
            return
        entry = self.catalog.peek(bucket, key)
        if entry is not None and entry.checked != AFTER_POWER_CUT:
            entry.checked = UNCHECKED
            self.catalog.update(entry)

    def forget(self, bucket: str, key: str = "") -> None:
        """Ignore the result of a HEAD of the object (or of any in the bucket) that is in
        progress."""
        for name in [name for name in self._asking if name[0] == bucket and key in ("", name[1])]:
            del self._asking[name]

    async def revalidate(
        self, entry: Entry, context: RequestContext | None = None, *, force: bool = False
    ) -> Revalidation:
        """Ask the remote whether an entry is current, or join a request that asks this already.

        force: send a request of its own. Raises S3Error NoSuchKey, and the remote's own errors;
        ServiceUnavailable when the remote is unreachable and the entry is AFTER_POWER_CUT.
        """
        serves = self.freshness.serve_stale and entry.checked != AFTER_POWER_CUT
        if serves and self.outage.is_active:
            return Revalidation(entry, is_stale=True)
        asking = None if force else self._asking.get(entry.name)
        if asking is None:
            asking = self.spawn(
                self._ask(entry, context), f"cache revalidate {entry.bucket}/{entry.key}"
            )
            self._asking[entry.name] = asking
            asking.add_done_callback(lambda done: self._done(entry.name, done))
        try:
            async with asyncio.timeout(_TIMEOUT if self.freshness.serve_stale else None):
                return Revalidation(await asyncio.shield(asking), is_stale=False)
        except TimeoutError:
            self.outage.begin()
        except S3Error as error:
            if not self.freshness.serve_stale or not is_outage(error):
                raise
            if is_unreachable(error):
                self.outage.begin()
        if not serves:
            raise self.outage.error(entry.key, _MAY_BE_OLD)
        return Revalidation(entry, is_stale=True)

    async def _ask(self, entry: Entry, context: RequestContext | None) -> Entry | None:
        """Whether the remote still has exactly this version; None: it has another one."""
        members = {"Bucket": entry.bucket, "Key": entry.key, "ChecksumMode": "ENABLED"}
        if entry.checked > 0.0 or entry.checked == AFTER_KILL:
            members["IfNoneMatch"] = entry.etag
        client = S3Client(self.inner, context)
        try:
            response = await client.call("HeadObject", members)
            if response.status == 304 and _is_rewritten(entry, response.output):
                del members["IfNoneMatch"]
                response = await client.call("HeadObject", members)
        except S3Error as error:
            if error.status == 404:
                if not entry.superseded:  # Else it is newer than the answer.
                    self.gone(*entry.name)
                raise S3Error("NoSuchKey", Key=entry.key) from error
            raise
        if entry.superseded:
            return None
        self.outage.end()
        self.revalidations.add()
        if response.status == 304:
            entry.checked = self.clock()
        elif response.output.get("ETag") == entry.etag:
            entry.set_members(response.output, self.clock())
        else:
            self.gone(*entry.name)
            return None
        self.catalog.update(entry)
        return entry

    def _done(self, name: Name, done: asyncio.Future[Entry | None]) -> None:
        if self._asking.get(name) is done:
            del self._asking[name]


def _is_rewritten(entry: Entry, output: Members) -> bool:
    """Whether an object with the same ETag was written since, so that its metadata may be others:
    a copy onto itself keeps the ETag. output: of a 304."""
    modified = output.get("LastModified")
    return modified is not None and modified != entry.modified
