import pytest

from s3d.shared.control import Problem, decode
from s3d.shared.transfers import (
    Count,
    DrainRequest,
    PriorityRequest,
    QueueStatus,
    RetryRequest,
    Totals,
    Transfer,
    TransferList,
)
from tests.agent.stores.write_queue.rig import DENIED, MIB


async def listed(gate, query="") -> list[str]:
    page = await gate.ask("GET", f"/v1/transfers{query}", TransferList)
    return [transfer.key for transfer in page.transfers]


async def test_what_is_pending_is_listed_oldest_first(gate):
    for key in ("b", "a/1", "a/2"):
        await gate.put(key)
    assert await listed(gate) == ["b", "a/1", "a/2"]
    assert await listed(gate, "?bucket=bbb&prefix=a/") == ["a/1", "a/2"]
    assert await listed(gate, "?bucket=bbb&key=a/2") == ["a/2"]
    assert await listed(gate, "?bucket=other") == []
    assert await listed(gate, "?kind=fill") == []


async def test_a_list_comes_in_pages(gate):
    keys = [f"k{number}" for number in range(5)]
    for key in keys:
        await gate.put(key)
    found, cursor = [], ""
    while True:
        path = f"/v1/transfers?limit=2&cursor={cursor}"
        page = await gate.ask("GET", path, TransferList)
        found += [transfer.key for transfer in page.transfers]
        cursor = page.cursor
        if not cursor:
            break
    assert found == keys


async def test_a_list_of_one_state(gate):
    held = await gate.put("held")
    await gate.put("free")
    await gate.ask("POST", f"/v1/transfers/{held}:pause", Transfer)
    assert await listed(gate, "?state=held") == ["held"]
    assert await listed(gate, "?state=waiting") == ["free"]


@pytest.mark.parametrize(
    "query", ["state=pushing", "cursor=x", "limit=0", "prefix=a", "key=a", "filter=a"]
)
async def test_a_query_makes_sense(gate, query):
    assert await gate.refused("GET", f"/v1/transfers?{query}") == (400, "InvalidArgument")


@pytest.mark.parametrize("name", ["99", "x", "1.5", "9" * 30])
async def test_what_is_not_pending_is_404(gate, name):
    for method, verb in (("GET", ""), ("POST", ":retry"), ("POST", ":export")):
        refused = await gate.refused(method, f"/v1/transfers/{name}{verb}", RetryRequest())
        assert refused == (404, "NoSuchTransfer")


async def test_a_write_that_is_held_goes_when_it_is_let_go(gate):
    transfer = await gate.put("k")
    assert (await gate.ask("POST", f"/v1/transfers/{transfer}:pause", Transfer)).state == "held"
    gate.rig.start()
    assert await gate.refused("POST", f"/v1/transfers/{transfer}:retry", RetryRequest()) == (
        409,
        "WrongState",
    )
    await gate.ask("POST", f"/v1/transfers/{transfer}:resume", Transfer)
    await gate.rig.pushed()


async def failed(gate, data=b"data") -> str:
    gate.rig.remote.fail("PutObject", DENIED)
    transfer = await gate.put("k", data)
    gate.rig.start()
    await gate.rig.parked()
    return transfer


async def test_a_write_that_failed_says_why(gate):
    transfer = await gate.ask("GET", f"/v1/transfers/{await failed(gate)}", Transfer)
    assert (transfer.state, transfer.attempts) == ("failed", 1)
    assert (transfer.error.code, transfer.error.request_id) == ("AccessDenied", "REQUEST1")
    assert transfer.error.status == 403


async def test_a_write_that_failed_is_tried_again(gate):
    transfer = await failed(gate)
    await gate.ask("POST", f"/v1/transfers/{transfer}:retry", Transfer, RetryRequest())
    await gate.rig.pushed()
    assert (await gate.rig.there("GetObject", Bucket="bbb", Key="k")).body == b"data"


async def test_a_write_that_failed_goes_to_another_key(gate):
    transfer = await failed(gate)
    renamed = await gate.ask(
        "POST", f"/v1/transfers/{transfer}:retry", Transfer, RetryRequest("other")
    )
    assert (renamed.key, renamed.id != transfer) == ("other", True)
    await gate.rig.pushed()
    assert (await gate.rig.there("GetObject", Bucket="bbb", Key="other")).body == b"data"
    await gate.rig.there.refused("NoSuchKey", "GetObject", Bucket="bbb", Key="k")


