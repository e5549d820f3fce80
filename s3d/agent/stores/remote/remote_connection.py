"""A verified response for one request: signing, retries and corrections, and the proof.

Every request to the remote takes this way, except that aioboto3 sends those of boto_call.py itself;
it too signs, verifies and learns through RemoteConnection. No class here knows members of
operations.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping

from s3d.agent.core.failures import FailureClass, Refusal, Unreachable, classify
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from s3d.agent.stores.remote.addressing import AWS, Location, Target
from s3d.agent.stores.remote.client_span import ClientSpans
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.error_mapping import error_elements, retryable_redirect
from s3d.agent.stores.remote.http_client import HttpClient
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_health import TOLERATED_SKEW, Health, HealthMonitor
from s3d.agent.stores.remote.remote_messages import RemoteRequest, RemoteResponse
from s3d.agent.stores.remote.response_proof import Evidence
from s3d.agent.stores.remote.response_verifier import ResponseVerifier
from s3d.agent.stores.remote.static_credentials import RemoteKey

logger = logging.getLogger(__name__)

FIRST_ATTEMPT = 1 / 3
"""The share of a read's time limit for its first attempt; the rest is for the second one."""
MAX_CORRECTIONS = 3
"""Maximum number of times that one request is corrected, as an error response suggests, and sent
again."""

