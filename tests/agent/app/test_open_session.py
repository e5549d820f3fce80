from contextlib import AsyncExitStack

import pytest

from s3d.agent.app.access_key_manager import KeyManager
from s3d.agent.app.admin_address import AdminAddress
from s3d.agent.app.agent_session import ProcessContext
from s3d.agent.app.background import background_tasks
from s3d.agent.app.log_files import LogFiles
from s3d.agent.app.open_session import FRONTENDS, open_session
from s3d.agent.app.otel.start import TelemetryExport
from s3d.agent.app.process import Notifier
from s3d.agent.app.socket_activation import InheritedSockets
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.events import Events
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.spans import Tracer
from s3d.agent.core.telemetry import Registry
from s3d.shared.access_key import AccessKey
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import find_places


@pytest.fixture
async def session(tmp_path):
    config = Config(endpoint="http://127.0.0.1:0", local_dir=tmp_path, buckets=("first",))
    places = find_places(config, {})
    keys = AccessKeys([AccessKey("S3DKEY", Secret("secret"))])
    registry, tracer = Registry(), Tracer()
    process = ProcessContext(
        keys=keys,
        access_key_manager=KeyManager(LocalKeys(places, config), keys),
        umask=0o022,
        log_buffer=LogBuffer(),
        log_files=LogFiles(places.log_file, None),
        started=1.0,
        is_serving=lambda: True,
        registry=registry,
        tracer=tracer,
        export=TelemetryExport(registry, tracer),
        admin=AdminAddress(config, None, registry),
        sockets=InheritedSockets(),
    )
    places.state_dir.mkdir(parents=True)
    async with AsyncExitStack() as closing:
        closing.callback(process.log_files.close)
        yield await open_session(config, places, process, Events(), closing)


async def test_a_session_has_the_configured_buckets_and_a_status(session):
    assert [bucket.name for bucket in await session.client.buckets()] == ["first"]
    status = await session.status()
    assert (status.endpoint, status.started) == (session.endpoint.url, 1.0)
    assert status.remote is None


async def test_the_next_session_has_the_port_that_the_system_has_chosen(session):
    port = session.endpoint.url.rpartition(":")[2]
    assert session.config.endpoint == f"http://127.0.0.1:{port}"


async def test_an_embedded_store_has_no_tasks_of_a_remote(session):
    tasks = background_tasks(session, Notifier())
    assert set(tasks) == {
        "watchdog", "sync", "samples", "transfers", "sweep", "bucket logs", "inventory",
        "lifecycle", "event loop lag", "free space",
    }  # fmt: skip


def test_the_control_api_starts_when_the_endpoint_has_its_address_and_readiness_comes_last():
    assert [row.name for row in FRONTENDS] == ["http", "control", "fuse", "admin"]
