"""Transfers through the control API, before a queue."""

import pytest

from s3d.shared.transfers import Count, Transfer, TransferList, TransferRequest


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
