"""One signed HTTP request to the remote and its answer: the way that all but aioboto3's calls take.

Knows credentials, regions, time-outs and the remote's clock; knows no members and no operations.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from s3d.agent.core.failures import (
    CODES,
    FailureClass,
    Reason,
    Refusal,
    Unreachable,
    classify,
)
from s3d.agent.s3.credential import Signer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, WireRequest
from s3d.agent.s3.model import Operation
from s3d.agent.s3.signing import sign
from s3d.agent.stores.remote.addressing import AWS, Target
from s3d.agent.stores.remote.credential_provider import CredentialProvider, RemoteKey
from s3d.agent.stores.remote.error_mapping import (
    MAX_ERROR_SIZE,
    error_elements,
    is_refusal,
    read_refusal,
    retryable_redirect,
    server_time,
    unreachable,
)
from s3d.agent.stores.remote.http_transport import (
    HOP_BY_HOP,
    Settings,
    new_session,
    proxy_for,
    translated,
)
from s3d.agent.stores.remote.messages import Answer, Call
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_health import Outage
from s3d.agent.stores.remote.request_body import PhaseTimeout, RequestBody, ResponseBody
from s3d.agent.stores.remote.response_proof import Evidence
from s3d.agent.stores.remote.response_verifier import ResponseVerifier

logger = logging.getLogger(__name__)

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
MAX_CORRECTIONS = 3
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
_REGION = re.compile(r"[a-z0-9-]{1,63}")
"""A region becomes a part of a host name."""
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
    is_answering: bool = False
    """The last call got an answer, even if it was an error."""
    clock_offset: float = 0.0
    """Seconds that the remote's clock is ahead of ours."""
    on_answer: Callable[[int], None] = lambda status: None
    """Called with the status of each answer."""


