"""When a bucket is probed, and what is known of each: conditions, checksums, order of listings.

A probe (capability_probe.py) writes and deletes small objects below .s3d/ in a bucket. It runs in
the first bucket that allows it and that a push or a conditional write goes to: once for each state
of versioning, because servers treat conditions differently in buckets with versions. Its result
holds for all buckets of that state. It never runs in a bucket with object lock, nor where S3D_PROBE
forbids it: then nothing is known, which counts as not supported.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.path_names import new_probe_key
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import UNKNOWN
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.remote.capabilities import Capabilities, RemoteQuirks, evaluate
from s3d.agent.stores.remote.capability_file import CapabilityFile, RemoteRecord
from s3d.agent.stores.remote.capability_probe import (
    allows_probe,
    probe,
    remove_probe,
    versioning_of,
)
from s3d.shared.logs import log_fields

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
"""Seconds after which the state of a bucket is read again: versioning, object lock."""
RETRY = 300.0
"""Seconds after which a probe that failed is repeated."""
SOON = 10.0
"""Seconds after which it is repeated when the remote was unreachable."""
LEARN_TIMEOUT = 10.0
"""Seconds for which a first push waits for the probe of its bucket."""
CONDITIONS = ("IfMatch", "IfNoneMatch")


class CapabilityProber(Layer):
    """Passes requests on, and notes which buckets need a probe; run() probes them."""

    def __init__(
        self,
        inner: ObjectStore,
        endpoint: str,
        file: Path,
        *,
        quirks: RemoteQuirks | None = None,
        allowed: bool = True,
        wake: asyncio.Event | None = None,
        default_order: Callable[[str], str] = lambda bucket: UNKNOWN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """endpoint: names the remote in the file. allowed: a probe may write small objects.
        wake: set when the quirks have changed, so that run() saves them.
        default_order: (bucket) -> its order of listings when nothing is probed. clock: Unix
        seconds."""
        super().__init__(inner)
        self.quirks = quirks or RemoteQuirks()
        self._file = CapabilityFile(endpoint, file)
        self._default_order = default_order
        self._allowed = allowed
        self._clock = clock
        self._results: dict[str, Capabilities] = {}
        """State of versioning -> the result of a probe in a bucket of that state."""
        self._states: dict[str, str] = {}
        """Bucket -> its state of versioning."""
        self._conditional: set[str] = set()
        self._due: dict[str, float] = {}
        """Bucket -> when to examine it."""
        self._examined: dict[str, asyncio.Event] = {}
        """Bucket that a caller of learn() waits for -> set after its examination."""
        self._wakeup = wake or asyncio.Event()
        self._unfinished: list[tuple[str, str]] = []

    @property
    def known(self) -> dict[str, Capabilities]:
        """Bucket -> its capabilities."""
        states = self._states.items()
        return {name: self._results[state] for name, state in states if state in self._results}

    @property
    def limitations(self) -> list[str]:
        """What the remote does not support, for the status."""
        return self.quirks.limitations

    def listing_order(self, bucket: str) -> str:
        """The order in which keys are listed: s3/listing.py."""
        known = self.known_of(bucket)
        probed = UNKNOWN if known is None else known.listing_order
        return self.quirks.listing_order or probed or self._default_order(bucket)

    def known_of(self, bucket: str) -> Capabilities | None:
        """None: they are not known yet."""
        state = self._states.get(bucket)
        return None if state is None else self._results.get(state)

    def is_watched(self, bucket: str) -> bool:
        """Whether conditional writes are sent to this bucket."""
        return bucket in self._conditional

    async def learn(self, bucket: str) -> None:
        """Return when the bucket has been examined, or cannot be now."""
        examined = self._examined.get(bucket)
        if examined is None:
            if self._due.get(bucket, 0.0) > self._clock():
                return
            examined = self._examined[bucket] = asyncio.Event()
            self._schedule(bucket)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEARN_TIMEOUT):
                await examined.wait()

    def fallback(self, request: S3Request[Any]) -> Answer:
        bucket = request.bucket
        if request.op.name == "PutBucketVersioning" and bucket in self._due:
            return self._set_versioning(request)
        if bucket not in self._conditional and _is_conditional(request):
            self.watch(bucket)
        return self.inner.call(request)

    def watch(self, bucket: str) -> None:
        """Note a conditional write to the bucket."""
        self._conditional.add(bucket)
        if bucket not in self._due:
            self._schedule(bucket)

    async def _set_versioning(self, request: S3Request[Any]) -> S3Response[Any]:
        """Read the state of the bucket again after this request."""
        try:
            return await self.inner.call(request)
        finally:
            self._states.pop(request.bucket, None)
            self._schedule(request.bucket)

    async def run(self) -> None:
        """Examine the buckets that are due, until cancelled."""
        await asyncio.to_thread(self._load)
        while True:
            self._wakeup.clear()
            for bucket in [name for name, at in self._due.items() if at <= self._clock()]:
                try:
                    await self._examine(bucket)
                finally:
                    if examined := self._examined.pop(bucket, None):
                        examined.set()
            await self._remove_leftovers()
            await self._save()
            wait = min(self._due.values()) - self._clock() if self._due else None
            if self._unfinished:
                wait = SOON
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wakeup.wait()

    def _schedule(self, bucket: str) -> None:
        """Examine the bucket as soon as possible."""
        self._due[bucket] = 0.0
        self._wakeup.set()

    async def _examine(self, bucket: str) -> None:
        """Read the state of the bucket, and probe it unless one of that state has been probed."""
        self._due[bucket] = self._clock() + RETRY
        try:
            state = await versioning_of(self.inner, bucket)
            if state not in self._results and await self._may_probe(bucket):
                await self._probe(bucket)
        except S3Error as error:
            kind = classify(error)
            if kind is FailureClass.DENIED:
                self._due[bucket] = self._clock() + DAY
            elif kind is FailureClass.TRANSIENT:
                self._due[bucket] = self._clock() + SOON
            fields = log_fields(bucket=bucket)
            logger.info("cannot probe a bucket now: %s", error, extra=fields)
            return
        self._states[bucket] = state
        self._due[bucket] = self._clock() + DAY

    async def _may_probe(self, bucket: str) -> bool:
        return self._allowed and await allows_probe(self.inner, bucket)

    async def _probe(self, bucket: str) -> None:
        place = bucket, new_probe_key()
        self._unfinished.append(place)
        await self._save()
        seen = await probe(self.inner, bucket, key=place[1])
        if seen.is_clean:
            self._unfinished.remove(place)
        found = evaluate(self._file.endpoint, bucket, seen, self._clock())
        if found.level != "A":
            logger.warning(
                "the remote does not support safe conditional writes level=%s",
                found.level,
                extra=log_fields(bucket=bucket),
            )
        self._results[found.versioning] = found

    async def _remove_leftovers(self) -> None:
        """Delete the objects of probes that a crash or the network has interrupted."""
        for place in list(self._unfinished):
            try:
                await remove_probe(self.inner, *place)
            except S3Error as error:
                if classify(error) is FailureClass.TRANSIENT:
                    continue
                fields = log_fields(bucket=place[0], key=place[1])
                logger.info("cannot delete the objects of a probe: %s", error, extra=fields)
            self._unfinished.remove(place)

    def _load(self) -> None:
        for record in self._file.load():
            for found in record.results:
                self._results.setdefault(found.versioning, found)
            self.quirks.take_over(record.quirks)
            self._unfinished += record.unfinished

    async def _save(self) -> None:
        results, unfinished = list(self._results.values()), list(self._unfinished)
        record = RemoteRecord(self._file.endpoint, results, self.quirks, unfinished)
        await self._file.save(record)


def _is_conditional(request: S3Request[Any]) -> bool:
    if request.op.access in ("read", "list"):
        return False
    return any(request.input.get(name) for name in CONDITIONS)
