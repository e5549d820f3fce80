"""The use of aiohttp as a client: settings, sessions, exceptions and proxies."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import aiohttp

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.stores.remote.addressing import Addressing
from s3d.agent.stores.remote.traffic_limit import TrafficLimit

POOL = 256
"""Connections open at the same time."""
IDLE = 15.0
"""Seconds for which an idle connection is kept: less than servers keep theirs (AWS: about 20)."""

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
"""Exception, its meaning, and whether the remote may have received the request. The first row that
fits counts."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect: float = 3.0
    """To connect, TLS included."""
    answer: float = 30.0
    """To the first byte of the response to a read or a listing, all attempts together."""
    silence: float = 60.0
    """Without a byte from the remote while it has to act."""
    work: float = 600.0
    """Without a byte from the remote, for operations that may take it long, such as copies."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach the remote."""

    url: str
    """http[s]://HOST[:PORT], or aws."""
    addressing: Addressing = "auto"
    timeouts: Timeouts = field(default_factory=Timeouts)
    ca_bundle: str = ""
    """File of certificates to trust instead of those of the system."""
    trailers: bool = True
    """The remote accepts checksums after the body."""
    traffic: TrafficLimit = field(default_factory=TrafficLimit)
    """Of all requests with a body."""
    spool: Path | None = None
    """Folder for bodies whose size is unknown; None: the system's for temporary files."""


def new_session(settings: Settings, *, reuse: bool) -> aiohttp.ClientSession:
    """A session that adds no headers; without reuse each connection serves one request."""
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
    """Turn the exceptions that mean a lost response into Unreachable."""
    try:
        yield
    except tuple(row[0] for row in _UNREACHABLE) as error:
        raise as_unreachable(error) from error


def as_unreachable(error: Exception) -> Unreachable:
    for kind, reason, sent in _UNREACHABLE:
        if isinstance(error, kind):
            return Unreachable(reason, str(error) or type(error).__name__, sent=sent)
    raise error


class AiohttpBody:
    """The body of a response of aiohttp, see BodySource."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def take(self, _limit: int | None) -> bytes | None:
        return None

    async def read(self, limit: int | None) -> bytes:
        content = self._response.content
        try:
            return await (content.readany() if limit is None else content.read(limit))
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise as_unreachable(error) from error

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


async def _once_only(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a PUT or DELETE again when its response was lost.

    The first may have been carried out; only the caller knows whether a second one is harmless.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise as_unreachable(error) from error
