"""Where a request goes, and its signature: endpoint, region and credentials of each bucket."""

from __future__ import annotations

import logging
import re

from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from s3d.agent.stores.remote.addressing import AWS, Location, Target
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.agent.stores.remote.static_credentials import RemoteKey

logger = logging.getLogger(__name__)

_REGION = re.compile(r"[a-z0-9-]{1,63}")
"""A region becomes a part of a host name."""
_SIGNED = frozenset(("host", "content-type", "content-md5"))
"""Headers that are signed beside x-amz-* and if-*; a proxy may change the others."""


class RequestSigner:
    """Signs for one remote. Belongs to the loop."""

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
