"""A policy server: Open Policy Agent's data API over HTTP or a Unix socket.

https://www.openpolicyagent.org/docs/latest/rest-api/#get-a-document-with-input
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from s3d.agent.core.backoff import Backoff
from s3d.agent.selection.decision import (
    DECISION_TIMEOUT,
    ENTRY,
    Decision,
    Document,
    PolicyUnavailable,
    decision_of,
)

FAILURES = 5
"""Consecutive failures after which no request is sent for a while."""
FIRST_PAUSE, LAST_PAUSE = 5.0, 60.0
"""Seconds without requests after these failures; each further failure doubles them."""
MAX_RESPONSE = 1 << 20
"""Bytes of a response body."""
DATA_API = "/v1/data/"


class HttpEngine:
    """url: http://HOST:PORT, with or without the path of the rule, or unix:///PATH."""

    version = 0

    def __init__(
        self,
        url: str,
        timeout: float = DECISION_TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket, self._url = _address(url)
        self._timeout = timeout
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._failures = 0
        self._backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)
        self._retry_at = 0.0
        self._error = ""

    @property
    def trouble(self) -> str:
        """The last failure; "" after a decision."""
        return f"the policy server returned no decision: {self._error}" if self._error else ""

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""
        if self._failures >= FAILURES and self._clock() < self._retry_at:
            raise PolicyUnavailable(self._error)
        try:
            decision = decision_of(await self._post(document))
        except PolicyUnavailable as error:
            self._failed(str(error))
            raise
        self._failures, self._error = 0, ""
        self._backoff.reset()
        return decision

    async def refresh(self) -> None:
        """Do nothing: the server does not announce changes, so cached decisions expire instead."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _failed(self, why: str) -> None:
        self._error = why
        self._failures += 1
        if self._failures >= FAILURES:
            self._retry_at = self._clock() + self._backoff.advance()

    async def _post(self, document: Document) -> Any:
        try:
            request = self._get_session().post(
                self._url, json={"input": document}, allow_redirects=False
            )
            async with request as response:
                if response.status != 200:
                    raise PolicyUnavailable(f"{self._url} returned HTTP status {response.status}")
                result = json.loads(await _read(response.content))
        except TimeoutError:
            raise PolicyUnavailable(f"no answer within {self._timeout:g} s") from None
        except RecursionError:
            raise PolicyUnavailable(f"{self._url}: the answer is nested too deeply") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PolicyUnavailable(f"{self._url}: {error}") from error
        if not isinstance(result, dict) or "result" not in result:
            raise PolicyUnavailable(f"{ENTRY} is undefined")
        return result["result"]

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.UnixConnector(self._socket) if self._socket else None
            timeout = aiohttp.ClientTimeout(total=self._timeout)
            self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self._session


async def _read(stream: aiohttp.StreamReader) -> bytes:
    """All of a response body. Raises ValueError for one over MAX_RESPONSE."""
    data = bytearray()
    async for piece in stream.iter_any():
        data += piece
        if len(data) > MAX_RESPONSE:
            raise ValueError(f"the answer has more than {MAX_RESPONSE} bytes")
    return bytes(data)


def _address(url: str) -> tuple[str, str]:
    """The path of a Unix socket or "", and the URL to post to."""
    if url.startswith("unix://"):
        return url.removeprefix("unix://"), f"http://localhost{DATA_API}{ENTRY}"
    if urlsplit(url).path.startswith(DATA_API):
        return "", url
    return "", f"{url.rstrip('/')}{DATA_API}{ENTRY}"
