"""Credentials for the remote, from the whole credential chain of AWS, through botocore.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
botocore may read files, run a credential_process or call a metadata service, so it is only called
in a thread; it is imported there too, at the first use. An agent whose key needs no more than
static_credentials.py does without it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.static_credentials import (
    DEFAULT_REGION,
    RemoteKey,
    static_key,
    static_region,
)
from s3d.shared.masking import hide

logger = logging.getLogger(__name__)

CHECK_INTERVAL = 60.0
"""Seconds between two checks of temporary credentials; botocore renews them ten to fifteen minutes
before they expire."""
RENEW_PAUSE = 10.0
"""Seconds between two resolutions of the whole chain."""


Admit = Callable[[RemoteKey], Awaitable[bool]]
OnKey = Callable[[RemoteKey | None, RemoteKey], Awaitable[None]]


class CredentialProvider:
    """Provides the key to sign with, and renews it before it expires.

    key: a fixed one instead of the chain. profile, region: "" for those of the environment and the
    configuration files of AWS.
    """

    def __init__(
        self, *, profile: str = "", region: str = "", key: RemoteKey | None = None
    ) -> None:
        self._profile = profile
        self._region = region
        self._fixed = key
        if key is not None:
            hide(key.secret_key, key.token)
        self._provider: Any = None
        self._key = key
        self._good_until = math.inf if key else 0.0
        self._renewed = -math.inf
        self._lock = asyncio.Lock()
        self.admit: Admit | None = None
        """Decides whether a key of a new resolution is of the account whose state this
        agent has open. None: every key may be used."""
        self.on_key: OnKey | None = None
        """Awaited with the previous key (None: there was none) and a new one, before the new one is
        used. Both come from the same provider, so they are of one account."""

    @property
    def current(self) -> RemoteKey | None:
        """The key in use; None before the first call of key()."""
        return self._key

    async def key(self) -> RemoteKey:
        """The key to use now. Raises Unreachable (CREDENTIALS) when there is none."""
        if self._key is not None and time.monotonic() < self._good_until:
            return self._key
        async with self._lock:
            if self._key is None or time.monotonic() >= self._good_until:
                before, key = self._key, await self._load_key()
                is_same = before is not None and before.access_key == key.access_key
                if not is_same and self.on_key is not None:
                    await self.on_key(before, key)
                self._use(key)
                return key
        return self._key

    async def region(self) -> str:
        """The configured region, that of the AWS configuration, or us-east-1."""
        if not self._region:
            self._region = await self._in_thread(self._look_up_region)
        return self._region

    async def renew(self) -> bool:
        """Resolve the whole chain again, after the remote refused our key.

        True when this yields another key, which may be used.
        """
        if self._fixed is not None or time.monotonic() - self._renewed < RENEW_PAUSE:
            return False
        self._renewed = time.monotonic()
        async with self._lock:
            before, provider = self._key, self._provider
            self._key = self._provider = None
            key = await self._load_key()
            if before is None or self.admit is None or key == before:
                self._use(key)
                return key != before
            # No request is signed with the new key until it is known to be of the same account.
            self._key, renewed, self._provider = before, self._provider, provider
            if not await self.admit(key):
                return False
            self._provider = renewed
            self._use(key)
            return True

    def _use(self, key: RemoteKey) -> None:
        self._key = key
        refreshable = hasattr(self._provider, "refresh_needed")
        self._good_until = time.monotonic() + CHECK_INTERVAL if refreshable else math.inf

    async def _load_key(self) -> RemoteKey:
        key: RemoteKey = await self._in_thread(self._look_up)
        return key

    async def _in_thread(self, lookup: Any) -> Any:
        try:
            return await asyncio.to_thread(lookup)
        except Unreachable:
            raise
        except Exception as error:  # providers raise exceptions of any type
            detail = f"{type(error).__name__}: {error}"
            raise Unreachable(Reason.CREDENTIALS, detail, sent=False) from error

    def _look_up(self) -> RemoteKey:
        # A provider that renews its keys goes on: another key may be of another account.
        key = static_key(os.environ, self._profile) if self._provider is None else None
        if key is not None:
            hide(key.secret_key, key.token)
            return key
        if self._provider is None:
            self._provider = self._session().get_credentials()
        if self._provider is None:
            raise Unreachable(
                Reason.CREDENTIALS, "no credentials in the AWS configuration", sent=False
            )
        frozen = self._provider.get_frozen_credentials()
        hide(frozen.secret_key, frozen.token)
        return RemoteKey(frozen.access_key, frozen.secret_key, frozen.token)

    def _look_up_region(self) -> str:
        region = static_region(os.environ, self._profile)
        return region or self._session().get_config_variable("region") or DEFAULT_REGION

    def _session(self) -> Any:
        """A session that ignores AWS_ENDPOINT_URL, which may be our own address, set so that tools
        find s3d: the requests of the chain itself would go there."""
        from botocore.session import Session

        session: Any = Session(profile=self._profile or None)  # type: ignore[no-untyped-call]
        session.set_config_variable("ignore_configured_endpoint_urls", True)
        return session
