"""The front ends are what the agent starts, stops and asks for its status."""

from s3d.agent.app.admin_address import AdminAddress, AdminPages
from s3d.agent.app.frontends import ControlSocket, S3Endpoint
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import TerminalStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.frontend import Frontend
from s3d.shared.access_key import AccessKey
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.diagnostics import readiness_of


async def test_each_front_end_starts_at_an_address_has_a_status_and_stops(tmp_path):
    config = Config(endpoint="http://127.0.0.1:0", admin="http://127.0.0.1:0")
    keys = AccessKeys([AccessKey("S3DKEY", Secret("secret"))])
    registry = Registry()
    endpoint = S3Endpoint(TerminalStore(), config, keys, registry, tracer=Tracer())
    address = AdminAddress(config, None, registry)
    pages = AdminPages(address, lambda: readiness_of([]), lambda: True)
    frontends: list[Frontend] = [endpoint, ControlSocket([], tmp_path / "socket", registry), pages]
    for frontend in frontends:
        assert await frontend.start()
        assert all(isinstance(number, int | float) for number in frontend.status().values())
        await frontend.stop()
    assert not (tmp_path / "socket").exists()
