"""One signed HTTP request to the remote and its answer: the way that all but aioboto3's calls take.

Knows credentials, regions, time-outs and the remote's clock; knows no members and no operations.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from s3d.agent.core.failures import (
    FailureClass,
    Reason,
    Refusal,
    Unreachable,
    classify,
)
from s3d.agent.s3.canonical import EMPTY_SHA256
from s3d.agent.s3.credential import Signer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, WireRequest
from s3d.agent.s3.model import Operation
from s3d.agent.s3.signing import sign
from s3d.agent.stores.remote.addressing import AWS, Target
from s3d.agent.stores.remote.bodies import RemoteBody, Sending, Watch
from s3d.agent.stores.remote.credentials import KeyChain, RemoteKey
from s3d.agent.stores.remote.errors import (
    MAX_ERROR_SIZE,
    error_elements,
    is_refusal,
    learnt,
    read_refusal,
    server_time,
    unreachable,
)
from s3d.agent.stores.remote.outage import Outage
from s3d.agent.stores.remote.transport import (
    HOP_BY_HOP,
    Settings,
    new_session,
    proxy_for,
    translated,
)

logger = logging.getLogger(__name__)

Headers = tuple[tuple[str, str], ...]

CONTINUE_SIZE = 256 * 1024
"""Bytes from which the remote is asked (Expect: 100-continue) before the body is sent: a refusal
that comes in the middle of a body is often lost together with the connection."""
CONTINUE_WAIT = 5.0
"""Seconds to wait for its consent; then the body is sent without."""
CONTINUE_PAUSE = 600.0
"""Seconds until a remote that did not consent is asked again."""
INLINE_SIZE = 64 * 1024
"""Bytes of a body that is handed to the socket in one piece."""
TOLERATED_SKEW = 60.0
"""Seconds that the clocks may differ before we sign with the remote's time; it tolerates 900."""
LOOK_AT_CLOCK = 60.0
"""Seconds between two looks at the remote's Date."""
FIRST_ATTEMPT = 1 / 3
"""Part of the time for a read that its first attempt has; the rest is for a second one."""
LESSONS = 3
"""Times that one request is sent again because a refusal told us how to do better."""

SLOW_OPERATIONS = frozenset(
    (
        "CompleteMultipartUpload",
        "CopyObject",
        "DeleteObjects",
        "RenameObject",
        "SelectObjectContent",
        "UploadPartCopy",
    )
)
"""What a remote may work on for long before its first byte."""