async def test_the_other_key_is_one(gate):
    transfer = await gate.put("k")
    for key in ("../x", "k" * 1025):
        path = f"/v1/transfers/{transfer}:retry"
        assert (await gate.refused("POST", path, RetryRequest(key)))[0] == 400


async def test_the_bytes_of_a_write_can_be_had(gate):
    data = bytes(range(256)) * 5000
    transfer = await failed(gate, data)
    async with gate.client.post(f"/v1/transfers/{transfer}:export") as response:
        assert response.content_length == len(data)
        assert await response.read() == data


async def test_a_delete_has_no_bytes(gate):
    await gate.rig.journal.recorder.delete("bbb", ["k"])
    assert await gate.refused("POST", "/v1/transfers/1:export") == (409, "WrongState")
    assert await gate.refused("POST", "/v1/transfers/1:retry", RetryRequest("x")) == (
        409,
        "WrongState",
    )


async def test_what_is_discarded_is_gone(gate):
    transfer = await failed(gate)
    async with gate.client.post(f"/v1/transfers/{transfer}:discard") as response:
        assert response.status == 204
    assert gate.rig.journal.totals().files == 0
    assert await gate.refused("GET", f"/v1/transfers/{transfer}") == (404, "NoSuchTransfer")


async def test_what_is_on_its_way_is_not_discarded(gate):
    gate.rig.remote.gate.clear()
    transfer = await gate.put("k")
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.remote.calls)
    assert await gate.refused("POST", f"/v1/transfers/{transfer}:discard") == (409, "WrongState")
    gate.rig.remote.gate.set()


async def test_who_has_priority_goes_first(gate):
    for key in ("a", "b", "c"):
        last = await gate.put(key)
    path = f"/v1/transfers/{last}:priority"
    assert (await gate.ask("POST", path, Transfer, PriorityRequest(5))).priority == 5
    gate.rig.start()
    await gate.rig.pushed()
    assert gate.rig.remote.of("PutObject")[0]["Key"] == "c"
    assert (await gate.refused("POST", path, PriorityRequest(5)))[0] == 404


async def test_a_priority_has_its_bounds(gate):
    transfer = await gate.put("a")
    path = f"/v1/transfers/{transfer}:priority"
    assert (await gate.refused("POST", path, PriorityRequest(1001)))[0] == 400


async def conflict(gate, key: str = "k") -> str:
    """A write that somebody else has overtaken; its id."""
    number = await gate.put(key, b"ours")
    gate.rig.time.advance(10)
    await gate.rig.there.put("bbb", key, b"theirs")
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.journal.conflicts.get(int(number)) is not None)
    return number


@pytest.mark.finding("S5")
async def test_a_conflict_is_listed_apart_with_both_etags(gate):
    number = await conflict(gate)
    theirs = await gate.rig.there("HeadObject", Bucket="bbb", Key="k")
    assert await listed(gate, "?state=conflict") == ["k"]
    assert await listed(gate, "?bucket=bbb&key=k") == ["k"]
    assert await listed(gate, "?state=failed") == []
    shown = await gate.ask("GET", f"/v1/transfers/{number}", Transfer)
    assert (shown.state, shown.remote_etag) == ("conflict", theirs["ETag"])
    assert shown.etag
    assert shown.etag != shown.remote_etag
    status = await gate.ask("GET", "/v1/queue", QueueStatus)
    assert (status.conflict, status.left) == (Totals(1, 4), Totals())
    drained = await gate.ask("POST", "/v1/queue:drain", QueueStatus, DrainRequest(5))
    assert drained.conflict.files == 1


@pytest.mark.finding("S5")
async def test_a_conflict_is_pushed_only_by_force(gate):
    number = await conflict(gate)
    path = f"/v1/transfers/{number}:retry"
    assert await gate.refused("POST", path, RetryRequest()) == (409, "WrongState")
    assert (await gate.ask("POST", "/v1/queue:retry", Count)).count == 0
    forced = await gate.ask("POST", path, Transfer, RetryRequest(force=True))
    assert forced.id != number
    await gate.rig.pushed()
    assert await gate.rig.there.read("bbb", "k") == b"ours"


