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
from collections.abc import Awaitable, Callable
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


Admit = Callable[[RemoteKey], Awaitable[bool]]
OnKey = Callable[[RemoteKey | None, RemoteKey], Awaitable[None]]


class CredentialProvider:
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
        self.admit: Admit | None = None
        """Decides whether another key from the chain may be used: whether it is of the account
        whose state this agent has open. None: any may."""
        self.on_key: OnKey | None = None
        """Awaited with the key before (None: there was none) and a new one, before that is given to
        anybody. Both come from the same provider, so they are of one account."""

    @property
    def current(self) -> RemoteKey | None:
        """The key that was given last; None before the first."""
        return self._key

    async def key(self) -> RemoteKey:
        """The key to use now. Raises Unreachable (CREDENTIALS) when there is none."""
        if self._key is not None and time.monotonic() < self._good_until:
            return self._key
        async with self._lock:
            if self._key is None or time.monotonic() >= self._good_until:
                before, key = self._key, await self._look_up_in_thread()
                is_same = before is not None and before.access_key == key.access_key
                if not is_same and self.on_key is not None:
                    await self.on_key(before, key)
                self._use(key)
                return key
        return self._key

    async def region(self) -> str:
        """The configured one, else AWS's configuration, else us-east-1."""
        if not self._region:
            self._region = await self._ask(self._look_up_region)
        return self._region

    async def renew(self) -> bool:
        """After the remote refused our key: resolve the chain from its beginning.

        True when another key came out of it than the one before, and may be used.
        """
        if self._fixed is not None or time.monotonic() - self._renewed < RENEW_PAUSE:
            return False
        self._renewed = time.monotonic()
        async with self._lock:
            before, provider = self._key, self._found
            self._key = self._found = None
            key = await self._look_up_in_thread()
            if before is None or self.admit is None or key == before:
                self._use(key)
                return key != before
            # Nobody may sign with the new key before it is known to be of the same account.
            self._key, found, self._found = before, self._found, provider
            if not await self.admit(key):
                return False
            self._found = found
            self._use(key)
            return True

    def _use(self, key: RemoteKey) -> None:
        self._key = key
        refreshable = hasattr(self._found, "refresh_needed")
        self._good_until = time.monotonic() + LOOK_AGAIN if refreshable else math.inf

    async def _look_up_in_thread(self) -> RemoteKey:
        key: RemoteKey = await self._ask(self._look_up)
        return key

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
