"""Who may read what at the admin address. Pure.

A web page can reach a server of this machine or of its network under a host name of its own (DNS
rebinding). So the Host of a request has to be an address, localhost, or a name that the user has
configured: a browser that shows a page of another site sends the name of that site.

The token is a bearer token: https://www.rfc-editor.org/rfc/rfc6750
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from enum import Enum, auto
from urllib.parse import urlsplit

from s3d.shared.config.values import Secret

_LOCALHOST = "localhost"
_SCHEME = "bearer"


class Caller(Enum):
    """What a request proves about its sender."""

    TRUSTED = auto()
    """It has the token, or no token is needed."""
    ANONYMOUS = auto()
    """It has no token: it may know whether the agent is alive and ready, and no more."""
    REFUSED = auto()
    """Its token is wrong."""


class AdminAccess:
    """The rules for one address."""

    def __init__(self, names: Iterable[str] = (), token: Secret | None = None) -> None:
        """names: host names that clients use, beside localhost. token: None: none is needed."""
        self._names = {_LOCALHOST, *(name.lower().rstrip(".") for name in names)}
        self._token = None if token is None else token.reveal().encode()

    def allows_host(self, host: str) -> bool:
        """host: of the Host header, with or without a port; "" for a request without one."""
        try:
            parts = urlsplit(f"//{host}")
            name, _ = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:  # an invalid port or IPv6 address
            return False
        if parts.netloc != host or parts.username is not None:
            return False
        return name in self._names or _is_address(name)

    def caller(self, authorization: str) -> Caller:
        """authorization: the header of that name; "" for a request without one."""
        if self._token is None:
            return Caller.TRUSTED
        if not authorization:
            return Caller.ANONYMOUS
        scheme, _, given = authorization.partition(" ")
        offered = given.strip().encode("utf-8", "surrogateescape")
        is_right = hmac.compare_digest(offered, self._token) and scheme.lower() == _SCHEME
        return Caller.TRUSTED if is_right else Caller.REFUSED


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