@pytest.mark.finding("S5")
async def test_a_conflict_goes_to_another_key(gate):
    number = await conflict(gate)
    path = f"/v1/transfers/{number}:retry"
    moved = await gate.ask("POST", path, Transfer, RetryRequest("mine"))
    assert moved.key == "mine"
    await gate.rig.pushed()
    assert await gate.rig.there.read("bbb", "mine") == b"ours"
    assert await gate.rig.there.read("bbb", "k") == b"theirs"


@pytest.mark.finding("S5")
async def test_a_conflict_is_exported_and_discarded(gate):
    number = await conflict(gate)
    async with gate.client.post(f"/v1/transfers/{number}:export") as response:
        assert await response.read() == b"ours"
    async with gate.client.post(f"/v1/transfers/{number}:discard") as response:
        assert response.status == 204
    assert await listed(gate, "?state=conflict") == []


@pytest.mark.finding("A1")
@pytest.mark.finding("A2")
async def test_a_retry_that_would_replace_a_newer_pending_write_is_refused(gate):
    number = await conflict(gate)
    await gate.rig.stop()
    newest = [await gate.put(key, b"newest") for key in ("k", "other")]
    path = f"/v1/transfers/{number}:retry"
    for body in (RetryRequest(force=True), RetryRequest("other")):
        assert await gate.refused("POST", path, body) == (409, "WrongState")
    path = f"/v1/transfers/{newest[0]}:retry"
    assert await gate.refused("POST", path, RetryRequest("other")) == (409, "WrongState")
    page = await gate.ask("GET", "/v1/transfers", TransferList)
    assert [each.id for each in page.transfers] == [number, *newest]


async def actions(gate, transfer: str) -> set[str]:
    shown = await gate.ask("GET", f"/v1/transfers/{transfer}", Transfer)
    return set(shown.actions)


@pytest.mark.finding("tui-5")
async def test_a_transfer_names_the_actions_that_it_allows(gate):
    transfer = await gate.put("k")
    assert await actions(gate, transfer) == {"retry", "pause", "discard", "export", "priority"}
    paused = await gate.ask("POST", f"/v1/transfers/{transfer}:pause", Transfer)
    assert set(paused.actions) == {"resume", "discard", "export", "priority"}
    await gate.ask("POST", f"/v1/transfers/{transfer}:resume", Transfer)
    gate.rig.remote.gate.clear()
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.remote.calls)
    assert await actions(gate, transfer) == {"export"}
    for verb in ("pause", "discard"):
        async with gate.client.post(f"/v1/transfers/{transfer}:{verb}") as response:
            problem = decode(await response.read(), Problem)
        assert problem.title == f"cannot {verb} a write that is being uploaded"
        assert "single request" in problem.hint
    gate.rig.remote.gate.set()


@pytest.mark.finding("tui-5")
async def test_a_running_multipart_upload_says_that_it_is_stopping(gate):
    remote = gate.rig.remote

    def stop_at_the_part() -> None:
        if remote.names()[-1] == "UploadPart":
            remote.gate.clear()

    remote.on_call.append(stop_at_the_part)
    await gate.rig.put_parts("k", 5 * MIB, 1)
    gate.rig.start()
    await gate.rig.until(lambda: not remote.gate.is_set())
    (transfer,) = [str(write.seq) for write in gate.rig.journal.pending]
    path = f"/v1/transfers/{transfer}"
    assert await actions(gate, transfer) == {"export", "pause", "discard"}
    paused = await gate.ask("POST", f"{path}:pause", Transfer)
    assert (paused.state, paused.stopping) == ("running", "pause")
    assert set(paused.actions) == {"export", "resume", "discard"}
    resumed = await gate.ask("POST", f"{path}:resume", Transfer)
    assert (resumed.state, resumed.stopping) == ("running", "")
    async with gate.client.post(f"{path}:discard") as response:
        assert response.status == 204
    discarded = await gate.ask("GET", path, Transfer)
    assert (discarded.stopping, discarded.actions) == ("discard", ["export"])
    remote.on_call.remove(stop_at_the_part)
    remote.gate.set()
    await gate.rig.pushed()
    assert await gate.refused("GET", path) == (404, "NoSuchTransfer")
