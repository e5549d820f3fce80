"""What the remote does with conditions, checksums and listings: probed once, and kept.

A probe writes and deletes small objects below .s3d/ in a bucket. It runs in the first bucket that
a write is pushed to, or a conditional write is sent to, and that allows it: once for each state of
versioning, since servers judge conditions otherwise in buckets that keep versions. What it finds
holds for all buckets of that state. It never runs in a bucket with object lock, nor where S3D_PROBE
forbids it: then nothing is known, which counts as "does not".
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.remote.capabilities import (
    Capabilities,
    allows_probe,
    judge,
    new_probe_key,
    probe,
    remove_probe,
    versioning_of,
)
from s3d.agent.stores.remote.remote_quirks import RemoteQuirks

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
"""Seconds until a bucket is asked again whether it keeps versions and allows a probe."""
AGAIN = 300.0
"""Seconds before a probe that came to nothing is tried again."""
SOON = 10.0
"""Seconds before it is tried again when the remote was away."""
PATIENCE = 10.0
"""Seconds that a first push waits for the probe of its bucket."""
CONDITIONS = ("IfMatch", "IfNoneMatch")
VERSION = 2
"""Of the file. 1 was a list of Capabilities, one for each bucket."""


class _OneRemote(msgspec.Struct):
    """What the file keeps of one remote."""

    endpoint: str
    results: list[Capabilities] = []
    """One for each state of versioning."""
    quirks: RemoteQuirks = msgspec.field(default_factory=RemoteQuirks, name="traits")
    unfinished: list[tuple[str, str]] = []
    """Bucket, and what the keys of a probe begin with that may have left objects there."""


class _File(msgspec.Struct):
    version: int
    remotes: list[_OneRemote]


class CapabilityProber(Layer):
    """Passes everything on, and takes note. Run run() as long as the agent lives."""

    def __init__(
        self,
        inner: ObjectStore,
        endpoint: str,
        file: Path,
        *,
        quirks: RemoteQuirks | None = None,
        allowed: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """file: keeps the results, and the quirks, from one start to the next. allowed: whether
        anything may be written for a probe. clock: Unix seconds."""
        super().__init__(inner)
        self.quirks = quirks or RemoteQuirks()
        self._endpoint = endpoint
        self._file = file
        self._allowed = allowed
        self._clock = clock
        self._results: dict[str, Capabilities] = {}
        """State of versioning -> what was found in a bucket of that state."""
        self._states: dict[str, str] = {}
        """Bucket -> its state of versioning."""
        self._conditional: set[str] = set()
        self._due: dict[str, float] = {}
        """Bucket -> when to look at it."""
        self._learned: dict[str, asyncio.Event] = {}
        """Of buckets that somebody waits for."""
        self._news = asyncio.Event()
        self._saved = b""
        self._unfinished: list[tuple[str, str]] = []

    @property
    def known(self) -> dict[str, Capabilities]:
        """By bucket."""
        found = {bucket: self.known_of(bucket) for bucket in self._states}
        return {bucket: known for bucket, known in found.items() if known is not None}

    def known_of(self, bucket: str) -> Capabilities | None:
        """None: it is not known."""
        state = self._states.get(bucket)
        return None if state is None else self._results.get(state)

    def is_watched(self, bucket: str) -> bool:
        """Whether conditional writes are sent to this bucket."""
        return bucket in self._conditional

    async def learn(self, bucket: str) -> None:
        """Return when it is known what the bucket does, or that it cannot be found out just now."""
        learned = self._learned.get(bucket)
        if learned is None:
            if self._due.get(bucket, 0.0) > self._clock():
                return
            learned = self._learned[bucket] = asyncio.Event()
            self._look_at(bucket)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await learned.wait()

    def fallback(self, request: S3Request[Any]) -> Answer:
        bucket = request.bucket
        if request.op.name == "PutBucketVersioning" and bucket in self._due:
            return self._changed(request)
        if bucket not in self._conditional and _is_conditional(request):
            self.watch(bucket)
        return self.inner.call(request)

    def watch(self, bucket: str) -> None:
        """A conditional write is on its way to the bucket."""
        self._conditional.add(bucket)
        if bucket not in self._due:
            self._look_at(bucket)

    async def _changed(self, request: S3Request[Any]) -> S3Response[Any]:
        """The bucket has another state afterwards."""
        try:
            return await self.inner.call(request)
        finally:
            self._states.pop(request.bucket, None)
            self._look_at(request.bucket)

    async def run(self) -> None:
        """Probe what is due, until cancelled."""
        await asyncio.to_thread(self._load)
        while True:
            self._news.clear()
            for bucket in [name for name, at in self._due.items() if at <= self._clock()]:
                try:
                    await self._examine(bucket)
                finally:
                    if learned := self._learned.pop(bucket, None):
                        learned.set()
            await self._finish()
            await self._save()
            wait = min(self._due.values()) - self._clock() if self._due else None
            if self._unfinished:
                wait = SOON
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    def wake(self) -> None:
        """The quirks have changed: have them saved."""
        self._news.set()

    def _look_at(self, bucket: str) -> None:
        self._due[bucket] = 0.0
        self._news.set()

    async def _examine(self, bucket: str) -> None:
        """Find out the state of the bucket, and probe it if no other of that state was."""
        self._due[bucket] = self._clock() + AGAIN
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
            logger.info("a bucket cannot be probed now: %s bucket=%s", error, bucket)
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
        found = judge(self._endpoint, bucket, seen, self._clock())
        if found.level != "A":
            logger.warning(
                "conditional writes are not safe level=%s bucket=%s", found.level, bucket
            )
        self._results[found.versioning] = found

    async def _finish(self) -> None:
        """Delete what probes have left that a crash or the network has interrupted."""
        for place in list(self._unfinished):
            try:
                await remove_probe(self.inner, *place)
            except S3Error as error:
                if classify(error) is FailureClass.TRANSIENT:
                    continue
                logger.info("a probe has left objects: %s bucket=%s key=%s", error, *place)
            self._unfinished.remove(place)

    def _load(self) -> None:
        """Of this endpoint. A file that cannot be read is as good as none."""
        for remote in self._read():
            if remote.endpoint == self._endpoint:
                for found in remote.results:
                    self._results.setdefault(found.versioning, found)
                self.quirks.take_over(remote.quirks)
                self._unfinished += remote.unfinished

    def _read(self) -> list[_OneRemote]:
        """What is kept of all remotes."""
        try:
            return _read(self._file.read_bytes())
        except (OSError, msgspec.DecodeError):
            return []

    async def _save(self) -> None:
        results = list(self._results.values())
        mine = _OneRemote(self._endpoint, results, self.quirks, list(self._unfinished))
        encoded = msgspec.json.encode(mine)
        is_empty = not (self._results or self._unfinished) and self.quirks == RemoteQuirks()
        if encoded != self._saved and not is_empty:
            await asyncio.to_thread(self._write, msgspec.json.decode(encoded, type=_OneRemote))
            self._saved = encoded

    def _write(self, mine: _OneRemote) -> None:
        """Those of other remotes stay as they are."""
        others = [each for each in self._read() if each.endpoint != self._endpoint]
        part = self._file.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(_File(VERSION, [*others, mine])))
            os.replace(part, self._file)
        except OSError as error:
            logger.warning("cannot keep what was probed: %s path=%s", error, self._file)


def _read(data: bytes) -> list[_OneRemote]:
    """Of any version that is known. Raises DecodeError for another one.

    Version 1 knew nothing of orders: what it found is probed anew.
    """
    file = msgspec.json.decode(data, type=_File | list[Capabilities])
    if isinstance(file, list):
        return []
    if file.version != VERSION:
        raise msgspec.DecodeError(f"version {file.version}")
    return file.remotes


def _is_conditional(request: S3Request[Any]) -> bool:
    if request.op.access in ("read", "list"):
        return False
    return any(request.input.get(name) for name in CONDITIONS)
