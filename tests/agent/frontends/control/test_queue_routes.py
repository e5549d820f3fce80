import asyncio
import time

import pytest

from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.queue_routes import QueueRoutes
from s3d.shared.transfers import (
    Bandwidth,
    BandwidthStatus,
    Count,
    DrainRequest,
    QueueChanges,
    QueueStatus,
    Totals,
)
from tests.agent.stores.write_queue.rig import DENIED, SLOW_DOWN, unreachable


async def drain(gate, timeout, *, hurry=True):
    return await gate.ask("POST", "/v1/queue:drain", QueueStatus, DrainRequest(timeout, hurry))


async def test_drain_waits_until_the_remote_has_all(gate):
    for number in range(20):
        await gate.put(f"k{number}")
    gate.rig.start()
    status = await drain(gate, 10.0)
    assert status.left == Totals()
    listed = await gate.rig.there("ListObjectsV2", Bucket="bbb")
    assert len(listed["Contents"]) == 20


async def test_drain_comes_back_after_its_time_with_what_is_left(gate):
    gate.rig.remote.gate.clear()
    await gate.put("k", b"12345")
    gate.rig.start()
    assert (await drain(gate, 0.05)).moving == Totals(1, 5)
    gate.rig.remote.gate.set()


async def test_drain_tries_at_once_what_is_delayed(gate):
    gate.rig.remote.fail("PutObject", SLOW_DOWN)
    await gate.put("k")
    gate.rig.start()
    write = await gate.rig.back()
    write.retry_at += 3600
    assert (await drain(gate, 10.0)).left == Totals()


async def test_drain_says_that_the_remote_is_away(gate):
    gate.rig.remote.fail("", unreachable(), 1_000)
    for number in range(8):
        await gate.put(f"k{number}")
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.remote_gate.trouble)
    status = await drain(gate, 0.05)
    assert (status.trouble, status.moving.files) == ("remote unreachable", 8)


@pytest.mark.finding("tui-18")
async def test_the_next_check_is_known_and_a_retry_checks_at_once(gate):
    gate.rig.remote.fail("", unreachable(), 1_000)
    for number in range(8):
        await gate.put(f"k{number}")
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.remote_gate.trouble)
    status = await gate.ask("GET", "/v1/queue", QueueStatus)
    assert status.next_check > time.time() - 1
    assert (status.rate, status.remaining) == (0.0, None)
    gate.rig.remote.troubles.clear()
    await gate.ask("POST", "/v1/queue:retry", Count)
    status = await gate.ask("GET", "/v1/queue", QueueStatus)
    assert (status.trouble, status.next_check) == ("", None)
    await gate.rig.pushed()


async def test_drain_does_not_wait_for_what_does_not_move(gate):
    transfer = await gate.put("k")
    await gate.rig.journal.control.hold(int(transfer))
    gate.rig.start()
    status = await drain(gate, 10.0)
    assert (status.held.files, status.moving.files) == (1, 0)


async def test_drain_does_not_wait_for_what_waits_behind_a_parked_write(gate):
    gate.rig.remote.fail("PutObject", DENIED)
    first = await gate.put("k")
    gate.rig.start()
    await gate.rig.parked()
    second = await gate.put("k")
    assert first != second
    async with asyncio.timeout(5.0):
        status = await drain(gate, 30.0)
    assert (status.failed.files, status.waiting.files, status.blocked.files) == (1, 1, 1)
    assert (status.moving.files, status.left.files) == (0, 2)


@pytest.mark.parametrize("timeout", [-1.0, 31.0])
async def test_drain_waits_no_longer_than_clients_do(gate, timeout):
    refused = await gate.refused("POST", "/v1/queue:drain", DrainRequest(timeout))
    assert refused == (400, "InvalidArgument")


async def test_a_paused_queue_pushes_nothing(gate):
    assert (await gate.ask("POST", "/v1/queue:pause", QueueStatus)).paused
    gate.rig.start()
    await gate.put("k")
    async with asyncio.timeout(5.0):
        assert (await drain(gate, 30.0)).waiting.files == 1
    assert not (await gate.ask("POST", "/v1/queue:resume", QueueStatus)).paused
    assert (await drain(gate, 10.0)).left == Totals()


async def test_all_that_failed_is_tried_again(gate):
    gate.rig.remote.fail("PutObject", DENIED)
    await gate.put("k")
    gate.rig.start()
    await gate.rig.parked()
    assert await gate.ask("POST", "/v1/queue:retry?bucket=other", Count) == Count(0)
    assert await gate.ask("POST", "/v1/queue:retry", Count) == Count(1)
    await gate.rig.pushed()


async def test_limits_are_changed_one_by_one(gate):
    changes = QueueChanges(max_files=5, max_age=60.0, when_full="reject")
    limits = (await gate.ask("PATCH", "/v1/queue", QueueStatus, changes)).limits
    assert (limits.max_files, limits.max_age, limits.when_full) == (5, 60.0, "reject")
    assert limits.max_size == 10 << 30
    limits = (await gate.ask("PATCH", "/v1/queue", QueueStatus, QueueChanges(max_age=None))).limits
    assert (limits.max_files, limits.max_age, limits.when_full) == (5, None, "reject")


@pytest.mark.parametrize(
    "changes", [QueueChanges(max_size=0), QueueChanges(max_age=-1.0), QueueChanges(when_full="no")]
)
async def test_a_limit_makes_sense(gate, changes):
    assert await gate.refused("PATCH", "/v1/queue", changes) == (400, "InvalidArgument")


async def test_the_bandwidth_is_shown_and_set(gate):
    assert (await gate.ask("GET", "/v1/bandwidth", BandwidthStatus)).timetable == "off"
    status = await gate.ask("PUT", "/v1/bandwidth", BandwidthStatus, Bandwidth("2MiB"))
    assert (status.timetable, status.limit) == ("2MiB", 2 << 20)
    assert gate.queue.throttle.rate == 2 << 20
    refused = await gate.refused("PUT", "/v1/bandwidth", Bandwidth("fast"))
    assert refused == (400, "InvalidArgument")


async def test_without_a_queue_each_call_is_refused():
    for route in QueueRoutes(None).routes():
        if route.method == "GET":
            with pytest.raises(ControlError, match="no write queue"):
                await route.handler(None)


@pytest.mark.finding("D15")
async def test_drain_looks_for_a_remote_that_is_away_again_and_again(gate, monkeypatch):
    monkeypatch.setattr("s3d.agent.frontends.control.queue_routes.PROBE_EVERY", 0.01)
    gate.rig.remote.fail("", unreachable(), 10)
    for number in range(8):
        await gate.put(f"k{number}")
    gate.rig.start()
    await gate.rig.until(lambda: gate.rig.remote_gate.trouble)
    assert (await drain(gate, 10.0)).left == Totals()
    assert gate.rig.time.passed == 0
