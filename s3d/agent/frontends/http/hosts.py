"""Which Host names are ours: the guard against DNS rebinding.

A web page can point a name of its own at 127.0.0.1; the Host header then still tells that name.
"""

from __future__ import annotations

from collections.abc import Collection

LOCAL_NAMES = ("localhost", "s3.localhost")
"""Always ours, and so is BUCKET. before them (RFC 6761 section 6.3 keeps localhost at home)."""

LOCAL_ADDRESSES = ("127.0.0.1", "[::1]")

_WILDCARDS = ("", "0.0.0.0", "::", "[::]")
_MEMO = 256


class Hosts:
    """The names and addresses that the endpoint answers to, at any port."""

    def __init__(self, bind: str, configured: Collection[str]) -> None:
        """bind: the address listened on; a wildcard adds nothing. configured: further names."""
        names = {name.lower().rstrip(".") for name in configured}
        self.bases = tuple(sorted({*LOCAL_NAMES, *names}, key=len, reverse=True))
        """Names before which a bucket may stand (virtual-host style), longest first."""
        self._exact = {*LOCAL_NAMES, *LOCAL_ADDRESSES, *names}
        if bind not in _WILDCARDS:
            self._exact.add(f"[{bind}]" if ":" in bind and bind[0] != "[" else bind.lower())
        self._suffixes = tuple("." + name for name in self.bases)
        self._known: set[str] = set()

    def allows(self, host: str) -> bool:
        """host: as a Host header or the authority of a request target has it, port included."""
        if host in self._known:
            return True
        name = name_of(host)
        if name is None or not (name in self._exact or name.endswith(self._suffixes)):
            return False
        if len(self._known) < _MEMO:
            self._known.add(host)
        return True


def name_of(host: str) -> str | None:
    """The host without its port, in lower case; None when it is not a host at all."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    if not (port.isascii() and port.isdigit()) and port != "":
        return None
    if ":" in name and not (name.startswith("[") and name.endswith("]")):
        return None
    name = name.lower().rstrip(".")
    return name if name and not set(name) & set("/\\@?# \t") else None