class Connection:
    """The remote, as HTTP sees it. Everything that needs the loop is made at the first call."""

    def __init__(
        self,
        settings: Settings,
        keys: CredentialProvider,
        *,
        signature: RemoteFingerprint | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """signature: the headers by which the remote identifies itself; None: they are learnt.

        Raises UsageError for an URL that cannot be used.
        """
        self.health = Health()
        self.settings = settings
        self._prover = ResponseVerifier(signature or RemoteFingerprint(), self._ask_for_proof)
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
        """Where the bucket is, and its region. Raises S3Error ServiceUnavailable."""
        try:
            region = self._regions.get(bucket) or await self._keys.region()
        except Unreachable as cause:  # a profile that does not exist, for example
            raise self.failed(cause) from cause
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
        """The answer, be it an error; it is proven to be the remote's.

        Raises S3Error ServiceUnavailable when none came, for a refusal that will not happen again
        when the body is gone, and for another server's answer; and what the body raises.
        """
        return await self._converse(call, settles=True)

    async def prove(self, call: Call, evidence: Evidence) -> None:
        """Return when an answer that came another way is the remote's. Raises S3Error."""
        try:
            await self._prover.judge(call, evidence)
        except Unreachable as cause:
            raise self.failed(cause) from cause
        self.answered(evidence.status, error_elements(evidence.document).get("Code", ""))
        self._look_at_clock(evidence.status, evidence.headers)

    async def learn(
        self, bucket: str, refusal: Refusal, headers: Mapping[str, str], region: str = ""
    ) -> str:
        """What a refusal tells us to do better next time, in words; "" for nothing.

        region: the one that its document names.
        """
        region = headers.get("x-amz-bucket-region") or (
            region if refusal.code in _REGION_CODES else ""
        )
        # HEAD has no document: AWS answers 400 or 301 with nothing but the region's header.
        misplaced = refusal.code in _REGION_CODES or refusal.status in (301, 307)
        misplaced = misplaced or (refusal.status == 400 and not refusal.code)
        if misplaced and _REGION.fullmatch(region) and region != (await self.target(bucket))[1]:
            self._regions[bucket] = region
            return f"has bucket {bucket} in region {region}"
        kind = classify(refusal)
        if kind is FailureClass.CLOCK and abs(self.health.clock_offset) > TOLERATED_SKEW:
            return f"has a clock {self.health.clock_offset:+.0f} s from ours"
        if kind is FailureClass.AUTH and await self._renewed():
            return "needs other credentials, which were found"
        return ""

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
        """Note a call that got no answer; the S3Error for it.

        Where another server answered one request, the remote itself is as well as before.
        """
        error = unreachable(self.url, cause)
        if cause.reason is not Reason.INTERCEPTED:
            self.health.last_failure = self._clock()
            self.health.error = error.message
            self.health.is_answering = False
            self._outage.missed(cause)
        return error

    def answered(self, status: int, code: str = "") -> None:
        """Note an answer that is proven; code: of an error."""
        self._outage.answered()
        self.health.is_answering = True
        if status >= 500:
            self.health.last_failure = self._clock()
            self.health.error = f"The remote answers {status} {code}".rstrip() + "."
        elif CODES.get(code) is FailureClass.AUTH:
            self.health.last_failure = self._clock()
            self.health.error = f"The remote does not accept our credentials: {code}."
        else:
            self.health.last_success = self._clock()
            self.health.error = ""
        self.health.on_answer(status)

    def signing_time(self) -> float:
        """Unix seconds for a signature: the remote's time, when ours is far from it."""
        offset = self.health.clock_offset
        return self._clock() + (offset if abs(offset) > TOLERATED_SKEW else 0.0)

    async def close(self) -> None:
        """Close all connections; a call after that opens new ones."""
        for session in (self._session, self._fresh):
            if session is not None:
                await session.close()
        self._session = self._fresh = None

    async def _converse(self, call: Call, *, settles: bool) -> Answer:
        """A proven answer, after the corrections that a refusal asks for."""
        for _ in range(MAX_CORRECTIONS):
            before = self.health.clock_offset
            answer = await self._reach(call)
            await self._accept(call, answer, settles=settles)
            lesson = "" if answer.refusal is None else await self._learn(call, answer, before)
            if not lesson:
                return answer
            logger.info("remote %s; asking again remote=%s", lesson, self.url)
            if answer.refusal is not None and not isinstance(call.body, bytes):
                raise retryable_redirect(self.url, lesson, answer.refusal)
        return answer

    async def _accept(self, call: Call, answer: Answer, *, settles: bool) -> None:
        """Believe an answer, or raise S3Error ServiceUnavailable."""
        try:
            await self._prover.check(call, answer, settles=settles)
        except Unreachable as cause:
            await answer.body.aclose()
            raise self.failed(cause) from cause
        except BaseException:
            await answer.body.aclose()
            raise
        self.answered(answer.status, answer.refusal.code if answer.refusal else "")
        self._look_at_clock(answer.status, answer.by_name)

    async def _ask_for_proof(self, call: Call) -> Answer:
        """The answer to a proving request. Raises S3Error when it proves nothing itself."""
        return await self._converse(call, settles=False)

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
        watch = PhaseTimeout(silence)
        body = BytesBody(call.body) if isinstance(call.body, bytes) else call.body
        sending = RequestBody(body, watch)
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
        signed = tuple(each for each in headers if is_signed(each[0]))
        wire = WireRequest(call.method, location.raw_path, call.raw_query, signed)
        signer = Signer(key.access_key, key.secret_key, region)
        return target, headers + list(sign(wire, call.payload, signer, self.signing_time()).items())

    async def _receive(self, response: aiohttp.ClientResponse) -> Answer:
        headers = tuple(
            (name.lower(), value)
            for name, value in response.headers.items()
            if name.lower() not in HOP_BY_HOP
        )
        body = ResponseBody(response, self.url, self.settings.timeouts.silence)
        answer = Answer(response.status, headers, body)
        if is_refusal(response.status):
            answer.document = await body.read(MAX_ERROR_SIZE)
            answer.refusal = read_refusal(answer.status, answer.by_name, answer.document)
        return answer

    def _look_at_clock(self, status: int, headers: Mapping[str, str]) -> None:
        now = self._clock()
        if status in (400, 403) or abs(now - self._looked_at_clock) >= LOOK_AT_CLOCK:
            theirs = server_time(headers)
            if theirs is not None:
                self._looked_at_clock = now
                self.health.clock_offset = theirs + 0.5 - now  # Date has whole seconds

    async def _learn(self, call: Call, answer: Answer, offset: float) -> str:
        """learn() of an answer; offset: of the clock when the request was signed."""
        assert answer.refusal is not None
        region = error_elements(answer.document).get("Region", "")
        lesson = await self.learn(call.bucket, answer.refusal, answer.by_name, region)
        if lesson or answer.status != 403 or answer.document:
            return lesson
        # HEAD has no document that names the cause, but its Date shows it.
        moved = abs(self.health.clock_offset - offset)
        return f"has a clock {moved:.0f} s from the one used" if moved > TOLERATED_SKEW else ""

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


def is_signed(name: str) -> bool:
    """Whether this header (lower-case) goes into the signature."""
    return name in _SIGNED or name.startswith(("x-amz-", "if-"))
