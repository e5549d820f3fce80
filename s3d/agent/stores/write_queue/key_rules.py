"""Keys that a remote cannot have, though S3 allows them: they are refused before they are accepted.

S3 takes a key with a segment "." or ".." as it stands, unless it climbs out of its bucket. Servers
that keep objects as files (SeaweedFS, MinIO) refuse every such key, so a write of it that was
accepted would be parked for ever. Whether this remote does so is asked once, with such a key.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.address import check_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext
from s3d.agent.stores.write_queue.remote_calls import probe
from s3d.agent.stores.write_queue.retry_policy import refusal_of

FRESH = 300.0
"""Seconds for which an answer is taken to hold."""
PATIENCE = 3.0
"""Seconds that a write waits for the answer; without it the write is accepted all the same."""

_DOTS = frozenset((".", ".."))
_BAD_REQUEST = 400


class KeyRules:
    """Asks the remote when it has to. Belongs to the loop."""

    def __init__(self, inner: ObjectStore, clock: Callable[[], float]) -> None:
        self.check_remote: Callable[[str, str], Awaitable[None]] | None = None
        """Raises InvalidURI for a bucket and a key that the remote keeps under another key."""
        self._inner = inner
        self._clock = clock
        self._refuses_dots = False
        self._asked_until = float("-inf")
        self._lock = asyncio.Lock()

    async def check(self, bucket: str, key: str, context: RequestContext | None = None) -> None:
        """Raise S3Error unless an object of the remote may have this key.

        As address.check_key, and InvalidURI for a key with dot segments that the remote refuses.
        """
        check_key(key)
        if self.check_remote is not None and ("//" in key or key.startswith("/")):
            await self._check_remote(self.check_remote(bucket, key))
        if "." in key and not _DOTS.isdisjoint(key.split("/")):
            async with self._lock:
                if self._asked_until <= self._clock():
                    await self._ask(bucket, key, context)
            if self._refuses_dots:
                message = "The remote does not take keys with a segment . or .. in them."
                raise S3Error("InvalidURI", message, URI=key)

    async def _check_remote(self, checking: Awaitable[None]) -> None:
        """A remote that does not answer leaves the key to the push."""
        try:
            async with asyncio.timeout(PATIENCE):
                await checking
        except TimeoutError:
            return
        except S3Error as error:
            if error.code == "InvalidURI":
                raise

    async def _ask(self, bucket: str, key: str, context: RequestContext | None) -> None:
        """An answer other than 400 leaves the key to the push, which knows better."""
        error: S3Error | None
        try:
            async with asyncio.timeout(PATIENCE):
                error = await probe(S3Client(self._inner, context), bucket, key)
        except TimeoutError:
            return
        if error is None or error.code == "NoSuchKey":
            self._refuses_dots, self._asked_until = False, self._clock() + FRESH
        elif _is_bad_request(error):
            self._refuses_dots, self._asked_until = True, self._clock() + FRESH


def _is_bad_request(error: S3Error) -> bool:
    """Whether the remote refuses what was asked, and not who asks."""
    refusal = refusal_of(error)
    if refusal is None or refusal.status != _BAD_REQUEST:
        return False
    return classify(error) is FailureClass.PERMANENT
