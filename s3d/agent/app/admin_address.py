"""The admin address: one listener for the process, and the front end by which each session shows
there whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from s3d.agent.app.start_checks import bind_errors, endpoint_url
from s3d.agent.core.metrics_text import negotiate, render
from s3d.agent.core.telemetry import Registry
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.diagnostics import OTHER_ACCOUNT, STOPPING, Readiness

if TYPE_CHECKING:
    from s3d.agent.frontends.admin.admin_server import AdminServer
    from s3d.agent.frontends.admin.webhook import Deliver


def scrape(registry: Registry, accept: str) -> tuple[bytes, str]:
    """All metrics in the format that an Accept header asks for, and its content type."""
    text_format = negotiate(accept)
    return render(registry.collect(), text_format), text_format.value


class AdminAddress:
    """Listens as long as the process lives, so that health checks succeed while a session opens or
    closes. Without the setting, start() does nothing, and the server's modules are not loaded."""

    def __init__(self, config: Config, token: Secret | None, registry: Registry) -> None:
        self.url = config.admin
        """With the real port once it is started; "" when there is none."""
        self._config, self._token, self._registry = config, token, registry
        self._server: AdminServer | None = None

    async def start(self) -> None:
        """Raises S3dError when the address cannot be bound."""
        if not self.url:
            return
        from s3d.agent.frontends.admin.admin_access import AdminAccess
        from s3d.agent.frontends.admin.admin_server import AdminServer
        from s3d.agent.frontends.admin.webhook import Webhook

        config, host = self._config, urlsplit(self.url).hostname or ""
        access = AdminAccess([host, *config.hosts], self._token)
        webhook = Webhook(config.remote_events.token)
        self._server = AdminServer(access, partial(scrape, self._registry), webhook)
        with bind_errors(self.url, "S3D_ADMIN"):
            port = await self._server.start(host, urlsplit(self.url).port or 0)
        self.url = endpoint_url(host, port)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    def attach(self, readiness: Callable[[], Readiness], deliver: Deliver | None) -> None:
        """Show the readiness of a session, and give it the messages of the webhook."""
        if self._server is not None:
            self._server.attach(readiness, deliver)

    def detach(self, reason: str) -> None:
        """Show that there is no session, and why."""
        if self._server is not None:
            self._server.detach(reason)


class AdminPages:
    """The front end of one session: its readiness at the address of the process."""

    def __init__(
        self,
        address: AdminAddress,
        readiness: Callable[[], Readiness],
        is_serving: Callable[[], bool],
        deliver: Deliver | None = None,
    ) -> None:
        """is_serving: False once the agent has been asked to stop. deliver: takes the messages of
        the webhook."""
        self._deliver = deliver
        self._address = address
        self._readiness = readiness
        self._is_serving = is_serving

    async def start(self) -> str:
        self._address.attach(self._readiness, self._deliver)
        return self._address.url

    async def stop(self) -> None:
        self._address.detach(OTHER_ACCOUNT if self._is_serving() else STOPPING)

    def status(self) -> Mapping[str, float]:
        return {}
