from contextlib import contextmanager

import aiohttp
import pytest

from s3d.agent.frontends.control.control_server import ControlServer
from s3d.agent.frontends.control.migration import MigrationRoutes
from s3d.agent.s3.messages import BytesBody
from s3d.agent.transfers.store_migration import Migration
from s3d.shared.control import decode, encode
from s3d.shared.transfers import MigrateRequest, MigrationStatus


@pytest.fixture
async def moving(control, gate_places, tmp_path):
    """A control server with a migration from the store of `control` to one beside it."""
    from s3d.agent.app.embedded import open_embedded

    far = open_embedded(tmp_path / "far", ephemeral=True)

    @contextmanager
    def opened():
        yield control.stack.embedded.local

    migration = Migration(opened, far.local)
    server = ControlServer(MigrationRoutes(migration).routes(), grace=1.0)
    await server.start(gate_places)
    connector = aiohttp.UnixConnector(str(gate_places))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as client:
        yield control, migration, client
    await server.stop()
    far.close()


@pytest.fixture
def gate_places(tmp_path):
    return tmp_path / "socket" / "agent.sock"


async def ask(client, method, path, body=None, status=200) -> MigrationStatus:
    data = None if body is None else encode(body)
    async with client.request(method, path, data=data) as response:
        assert response.status == status
        return decode(await response.read(), MigrationStatus)


async def test_a_job_is_started_watched_and_ends(moving):
    import asyncio

    control, migration, client = moving
    await control.objects.create_bucket("bucket")
    await control.objects.put("bucket", "k", BytesBody(b"12345"))
    assert (await ask(client, "GET", "/v1/migration?wait=5")).state == "idle"
    async with asyncio.TaskGroup() as group:
        running = group.create_task(migration.run())
        started = await ask(client, "POST", "/v1/migration:start", MigrateRequest(), 202)
        assert started.state == "running"
        ended = await ask(client, "GET", "/v1/migration?wait=10")
        assert (ended.state, ended.copied.files, ended.buckets) == ("done", 1, ["bucket"])
        running.cancel()


async def test_one_job_at_a_time(moving):
    _, migration, client = moving
    migration.start([], delete_source=False)
    async with client.post("/v1/migration:start", data=encode(MigrateRequest())) as response:
        assert response.status == 409


@pytest.mark.parametrize("wait", ["-1", "31", "x", "nan"])
async def test_a_wait_has_its_bounds(moving, wait):
    async with moving[2].get("/v1/migration", params={"wait": wait}) as response:
        assert response.status == 400


async def test_without_a_remote_there_is_nowhere_to_go():
    from s3d.agent.frontends.control.routing import ControlError

    for route in MigrationRoutes(None).routes()[::2]:
        with pytest.raises(ControlError, match="no remote"):
            await route.handler(None)
