"""How aiohttp is used towards the remote: its sessions, its exceptions, proxies on the way."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

import aiohttp

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.addressing import Addressing

POOL = 256
"""Connections at the same time."""
IDLE = 15.0
"""Seconds that an unused connection is kept: less than servers keep theirs (AWS: about 20)."""

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers of one connection. https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1"""

_UNREACHABLE: tuple[tuple[type[Exception], Reason, bool], ...] = (
    (aiohttp.ClientConnectorDNSError, Reason.NAME, False),
    (aiohttp.ClientSSLError, Reason.TLS, False),
    (aiohttp.ClientConnectorError, Reason.CONNECT, False),
    (aiohttp.ConnectionTimeoutError, Reason.CONNECT, False),
    (TimeoutError, Reason.TIMEOUT, True),
    (aiohttp.ClientError, Reason.LOST, True),
    (OSError, Reason.LOST, True),
)
"""Exception, what it means, and whether the remote may have got the request; the first counts."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect: float = 3.0
    """Until a connection is there, TLS included."""
    answer: float = 30.0
    """Until the first byte of the answer to a read or a listing, all attempts together."""
    silence: float = 60.0
    """Without a byte from the remote while it is the remote's turn."""
    work: float = 600.0
    """The same for operations that may take the remote long, as copies do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the remote."""

    url: str
    """http[s]://HOST[:PORT], or aws."""
    addressing: Addressing = "auto"
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca_bundle: str = ""
    """File of certificates to trust instead of the system's."""
    trailers: bool = True
    """The remote takes checksums that come after the body."""


def new_session(settings: Settings, *, reuse: bool) -> aiohttp.ClientSession:
    """A session that adds nothing of its own; without reuse each connection serves one request."""
    trust = ssl.create_default_context(cafile=settings.ca_bundle) if settings.ca_bundle else True
    connector = (
        aiohttp.TCPConnector(limit=POOL, ssl=trust, keepalive_timeout=IDLE)
        if reuse
        else aiohttp.TCPConnector(limit=POOL, ssl=trust, force_close=True)
    )
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=[_once_only],
        skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.timeouts.connect),
    )


@lru_cache
def proxy_for(scheme: str, host: str) -> str | None:
    """The URL of the proxy that the environment names for this host (HTTPS_PROXY, NO_PROXY)."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever keeps an answer from coming into Unreachable."""
    try:
        yield
    except tuple(row[0] for row in _UNREACHABLE) as error:
        raise as_unreachable(error) from error


def as_unreachable(error: Exception) -> Unreachable:
    for kind, reason, sent in _UNREACHABLE:
        if isinstance(error, kind):
            return Unreachable(reason, str(error) or type(error).__name__, sent=sent)
    raise error


async def _once_only(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again by itself when its answer was lost.

    The first may have been carried out; only the caller knows what a second would mean.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise as_unreachable(error) from error
