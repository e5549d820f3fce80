"""Limits of the S3 endpoint: sizes as AWS has them, and time-outs.

Sizes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

HEAD_SIZE = 8 * 1024
"""Bytes of a request's header section; more is RequestHeaderSectionTooLarge."""

PUT_SIZE = 5 * 1024**3
"""Bytes of one PUT or part; more is EntityTooLarge, before the body is read."""

DOCUMENT_SIZE = 4 * 1024**2
"""Bytes of an XML or JSON payload, which is read whole; more is MaxMessageLengthExceeded."""

DRAIN_SIZE = 256 * 1024
"""An unread rest of a body up to this size is discarded to keep the connection usable."""

LINGER_SIZE = 256 * 1024**2
"""Bytes discarded at most, after the response, from a client that is still sending."""

HASH_BLOCK = 512 * 1024
"""Bytes of a signed body that are hashed in one call to a thread."""

INLINE_HASH = 64 * 1024
"""Most bytes hashed on the event loop; more are hashed in a thread."""

PIPELINE = 8
"""Requests of a connection parsed ahead of the one that is being served."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the endpoint that tests and the configuration may change. Times in seconds."""

    connections: int = 4096
    """Open at once; one more gets 503 SlowDown."""
    head: float = 20.0
    """From the opening, or the first byte of a later request, to the end of a request's head."""
    idle: float = 75.0
    """Between two requests on a connection."""
    body: float = 30.0
    """Between two pieces of a body; then RequestTimeout."""
    body_rate: float = 240.0
    """Bytes per second at which a body has to arrive, while it is waited for, after the first
    seconds of `body`; below, RequestTimeout. A client that sends one byte every few seconds would
    hold its connection for ever. The rate is that of Kestrel:
    https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.minrequestbodydatarate"""
    write: float = 60.0
    """For the client to go on taking a response, beside the time that write_rate gives."""
    write_rate: float = 240.0
    """Bytes per second at which the client has to take a response on average, while it is waited
    for. What it took faster is credit for a pause, so that a download may stand still while its
    reader is busy, up to write_pause. nginx and Kestrel limit two writes alone, which a client
    that takes a byte now and then satisfies for ever:
    https://nginx.org/en/docs/http/ngx_http_core_module.html#send_timeout
    https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.minresponsedatarate"""
    write_pause: float = 900.0
    """Without the client taking any byte of a response."""
    linger: float = 10.0
    """From the last response on a connection until it is reset."""
    keepalive_interval: float = 5.0
    """From the start of a slow copy or complete to its first keep-alive space, and between two."""


def connection_cap(limits: Limits) -> int:
    """The configured cap, or less where the process may open few files (each needs up to two)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        limits.connections
        if soft == resource.RLIM_INFINITY
        else min(limits.connections, max(16, (soft - 64) // 3))
    )
