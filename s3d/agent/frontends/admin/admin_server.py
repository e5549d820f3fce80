"""The admin address: /metrics, /healthz, /readyz and /remote-events over HTTP.

It belongs to the process and outlives sessions, so /healthz and /metrics answer while the agent
opens its stores, while it changes to the state of another account, and until the process ends. A
session attaches its readiness; without a session the agent is not ready.

One request:

1. AdminConnection limits its size and time.
2. respond() refuses other hosts, paths, methods and tokens (admin_access.py).
3. A page answers. /healthz reads no state at all, and no page ever waits for the remote.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiohttp import web

from s3d.agent.frontends.admin.admin_access import AdminAccess, Caller
from s3d.agent.frontends.admin.admin_connection import HEADERS, MAX_REQUEST, AdminConnections
from s3d.agent.frontends.admin.webhook import MAX_BODY, Deliver, Webhook
from s3d.agent.frontends.admin.webhook import PATH as WEBHOOK
from s3d.shared import control
from s3d.shared.control import Problem
from s3d.shared.diagnostics import READY, STARTING, Readiness, ReadinessCheck, readiness_of

logger = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD")
_STOP_TIMEOUT = 1.0
"""Seconds that responses in hand get to be written."""

MetricsPage = Callable[[str], tuple[bytes, str]]
"""Accept header -> the metrics and their content type."""
Page = Callable[[web.BaseRequest, bool], web.Response]
"""(request, whether its caller is trusted) -> the response."""


class AdminServer:
    """Serves the admin pages at one address. Started once, stopped once, within one event loop."""

    def __init__(
        self, access: AdminAccess, metrics: MetricsPage, webhook: Webhook | None = None
    ) -> None:
        self._access = access
        self._webhook = webhook or Webhook(None)
        self._metrics = metrics
        self._session: Callable[[], Readiness] | None = None
        self._reason = STARTING
        self._pages: dict[str, Page] = {
            "/metrics": self._metrics_page,
            "/healthz": _health_page,
            "/readyz": self._readiness_page,
        }
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the real port. Raises OSError when the address cannot be bound."""
        self._runner = web.ServerRunner(
            AdminConnections(
                self.respond,
                max_request=MAX_REQUEST + MAX_BODY * self._webhook.is_enabled,
            ),
            shutdown_timeout=_STOP_TIMEOUT,
        )
        await self._runner.setup()
        addresses = ["127.0.0.1", "::1"] if host == "localhost" else [host]
        await web.TCPSite(self._runner, addresses[0], port).start()
        real = int(self._runner.addresses[0][1])
        for address in addresses[1:]:
            try:
                await web.TCPSite(self._runner, address, real).start()
            except OSError as error:
                logger.info("cannot listen on the additional address %s: %s", address, error)
        return real

    async def stop(self) -> None:
        """Stop listening, and end all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    def attach(self, readiness: Callable[[], Readiness], deliver: Deliver | None = None) -> None:
        """From now on, show the readiness of a session, and give it the webhook's messages."""
        self._session, self._webhook.deliver = readiness, deliver

    def detach(self, reason: str) -> None:
        """Show that there is no session, and why."""
        self._session, self._webhook.deliver, self._reason = None, None, reason

    def readiness(self) -> Readiness:
        """Of the session, or why there is none."""
        if self._session is None:
            return readiness_of([ReadinessCheck("stores", False, self._reason)])
        return self._session()

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to any request; an exception of a page is logged and becomes a 500."""
        try:
            if self._webhook.is_enabled and request.raw_path.partition("?")[0] == WEBHOOK:
                return await self._take_event(request)
            return self._respond(request)
        except Exception:
            logger.exception("admin page failed path=%s", request.raw_path)
            return _problem(500, "InternalError", "internal error of the agent")

    def _respond(self, request: web.BaseRequest) -> web.Response:
        host = request.headers.get("Host", "")
        if not request.raw_path.startswith("/") or not self._access.allows_host(host):
            return _problem(
                403, "AccessDenied", "this host name is not allowed", "add it to S3D_HOSTS"
            )
        page = self._pages.get(request.raw_path.partition("?")[0])
        if page is None:
            hint = ", ".join(self._pages)
            return _problem(404, control.NO_SUCH_ROUTE, "no such path", hint)
        if request.method not in _METHODS:
            response = _problem(405, "MethodNotAllowed", "only GET and HEAD are allowed")
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        caller = self._access.caller(request.headers.get("Authorization", ""))
        if caller is Caller.REFUSED:
            return _unauthorized("the token is wrong")
        return page(request, caller is Caller.TRUSTED)

    async def _take_event(self, request: web.BaseRequest) -> web.Response:
        """An event of the remote. A host name need not be known: a browser has no token to send."""
        if not self._webhook.admits(request.headers.get("Authorization", "")):
            return _unauthorized("the webhook needs the token of S3D_REMOTE_EVENTS_TOKEN")
        status, title = await self._webhook.take(request)
        if status == 200:
            return _response(200, b"ok\n", "text/plain")
        return _problem(status, "InvalidRequest", title)

    def _metrics_page(self, request: web.BaseRequest, is_trusted: bool) -> web.Response:
        if not is_trusted:
            return _unauthorized("/metrics needs a token")
        return _response(200, *self._metrics(request.headers.get("Accept", "")))

    def _readiness_page(self, request: web.BaseRequest, is_trusted: bool) -> web.Response:
        """200 when requests are served from complete stores, else 503. Reasons have names of
        folders, so only trusted callers get them."""
        readiness = self.readiness()
        shown = readiness if is_trusted else Readiness(readiness.status)
        status = 200 if readiness.status == READY else 503
        return _response(status, control.encode(shown) + b"\n", control.JSON)


def _health_page(request: web.BaseRequest, is_trusted: bool) -> web.Response:
    """200 while the event loop runs."""
    return _response(200, b"ok\n", "text/plain")


def _response(status: int, body: bytes, content_type: str) -> web.Response:
    return web.Response(status=status, body=body, headers={**HEADERS, "Content-Type": content_type})


def _problem(status: int, code: str, title: str, hint: str = "") -> web.Response:
    problem = Problem(code, title, hint=hint, retryable=status >= 500)
    return _response(status, control.encode(problem) + b"\n", control.PROBLEM_JSON)


def _unauthorized(title: str) -> web.Response:
    """https://www.rfc-editor.org/rfc/rfc6750#section-3"""
    response = _problem(
        401, "AccessDenied", title, "send Authorization: Bearer TOKEN; s3d status shows where it is"
    )
    response.headers["WWW-Authenticate"] = 'Bearer realm="s3d"'
    return response
