"""The admin address: one listener for the process, and the front end by which each session shows
there whether it is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from s3d.agent.app.start_checks import bind_errors, endpoint_url
from s3d.agent.core.metrics_text import negotiate, render
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.admin.admin_access import AdminAccess
from s3d.agent.frontends.admin.admin_server import OTHER_ACCOUNT, STOPPING, AdminServer
from s3d.agent.frontends.admin.webhook import Deliver, Webhook
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.diagnostics import Readiness


def scrape(registry: Registry, accept: str) -> tuple[bytes, str]:
    """All metrics in the format that an Accept header asks for, and its content type."""
    text_format = negotiate(accept)
    return render(registry.collect(), text_format), text_format.value


class AdminAddress:
    """Listens as long as the process lives, so that health checks succeed while a session opens or
    closes. Without the setting, start() does nothing."""

    def __init__(self, config: Config, token: Secret | None, registry: Registry) -> None:
        self.url = config.admin
        """With the real port once it is started; "" when there is none."""
        self._host = urlsplit(config.admin).hostname or ""
        access = AdminAccess([self._host, *config.hosts], token)
        self.webhook = Webhook(config.remote_events.token)
        self._server = AdminServer(access, partial(scrape, registry), self.webhook)

    async def start(self) -> None:
        """Raises S3dError when the address cannot be bound."""
        if not self.url:
            return
        with bind_errors(self.url, "S3D_ADMIN"):
            port = await self._server.start(self._host, urlsplit(self.url).port or 0)
        self.url = endpoint_url(self._host, port)

    async def stop(self) -> None:
        await self._server.stop()

    def attach(self, readiness: Callable[[], Readiness]) -> None:
        self._server.attach(readiness)

    def detach(self, reason: str) -> None:
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
        self._address.attach(self._readiness)
        self._address.webhook.deliver = self._deliver
        return self._address.url

    async def stop(self) -> None:
        self._address.webhook.deliver = None
        self._address.detach(OTHER_ACCOUNT if self._is_serving() else STOPPING)

    def status(self) -> Mapping[str, float]:
        return {}