_REGION_CODES = frozenset(
    ("AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "MovedPermanently")
)

_REGION = re.compile(r"[a-z0-9-]{1,63}")
"""A region becomes a part of a host name."""
_SIGNED = frozenset(("host", "content-type", "content-md5"))
"""Headers that are signed beside x-amz-* and if-*; a proxy may change the others."""


class RemoteConnection:
    """Nothing is opened before the first request. Belongs to the loop."""

    def __init__(
        self,
        settings: Settings,
        credentials: CredentialProvider,
        *,
        fingerprint: RemoteFingerprint | None = None,
        clock: Callable[[], float] = time.time,
        spans: ClientSpans | None = None,
    ) -> None:
        """fingerprint: the headers by which the remote identifies itself; None: learn them.
        spans: None records nothing.

        Raises UsageError for a URL that cannot be used.
        """
        self.settings = settings
        self.monitor = HealthMonitor(settings.url, settings.timeouts, clock)
        self._signer = RequestSigner(settings, credentials)
        self.spans = spans or ClientSpans()
        self._client = HttpClient(
            settings,
            lambda request: self._signer.sign(request, self.monitor.signing_time()),
            self.spans,
        )
        self._verifier = ResponseVerifier(fingerprint or RemoteFingerprint(), self._send_for_proof)

    @property
    def url(self) -> str:
        """As it is configured; for people and for logs."""
        return self.settings.url

    @property
    def health(self) -> Health:
        return self.monitor.health

    async def target(self, bucket: str = "") -> tuple[Target, str]:
        """The endpoint of a bucket, and its region. Raises S3Error ServiceUnavailable."""
        try:
            return await self._signer.target(bucket)
        except Unreachable as cause:
            raise self.monitor.failed(cause) from cause

    async def key(self) -> RemoteKey:
        """The access key to sign with. Raises S3Error ServiceUnavailable."""
        try:
            return await self._signer.key()
        except Unreachable as cause:
            raise self.monitor.failed(cause) from cause

    async def send(self, request: RemoteRequest) -> RemoteResponse:
        """The response, errors included; it is verified to be the remote's.

        Raises S3Error ServiceUnavailable when there is none, when another server responded, and
        for an error that a second request will not get, when the body cannot be sent twice; and
        whatever the body raises.
        """
        return await self._send(request, may_list=True)

    async def verify(self, request: RemoteRequest, evidence: Evidence) -> None:
        """Verify a response that arrived another way. Raises S3Error if it is not the remote's."""
        try:
            await self._verifier.verify(request, evidence)
        except Unreachable as cause:
            raise self.monitor.failed(cause) from cause
        code = error_elements(evidence.document).get("Code", "")
        self.monitor.answered(evidence.status, code, evidence.headers)

    async def correct(
        self, bucket: str, refusal: Refusal, headers: Mapping[str, str], region: str = ""
    ) -> str:
        """Apply the region, clock offset or credentials that an error response demands.

        region: the one that its document names. Returns what has changed, for logs; "" for nothing.
        """
        region = headers.get("x-amz-bucket-region") or (
            region if refusal.code in _REGION_CODES else ""
        )
        # HEAD has no document: AWS responds 400 or 301 with nothing but the region's header.
        misplaced = refusal.code in _REGION_CODES or refusal.status in (301, 307)
        misplaced = misplaced or (refusal.status == 400 and not refusal.code)
        if misplaced and region and await self._set_region(bucket, region):
            return f"has bucket {bucket} in region {region}"
        kind = classify(refusal)
        offset = self.health.clock_offset
        if kind is FailureClass.CLOCK and abs(offset) > TOLERATED_SKEW:
            return f"has a clock that differs from ours by {offset:+.0f} s"
        if kind is FailureClass.AUTH and await self._signer.renew_credentials():
            return "needs other credentials, which are available now"
        return ""

    async def close(self) -> None:
        """Close all connections; a request after that opens new ones."""
        await self._client.close()

    async def _send(self, request: RemoteRequest, *, may_list: bool) -> RemoteResponse:
        """A verified response, after corrections. may_list: see ResponseVerifier.check()."""
        for _ in range(MAX_CORRECTIONS):
            offset = self.health.clock_offset
            response = await self._attempt(request)
            await self._verify(request, response, may_list=may_list)
            change = await self._correct(request, response, offset) if response.refusal else ""
            if not change:
                return response
            logger.info("the remote %s; sending the request again remote=%s", change, self.url)
            if response.refusal is not None and not isinstance(request.body, bytes):
                raise retryable_redirect(self.url, change, response.refusal)
        return response

    async def _send_for_proof(self, request: RemoteRequest) -> RemoteResponse:
        """The response to the verifier's own listing. Raises S3Error when it proves nothing."""
        return await self._send(request, may_list=False)

    async def _attempt(self, request: RemoteRequest) -> RemoteResponse:
        """One response; an idempotent request without one is sent again on a new connection,
        because a server may accept a request on a pooled connection and never respond there."""
        limit = self.monitor.time_limit(request.op, repeatable=request.may_repeat)
        first = limit * FIRST_ATTEMPT if request.may_repeat else limit
        try:
            try:
                return await self._client.exchange(request, first)
            except Unreachable as cause:
                if not (cause.sent and request.may_repeat):
                    raise
            return await self._client.exchange(request, limit - first, reuse=False)
        except Unreachable as cause:
            raise self.monitor.failed(cause) from cause

    async def _verify(
        self, request: RemoteRequest, response: RemoteResponse, *, may_list: bool
    ) -> None:
        """Close the response and raise S3Error ServiceUnavailable when it is not the remote's."""
        try:
            await self._verifier.check(request, response, may_list=may_list)
        except Unreachable as cause:
            await response.body.aclose()
            raise self.monitor.failed(cause) from cause
        except BaseException:
            await response.body.aclose()
            raise
        code = response.refusal.code if response.refusal else ""
        self.monitor.answered(response.status, code, response.by_name)

    async def _correct(
        self, request: RemoteRequest, response: RemoteResponse, offset: float
    ) -> str:
        """correct() for a response. offset: of the remote's clock when the request was signed."""
        assert response.refusal is not None
        region = error_elements(response.document).get("Region", "")
        change = await self.correct(request.bucket, response.refusal, response.by_name, region)
        if change or response.status != 403 or response.document:
            return change
        # HEAD has no document that names the cause, but its Date shows it.
        moved = abs(self.health.clock_offset - offset)
        return (
            f"has a clock that differs by {moved:.0f} s from the one used"
            if moved > TOLERATED_SKEW
            else ""
        )

    async def _set_region(self, bucket: str, region: str) -> bool:
        try:
            return await self._signer.set_region(bucket, region)
        except Unreachable as cause:
            raise self.monitor.failed(cause) from cause


class RequestSigner:
    """Where a request to one remote goes, and its signature: endpoint, region and credentials of
    each bucket. Belongs to the loop."""

    def __init__(self, settings: Settings, credentials: CredentialProvider) -> None:
        """Raises UsageError for a URL that cannot be used."""
        self._settings = settings
        self._credentials = credentials
        self._fixed = (
            None if settings.url == AWS else Target.parse(settings.url, settings.addressing)
        )
        self._regions: dict[str, str] = {}
        """Bucket -> its region, learnt from a redirect."""

    async def target(self, bucket: str = "") -> tuple[Target, str]:
        """The endpoint of a bucket, and its region. Raises Unreachable for a profile that does not
        exist, for example."""
        region = self._regions.get(bucket) or await self._credentials.region()
        if self._fixed is None or (self._fixed.is_aws and bucket in self._regions):
            return Target.aws(region, self._settings.addressing), region
        return self._fixed, region

    async def key(self) -> RemoteKey:
        """The access key to sign with. Raises Unreachable when there is none."""
        return await self._credentials.key()

    async def sign(
        self, request: RemoteRequest, now: float
    ) -> tuple[Target, Location, list[tuple[str, str]]]:
        """The endpoint, the address, and the headers with host, date and signature.

        now: Unix seconds.

        Raises Unreachable.
        """
        key = await self._credentials.key()
        target, region = await self.target(request.bucket)
        location = target.locate(request.bucket, request.key)
        headers = [("host", location.host), *request.headers]
        if key.token is not None:
            headers.append(("x-amz-security-token", key.token))
        signed = tuple(each for each in headers if is_signed(each[0]))
        wire = WireRequest(request.method, location.raw_path, request.raw_query, signed)
        signer = Signer(key.access_key, key.secret_key, region)
        return target, location, headers + list(sign(wire, request.payload, signer, now).items())

    async def set_region(self, bucket: str, region: str) -> bool:
        """Use another region for a bucket; False when the name is not a region, or is the one in
        use."""
        if not _REGION.fullmatch(region) or region == (await self.target(bucket))[1]:
            return False
        self._regions[bucket] = region
        return True

    async def renew_credentials(self) -> bool:
        """Whether the credential chain now has another key than the one that was refused."""
        try:
            return await self._credentials.renew()
        except Unreachable as cause:
            url = self._settings.url
            logger.warning("no credentials for the remote: %s remote=%s", cause.detail, url)
            return False


def is_signed(name: str) -> bool:
    """Whether this header (lower-case) goes into the signature."""
    return name in _SIGNED or name.startswith(("x-amz-", "if-"))
