"""The webhook of the admin address: POST /remote-events, by which a server reports changes.

It needs a token of its own on every bind, also on loopback: a sender of events can have the
agent send requests to the remote. The message names objects to look at, and no more.

[notification.webhook] of SeaweedFS, MinIO's webhook target and s3d's own notification targets send
such requests, with the header Authorization: Bearer TOKEN.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from s3d.agent.frontends.admin.admin_access import AdminAccess, Caller
from s3d.shared.config.values import Secret

PATH = "/remote-events"
MAX_BODY = 1 << 20
"""Bytes of a message."""

Deliver = Callable[[bytes], None]
"""Takes a message. Raises ValueError for one that is in no known form."""


class Webhook:
    """Takes messages while a session is attached."""

    def __init__(self, token: Secret | None) -> None:
        """token: None: there is no webhook."""
        self._access = None if token is None else AdminAccess(token=token)
        self.deliver: Deliver | None = None
        """Of the session that is open."""

    @property
    def is_enabled(self) -> bool:
        return self._access is not None

    def admits(self, authorization: str) -> bool:
        """Whether a request has the token. authorization: the header of that name."""
        return (
            self._access is not None
            and bool(authorization)
            and (self._access.caller(authorization) is Caller.TRUSTED)
        )

    async def take(self, request: web.BaseRequest) -> tuple[int, str]:
        """The status and title of the answer to an admitted request."""
        if request.method != "POST":
            return 405, "only POST is allowed"
        if self.deliver is None:
            return 503, "no session is open: send the event again"
        try:
            body = await request.read()  # at most 1 MiB, aiohttp's limit
        except web.HTTPRequestEntityTooLarge:
            return 413, f"a message has at most {MAX_BODY} bytes"
        if not body:  # MinIO looks whether the address answers
            return 200, ""
        try:
            self.deliver(body)
        except ValueError as error:
            return 400, f"the message is not understood: {error}"
        return 200, ""