_REGION_CODES = frozenset(
    ("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "MovedPermanently")
)
_SIGNED = frozenset(("host", "content-type", "content-md5"))
"""Headers that are signed beside x-amz-* and if-*; proxies on the way may touch the others."""


@dataclass(slots=True)
class Health:
    """How the remote has been lately; times in Unix seconds."""

    last_success: float | None = None
    """It answered, be it with a refusal."""
    last_failure: float | None = None
    error: str = ""
    """Of the last failure; "" when the last call succeeded."""
    clock_offset: float = 0.0
    """Seconds that the remote's clock is ahead of ours."""


@dataclass(slots=True)
class Call:
    """A request to be signed and sent."""

    op: Operation
    method: str
    bucket: str = ""
    key: str = ""
    raw_query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Lower-case names; without host, date, length and signature."""
    body: Body | bytes = b""
    """Bytes can be sent again, a Body cannot."""
    length: int | None = 0
    """Bytes that go over the wire; None: unknown."""
    payload: str = EMPTY_SHA256
    """For x-amz-content-sha256."""
    may_repeat: bool = False
    """To ask twice is as good as to ask once: after a lost answer it is asked again."""


@dataclass(slots=True)
class Answer:
    """What the remote answered."""

    status: int
    headers: Headers
    """Lower-case names; without those of the one connection."""
    body: RemoteBody
    document: bytes = b""
    """Of an error: its body, which is read already."""
    refusal: Refusal | None = None
    """Of an error."""


class Connection:
    """The remote, as HTTP sees it. Everything that needs the loop is made at the first call."""

    def __init__(
        self, settings: Settings, keys: KeyChain, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises UsageError for an URL that cannot be used."""
        self.health = Health()
        self.settings = settings
        self._keys = keys
        self._clock = clock
        self._fixed = (
            None if settings.url == AWS else Target.parse(settings.url, settings.addressing)
        )
        self._outage = Outage()
        self._regions: dict[str, str] = {}
        self._expects_from = 0.0
        self._looked_at_clock = -LOOK_AT_CLOCK
        self._session: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """For people and for logs."""
        return self.settings.url

    async def target(self, bucket: str = "") -> tuple[Target, str]:
        """Where the bucket is, and its region."""
        region = self._regions.get(bucket) or await self._keys.region()
        if self._fixed is None or (self._fixed.is_aws and bucket in self._regions):
            return Target.aws(region, self.settings.addressing), region
        return self._fixed, region

    async def key(self) -> RemoteKey:
        """Raises S3Error ServiceUnavailable."""
        try:
            return await self._keys.key()
        except Unreachable as cause:
            raise self.failed(cause) from cause

    async def ask(self, call: Call) -> Answer:
        """The answer, be it an error. Raises S3Error ServiceUnavailable when none came, and for a
        refusal that will not happen again when the body is gone; and what the body raises."""
        for _ in range(LESSONS):
            answer = await self._reach(call)
            lesson = "" if answer.refusal is None else await self._learn(call, answer)
            if not lesson:
                return answer
            logger.info("remote %s; asking again remote=%s", lesson, self.url)
            if answer.refusal is not None and not isinstance(call.body, bytes):
                raise learnt(self.url, lesson, answer.refusal)
        return answer

    def admit(self, op: Operation, *, repeatable: bool) -> float:
        """Seconds that a request may wait for the first byte of its answer, or between two signs of
        life while its body goes out. Raises S3Error ServiceUnavailable at once while the remote is
        known to be away."""
        timeouts = self.settings.timeouts
        seconds = timeouts.answer if repeatable else timeouts.silence
        if op.name in SLOW_OPERATIONS:
            seconds = max(seconds, timeouts.work)
        try:
            return self._outage.admit(seconds, repeatable=repeatable)
        except Unreachable as cause:
            raise unreachable(self.url, cause) from cause

    def failed(self, cause: Unreachable) -> S3Error:
        """Note a call that got no answer; the S3Error for it."""
        error = unreachable(self.url, cause)
        self.health.last_failure = self._clock()
        self.health.error = error.message
        self._outage.missed(cause)
        return error

    def answered(self, status: int) -> None:
        """Note an answer."""
        self._outage.answered()
        if status >= 500:
            self.health.last_failure = self._clock()
            self.health.error = f"The remote answers {status}."
        else:
            self.health.last_success = self._clock()
            self.health.error = ""

    async def close(self) -> None:
        """Close all connections; a call after that opens new ones."""
        for session in (self._session, self._fresh):
            if session is not None:
                await session.close()
        self._session = self._fresh = None

    async def _reach(self, call: Call) -> Answer:
        """One answer; a read that got none is asked again on a connection of its own.

        A server may take a request on a kept connection and never answer it there.
        """
        patience = self.admit(call.op, repeatable=call.may_repeat)
        first = patience * FIRST_ATTEMPT if call.may_repeat else patience
        try:
            try:
                return await self._once(call, self._pooled(), first)
            except Unreachable as cause:
                if not (cause.sent and call.may_repeat):
                    raise
            return await self._once(call, self._unpooled(), patience - first)
        except Unreachable as cause:
            raise self.failed(cause) from cause

    async def _once(self, call: Call, session: aiohttp.ClientSession, silence: float) -> Answer:
        if isinstance(call.body, bytes) and len(call.body) <= INLINE_SIZE:
            with translated():
                async with asyncio.timeout(silence):
                    response = await self._send(call, session, call.body or None, expect=False)
                    return await self._receive(response)
        large = call.length is None or call.length >= CONTINUE_SIZE
        expect = large and time.monotonic() >= self._expects_from
        watch = Watch(silence)
        body = BytesBody(call.body) if isinstance(call.body, bytes) else call.body
        sending = Sending(body, watch)
        try:
            with translated():
                async with watch.limit(CONTINUE_WAIT if expect else silence):
                    response = await self._send(call, session, sending, expect=expect)
                    return await self._receive(response)
        except Unreachable as cause:
            if sending.error is not None:
                raise sending.error from cause
            if expect and not sending.started and cause.reason is Reason.TIMEOUT:
                self._expects_from = time.monotonic() + CONTINUE_PAUSE
                return await self._once(call, session, silence)
            raise

    async def _send(
        self, call: Call, session: aiohttp.ClientSession, data: Any, *, expect: bool
    ) -> aiohttp.ClientResponse:
        target, headers = await self._signed(call)
        location = target.locate(call.bucket, call.key)
        url = f"{target.scheme}://{location.host}{location.raw_path}"
        if call.raw_query:
            url = f"{url}?{call.raw_query}"
        if call.length is not None and (call.length or call.method in ("PUT", "POST")):
            headers.append(("content-length", str(call.length)))
        try:
            return await session.request(
                call.method,
                URL(url, encoded=True),
                data=data,
                headers=headers,
                expect100=expect,
                allow_redirects=False,
                proxy=proxy_for(target.scheme, target.host),
            )
        except UnicodeEncodeError as error:
            raise ValueError("a header is not UTF-8") from error

    async def _signed(self, call: Call) -> tuple[Target, list[tuple[str, str]]]:
        key = await self._keys.key()
        target, region = await self.target(call.bucket)
        location = target.locate(call.bucket, call.key)
        headers = [("host", location.host), *call.headers]
        if key.token is not None:
            headers.append(("x-amz-security-token", key.token))
        signed = tuple(each for each in headers if _is_signed(each[0]))
        wire = WireRequest(call.method, location.raw_path, call.raw_query, signed)
        signer = Signer(key.access_key, key.secret_key, region)
        offset = self.health.clock_offset
        now = self._clock() + (offset if abs(offset) > TOLERATED_SKEW else 0.0)
        return target, headers + list(sign(wire, call.payload, signer, now).items())

    async def _receive(self, response: aiohttp.ClientResponse) -> Answer:
        headers = tuple(
            (name.lower(), value)
            for name, value in response.headers.items()
            if name.lower() not in HOP_BY_HOP
        )
        body = RemoteBody(response, self.url, self.settings.timeouts.silence)
        answer = Answer(response.status, headers, body)
        self.answered(response.status)
        self._look_at_clock(answer)
        if is_refusal(response.status):
            answer.document = await body.read(MAX_ERROR_SIZE)
            answer.refusal = read_refusal(answer.status, dict(headers), answer.document)
        return answer

    def _look_at_clock(self, answer: Answer) -> None:
        now = self._clock()
        if answer.status in (400, 403) or abs(now - self._looked_at_clock) >= LOOK_AT_CLOCK:
            theirs = server_time(dict(answer.headers))
            if theirs is not None:
                self._looked_at_clock = now
                self.health.clock_offset = theirs + 0.5 - now  # Date has whole seconds

    async def _learn(self, call: Call, answer: Answer) -> str:
        """What a refusal tells us to do better next time, in words; "" for nothing."""
        refusal = answer.refusal
        assert refusal is not None
        region = dict(answer.headers).get("x-amz-bucket-region") or (
            error_elements(answer.document).get("Region", "")
            if refusal.code in _REGION_CODES
            else ""
        )
        misplaced = refusal.code in _REGION_CODES or refusal.status in (301, 307)
        if misplaced and region and region != (await self.target(call.bucket))[1]:
            self._regions[call.bucket] = region
            return f"has bucket {call.bucket} in region {region}"
        kind = classify(refusal)
        if kind is FailureClass.CLOCK and abs(self.health.clock_offset) > TOLERATED_SKEW:
            return f"has a clock {self.health.clock_offset:+.0f} s from ours"
        if kind is FailureClass.AUTH and await self._renewed():
            return "needs other credentials, which were found"
        return ""

    async def _renewed(self) -> bool:
        try:
            return await self._keys.renew()
        except Unreachable as cause:
            logger.warning("no credentials for the remote: %s remote=%s", cause.detail, self.url)
            return False

    def _pooled(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = new_session(self.settings, reuse=True)
        return self._session

    def _unpooled(self) -> aiohttp.ClientSession:
        """A session that uses every connection once."""
        if self._fresh is None:
            self._fresh = new_session(self.settings, reuse=False)
        return self._fresh


def _is_signed(name: str) -> bool:
    return name in _SIGNED or name.startswith(("x-amz-", "if-"))
