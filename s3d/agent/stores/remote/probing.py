"""Which buckets of the remote judge conditional writes: probed where it matters, kept, and redone.

A probe writes and deletes small objects below .s3d/ in the bucket. So a bucket is probed only once
a conditional write was sent to it, and then again each day.
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

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote.capabilities import Capabilities, judge, probe

logger = logging.getLogger(__name__)

DAY = 24 * 3600.0
"""Seconds for which a result holds."""
AGAIN = 300.0
"""Seconds before a probe that came to nothing is tried again."""
CONDITIONS = ("IfMatch", "IfNoneMatch")

_decode = msgspec.json.Decoder(list[Capabilities]).decode


class Probing(Layer):
    """Passes everything on, and takes note. Run run() as long as the agent lives."""

    def __init__(
        self,
        inner: ObjectStore,
        endpoint: str,
        file: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """file: keeps the results from one start to the next. clock: Unix seconds."""
        super().__init__(inner)
        self._endpoint = endpoint
        self._file = file
        self._clock = clock
        self._known: dict[str, Capabilities] = {}
        self._due: dict[str, float] = {}
        """Bucket -> when to probe it."""
        self._news = asyncio.Event()

    @property
    def known(self) -> dict[str, Capabilities]:
        """By bucket."""
        return dict(self._known)

    def known_of(self, bucket: str) -> Capabilities | None:
        """None: it is not known yet."""
        return self._known.get(bucket)

    def is_watched(self, bucket: str) -> bool:
        """Whether conditional writes are sent to this bucket."""
        return bucket in self._due

    def request_probe(self, bucket: str) -> None:
        """Have the bucket probed soon, unless that is known or due already."""
        if bucket not in self._due:
            self._due[bucket] = 0.0
            self._news.set()

    def otherwise(self, request: S3Request[Any]) -> Answer:
        if request.bucket not in self._due and _is_conditional(request):
            self.request_probe(request.bucket)
        return self.inner.call(request)

    async def run(self) -> None:
        """Probe what is due, until cancelled."""
        for found in await asyncio.to_thread(self._load):
            self._known.setdefault(found.bucket, found)
            self._due.setdefault(found.bucket, found.probed + DAY)
        while True:
            self._news.clear()
            for bucket in [name for name, at in self._due.items() if at <= self._clock()]:
                await self._probe(bucket)
            wait = min(self._due.values()) - self._clock() if self._due else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def _probe(self, bucket: str) -> None:
        now = self._clock()
        self._due[bucket] = now + AGAIN
        try:
            seen = await probe(self.inner, bucket)
        except S3Error as error:
            logger.info("a bucket cannot be probed now: %s bucket=%s", error, bucket)
            return
        found = judge(self._endpoint, bucket, seen, now)
        if found.level != "A":
            logger.warning(
                "conditional writes are not safe level=%s bucket=%s", found.level, bucket
            )
        self._known[bucket] = found
        self._due[bucket] = now + DAY
        await asyncio.to_thread(self._save, list(self._known.values()))

    def _load(self) -> list[Capabilities]:
        """Of this endpoint. A file that cannot be read is as good as none."""
        try:
            kept = _decode(self._file.read_bytes())
        except (OSError, msgspec.DecodeError):
            return []
        return [found for found in kept if found.endpoint == self._endpoint]

    def _save(self, found: list[Capabilities]) -> None:
        part = self._file.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(found))
            os.replace(part, self._file)
        except OSError as error:
            logger.warning("cannot keep what was probed: %s path=%s", error, self._file)


def _is_conditional(request: S3Request[Any]) -> bool:
    if request.op.access in ("read", "list"):
        return False
    return any(request.input.get(name) for name in CONDITIONS)
