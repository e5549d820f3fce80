"""Who we are at the remote: the whole AWS chain, through botocore.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
botocore is imported here only, off the loop and at the first use. It may read files, run a
credential_process or ask a metadata service, so it is only ever called in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field
from typing import Any

from s3d.agent.core.failures import Reason, Unreachable

logger = logging.getLogger(__name__)

DEFAULT_REGION = "us-east-1"
LOOK_AGAIN = 60.0
"""Seconds between two questions to botocore whether temporary credentials are still good; it renews
them ten to fifteen minutes before they expire."""
RENEW_PAUSE = 10.0
"""Seconds between two resolutions of the chain from its beginning."""


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """An access key at the remote. Field names as botocore's, so that its signers take one."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    account_id: str | None = None


class KeyChain:
    """Gives the key to sign with, always a good one if there is any.

    key: a fixed one instead of the chain. profile and region: "" for what the environment and the
    configuration files of AWS say.
    """

    def __init__(
        self, *, profile: str = "", region: str = "", key: RemoteKey | None = None
    ) -> None:
        self._profile = profile
        self._region = region
        self._fixed = key
        self._found: Any = None
        self._key = key
        self._good_until = math.inf if key else 0.0
        self._renewed = -math.inf
        self._lock = asyncio.Lock()

    async def key(self) -> RemoteKey:
        """The key to use now. Raises Unreachable (CREDENTIALS) when there is none."""
        if self._key is not None and time.monotonic() < self._good_until:
            return self._key
        async with self._lock:
            if self._key is None or time.monotonic() >= self._good_until:
                self._key = await self._ask(self._look_up)
                refreshable = hasattr(self._found, "refresh_needed")
                self._good_until = time.monotonic() + LOOK_AGAIN if refreshable else math.inf
        return self._key

    async def region(self) -> str:
        """The configured one, else AWS's configuration, else us-east-1."""
        if not self._region:
            self._region = await self._ask(self._look_up_region)
        return self._region

    async def renew(self) -> bool:
        """After the remote refused our key: resolve the chain from its beginning.

        True when another key came out of it than the one before.
        """
        if self._fixed is not None or time.monotonic() - self._renewed < RENEW_PAUSE:
            return False
        self._renewed = time.monotonic()
        before, self._key, self._found = self._key, None, None
        return await self.key() != before

    async def _ask(self, question: Any) -> Any:
        try:
            return await asyncio.to_thread(question)
        except Unreachable:
            raise
        except Exception as error:  # providers raise anything; all mean the same
            detail = f"{type(error).__name__}: {error}"
            raise Unreachable(Reason.CREDENTIALS, detail, sent=False) from error

    def _look_up(self) -> RemoteKey:
        if self._found is None:
            self._found = self._session().get_credentials()
        if self._found is None:
            raise Unreachable(
                Reason.CREDENTIALS, "no credentials in the AWS configuration", sent=False
            )
        frozen = self._found.get_frozen_credentials()
        return RemoteKey(frozen.access_key, frozen.secret_key, frozen.token)

    def _look_up_region(self) -> str:
        return self._session().get_config_variable("region") or DEFAULT_REGION

    def _session(self) -> Any:
        """A session that never sends the chain's own questions to an AWS_ENDPOINT_URL.

        It may well be our own address, set so that tools find s3d.
        """
        from botocore.session import Session

        session: Any = Session(profile=self._profile or None)  # type: ignore[no-untyped-call]
        session.set_config_variable("ignore_configured_endpoint_urls", True)
        return session
