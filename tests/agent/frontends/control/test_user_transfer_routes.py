"""Transfers and the migration through the control API."""

from contextlib import contextmanager

import pytest

from s3d.agent.frontends.control.user_transfer_routes import MigrationRoutes
from s3d.agent.s3.messages import BytesBody
from s3d.agent.transfers.store_migration import Migration
from s3d.shared.control import decode, encode
from s3d.shared.transfers import (
    Count,
    MigrateRequest,
    MigrationStatus,
    Totals,
    Transfer,
    TransferList,
    TransferRequest,
)
from tests.agent.frontends.control.served import served


@pytest.fixture
async def running(gate, places):
    """The engine of the gate's routes runs."""
    import asyncio
    from contextlib import suppress

    task = asyncio.get_running_loop().create_task(gate.transfers.run())
    yield gate
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_started_is_listed_before_the_pushes(running, tmp_path):
    await running.put("k")
    request = TransferRequest("download", "bbb", ["k"], to_path=str(tmp_path / "d"))
    started = await running.ask("POST", "/v1/transfers", TransferList, request)
    (one,) = started.transfers
    ended = await running.ask("GET", f"/v1/transfers/{one.id}?wait=20", Transfer)
    assert (ended.state, (tmp_path / "d/k").read_bytes()) == ("done", b"data")
    every = await running.ask("GET", "/v1/transfers", TransferList)
    assert [each.kind for each in every.transfers] == ["download", "push"]
    for query, kinds in (("kind=push", ["push"]), ("kind=download", ["download"]),
                         ("state=done", ["download"]), ("state=waiting", ["push"])):  # fmt: skip
        page = await running.ask("GET", f"/v1/transfers?{query}", TransferList)
        assert [each.kind for each in page.transfers] == kinds
    assert (await running.ask("POST", "/v1/transfers:clear", Count)).count == 1


@pytest.mark.finding("tui-9")
async def test_an_upload_that_has_ended_does_not_count_later_writes(running, tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    request = TransferRequest("upload", "bbb", paths=[str(tmp_path / "a")], to_prefix="up/")
    (one,) = (await running.ask("POST", "/v1/transfers", TransferList, request)).transfers
    ended = await running.ask("GET", f"/v1/transfers/{one.id}?wait=20", Transfer)
    assert (ended.state, ended.pending, ended.ended > 0) == ("done", Totals(1, 5), True)
    await running.put("up/a/below")
    later = await running.ask("GET", f"/v1/transfers/{one.id}", Transfer)
    assert later.pending == Totals(1, 5)


async def test_a_verb_has_to_fit(running, tmp_path):
    request = TransferRequest("download", "bbb", ["none"], to_path=str(tmp_path / "d"))
    started = await running.ask("POST", "/v1/transfers", TransferList, request)
    id = started.transfers[0].id
    failed = await running.ask("GET", f"/v1/transfers/{id}?wait=20", Transfer)
    assert (failed.state, failed.error.code) == ("failed", "NoSuchKey")
    for verb in ("pause", "resume", "priority", "export", "discard"):
        refused = await running.refused("POST", f"/v1/transfers/{id}:{verb}", {})
        assert refused == (409, "WrongState")
    again = await running.ask("POST", f"/v1/transfers/{id}:retry", Transfer)
    assert again.id == id
    again = await running.ask("GET", f"/v1/transfers/{id}?wait=20", Transfer)
    assert (again.state, again.attempts) == ("failed", 2)


@pytest.mark.parametrize(
    "body", [{}, {"kind": "x", "bucket": "bbb"}, {"kind": "delete", "bucket": "bbb", "odd": 1}]
)
async def test_what_is_asked_for_makes_sense(running, body):
    status, code = await running.refused("POST", "/v1/transfers", body)
    assert (status, code in ("InvalidRequest", "InvalidArgument")) == (400, True)


async def test_a_push_is_discarded_and_not_cancelled(running):
    id = await running.put("k")
    assert await running.refused("POST", f"/v1/transfers/{id}:cancel") == (409, "WrongState")


@pytest.fixture
async def moving(control, gate_places, tmp_path):
    """A control server with a migration from the store of `control` to one beside it."""
    from s3d.agent.app.embedded import open_embedded

    far = open_embedded(tmp_path / "far", ephemeral=True)

    @contextmanager
    def opened():
        yield control.stack.embedded.local

    migration = Migration(opened, far.local, maps=tmp_path / "maps")
    async with served(gate_places, MigrationRoutes(migration).routes()) as client:
        yield control, migration, client
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
    from s3d.agent.frontends.control.problems import ControlError

    for route in MigrationRoutes(None).routes()[::2]:
        with pytest.raises(ControlError, match="no remote"):
            await route.handler(None)
