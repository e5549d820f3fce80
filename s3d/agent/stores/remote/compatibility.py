"""Optional headers that the remote refuses: learnt from its first refusal, and left out after it.

1. A request without optional headers is passed on.
2. Headers that the remote is known to refuse are left out.
3. After an error that may be about such headers the request is sent once more without them. When
   the second response differs, the headers were the cause, and are left out from then on.
4. A checksum that is left out is verified here, while the bytes are sent. What the remote stored is
   compared by its ETag, or else read back; only a part whose ETag is not an MD5 cannot be read
   back. A body in memory is sent with a Content-MD5.

It also corrects two answers that no client expects: see create_bucket() and read().
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import Reason, Refusal, Refused, Unreachable
from s3d.agent.core.store import Answer, Layer, ObjectStore, operation
from s3d.agent.s3 import checksums
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import OTHER, UNKNOWN, order_of
from s3d.agent.s3.messages import (
    Body,
    BytesBody,
    Members,
    S3Request,
    S3Response,
    WireRequest,
)
from s3d.agent.s3.refused_headers import OptionalGroup, blames, group_of, may_blame, without
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.error_mapping import error_elements
from s3d.agent.stores.remote.request_body import HASH_INLINE

logger = logging.getLogger(__name__)

FOLDER_ETAG = '"d41d8cd98f00b204e9800998ecf8427e-0"'
"""Of a folder without an object of its name: of no bytes in no parts, so no object can have it."""
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_STORES_BYTES = frozenset(("PutObject", "UploadPart"))
_SAME_OBJECT = ("Bucket", "Key", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


class Compatibility(Layer):
    """Directly above the RemoteStore. Belongs to the loop."""

    def __init__(
        self,
        inner: ObjectStore,
        quirks: RemoteQuirks | None = None,
        *,
        on_learned: Callable[[], None] = lambda: None,
    ) -> None:
        """quirks: where it records what it learns. on_learned: called when that has changed."""
        super().__init__(inner)
        self.quirks = quirks or RemoteQuirks()
        self._on_learned = on_learned

    @operation("ListObjectsV2")
    def list(self, request: S3Request[Any]) -> Answer:
        return self._list(request) if request.wire is None else self.inner.call(request)

    async def _list(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.inner.call(request)
        keys = [row["Key"] for row in response.output.get("Contents") or ()]
        if self.quirks.listing_order == UNKNOWN and order_of(keys) == OTHER:
            self.quirks.listing_order = OTHER
            self._on_learned()
            logger.info("the remote does not list keys in byte order")
        return response

    @operation("CreateBucket")
    async def create_bucket(self, request: S3Request[Any]) -> S3Response[Any]:
        """Of several concurrent requests for one name, SeaweedFS 4 refuses a few with NoSuchBucket.

        At AWS such a request may get OperationAborted, which clients send again.
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        """
        try:
            response = await self.fallback(request)
            refusal, cause = _refusal_in(response), None
        except S3Error as error:
            refusal, cause = _refusal_of(error), error
            if refusal is None or refusal[1] != "NoSuchBucket":
                raise
        if refusal is None or refusal[1] != "NoSuchBucket":
            return response
        raise S3Error("OperationAborted") from cause

    @operation("GetObject", "HeadObject")
    def read(self, request: S3Request[Any]) -> Answer:
        """SeaweedFS 4 answers for a folder whose name no object has, as if that were empty.

        At AWS there is no such object. Here it would seem to be another version of the object by
        which a client marks a folder, whose deletion would be parked as a conflict.
        """
        return self._read(request) if request.key.endswith("/") else self.fallback(request)

    async def _read(self, request: S3Request[Any]) -> S3Response[Any]:
        response = await self.fallback(request)
        if _names(response)[0] != FOLDER_ETAG:
            return response
        if response.body is not None:
            await response.body.aclose()
        error = S3Error("NoSuchKey", Key=request.key)
        error.failure = Refused(Refusal(404, "NoSuchKey", error.message))
        raise error

    def fallback(self, request: S3Request[Any]) -> Answer:
        group = group_of(request)
        if group is None:
            return self.inner.call(request)
        if group in self.quirks.refused:
            return self._without(request, group)
        return self._try(request, group)

    async def _try(self, request: S3Request[Any], group: OptionalGroup) -> S3Response[Any]:
        """With the headers, and once more without them if they may be the cause of an error."""
        body = request.body
        try:
            response = await self.inner.call(request)
            refusal = _refusal_in(response)
            error = None
        except S3Error as caught:
            if _is_bare_refusal(request, caught):
                return await self._without(request, group)
            refusal, error = _refusal_of(caught), caught
        if refusal is None or not may_blame(group, *refusal):
            return _answer(response if error is None else error)
        if body is not None and not isinstance(body, BytesBody):
            if blames(group, *refusal):
                self._learn(group, refusal)
                raise _send_again(group)
            return _answer(response if error is None else error)
        return await self._try_without(request, group, refusal)

    async def _try_without(
        self, request: S3Request[Any], group: OptionalGroup, refusal: tuple[int, str, str]
    ) -> S3Response[Any]:
        try:
            response = await self._without(request, group)
        except S3Error as error:
            again = _refusal_of(error)
            if again is not None and not may_blame(group, *again):
                self._learn(group, refusal)
            raise
        again = _refusal_in(response)
        if again is None or not may_blame(group, *again):
            self._learn(group, refusal)
        return response

    async def _without(self, request: S3Request[Any], group: OptionalGroup) -> S3Response[Any]:
        bare = without(request, group)
        if group is OptionalGroup.CHECKSUMS:
            bare = _with_md5(bare)
        if group is not OptionalGroup.CHECKSUMS or not _needs_proof(request):
            return await self.inner.call(bare)
        assert request.body is not None
        verified = VerifiedBody(request.body, dict(request.input))
        bare.body = verified
        response = await self.inner.call(bare)
        if _refusal_in(response) is None:
            await self._prove(request, response, verified.md5)
        return response

    async def _prove(self, request: S3Request[Any], response: S3Response[Any], md5: str) -> None:
        """Raises BadDigest when the remote has stored other bytes than were sent."""
        etag, version = _names(response)
        stored = _MD5.fullmatch(etag)
        if stored is None and request.op.name == "PutObject":
            stored = _MD5.fullmatch(await self._read_back(request, etag, version))
        if stored is not None and stored[1] != md5:
            raise S3Error("BadDigest", "The remote stored other bytes than were sent to it.")

    async def _read_back(self, request: S3Request[Any], etag: str, version: str) -> str:
        """The MD5 of what was stored; "" when another writer has replaced it since."""
        members: Members = {name: request.input.get(name) for name in _SAME_OBJECT}
        members |= {"VersionId": version or None, "IfMatch": etag or None}
        try:
            response = await S3Client(self.inner, request.context).call("GetObject", members)
        except S3Error as error:
            if error.status in (404, 412):
                return ""
            raise
        verified = VerifiedBody(response.body or BytesBody(b""))
        async with aclosing(verified):
            async for _ in verified:
                pass
        return verified.md5

    def _learn(self, group: OptionalGroup, refusal: tuple[int, str, str]) -> None:
        self.quirks.refused.add(group)
        self._on_learned()
        logger.warning("the remote refuses %s, so it is no longer sent: %s", group, refusal[2])


class VerifiedBody:
    """A body whose MD5 is known at its end, and that verifies its client's checksum."""

    def __init__(self, body: Body, expected: Members | None = None) -> None:
        """expected: members with the checksum that the bytes must have."""
        self.size = body.size
        self._body = body
        self._expected = expected or {}
        self._md5 = checksums.hasher("MD5")

    @property
    def md5(self) -> str:
        return self._md5.digest().hex()

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises BadDigest at the end, before the receiver has all bytes."""
        self._md5 = checksums.hasher("MD5")
        expected = checksums.expected(self._expected, {})
        algorithm = expected[0] if expected else self._expected.get("ChecksumAlgorithm")
        hasher = checksums.hasher(algorithm) if algorithm else None
        hashers = [each for each in (self._md5, hasher) if each is not None]
        async for chunk in self._body:
            if len(chunk) > HASH_INLINE:
                await asyncio.to_thread(_update, hashers, chunk)
            else:
                _update(hashers, chunk)
            yield chunk
        expected = expected or checksums.expected({}, self._body.trailers)
        if hasher is not None and expected is not None and hasher.b64() != expected[1]:
            raise S3Error("BadDigest", f"The {expected[0]} you specified did not match")

    async def aclose(self) -> None:
        await self._body.aclose()


def _update(hashers: Iterable[checksums.Hasher], chunk: bytes) -> None:
    for hasher in hashers:
        hasher.update(chunk)


def _with_md5(request: S3Request[Any]) -> S3Request[Any]:
    """With the Content-MD5 of a body in memory, which every server verifies: documents such as that
    of DeleteObjects are refused without a digest."""
    body = request.body
    if not isinstance(body, BytesBody) or not body.data or request.input.get("ContentMD5"):
        return request
    digest = hashlib.md5(body.data, usedforsecurity=False).digest()
    md5 = base64.b64encode(digest).decode()
    wire = request.wire
    if wire is not None:
        headers = (*wire.headers, ("content-md5", md5))
        wire = WireRequest(wire.method, wire.raw_path, wire.raw_query, headers)
    return replace(request, input={**request.input, "ContentMD5": md5}, wire=wire)


def _needs_proof(request: S3Request[Any]) -> bool:
    """Whether the bytes have to be verified here: a body that the agent itself sends with a
    Content-MD5 has been verified before, and the remote verifies it again."""
    if request.body is None or request.op.name not in _STORES_BYTES:
        return False
    return request.wire is not None or not request.input.get("ContentMD5")


def _names(response: S3Response[Any]) -> tuple[str, str]:
    """ETag and version id of the stored object."""
    if response.wire is None:
        output = response.output
        return str(output.get("ETag", "")), str(output.get("VersionId") or "")
    headers = dict(response.wire.headers)
    return headers.get("etag", ""), headers.get("x-amz-version-id", "")


def _refusal_in(response: S3Response[Any]) -> tuple[int, str, str] | None:
    """Status, code and message of a forwarded error response."""
    wire = response.wire
    if wire is None or wire.status < 400:
        return None
    body = response.body
    elements = error_elements(body.data) if isinstance(body, BytesBody) else {}
    return wire.status, elements.get("Code", ""), elements.get("Message", "")


def _refusal_of(error: S3Error) -> tuple[int, str, str] | None:
    cause = error.failure
    if not isinstance(cause, Refused):
        return None
    return cause.refusal.status, cause.refusal.code, cause.refusal.message


def _is_bare_refusal(request: S3Request[Any], error: S3Error) -> bool:
    """Whether HEAD got an error that no document proves to be the remote's. It is sent once more
    without the headers, and nothing is learnt from it."""
    cause = error.failure
    is_answered = isinstance(cause, Unreachable) and cause.status in (400, 501)
    return is_answered and request.op.method == "HEAD"


def _answer(outcome: S3Response[Any] | S3Error) -> S3Response[Any]:
    if isinstance(outcome, S3Error):
        raise outcome
    return outcome


def _send_again(group: OptionalGroup) -> S3Error:
    """The body cannot be sent twice, and the next request will succeed. The cause makes the queue
    retry it."""
    error = S3Error("ServiceUnavailable", f"The remote refuses {group}. Send the request again.")
    error.failure = Unreachable(Reason.LOST, "the remote refused an optional header", sent=False)
    return error
