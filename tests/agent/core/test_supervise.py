import asyncio
import gc
import logging

import pytest

from s3d.agent.core.events import Events
from s3d.agent.core.supervise import consume_exception, supervise


async def test_a_task_that_fails_is_reported_and_restarted(caplog):
    events, runs = Events(), 0

    async def part() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise OSError("no luck")

    with events.subscribe() as subscription, caplog.at_level(logging.ERROR):
        await supervise("sweep", part, events, delay=0.001)
        (event,) = await subscription.take()
    assert runs == 3
    assert (event.kind, event.subject) == ("agent.task_failed", "sweep")
    assert event.data == {"error": "no luck", "restart_in": 0.002}
    assert "task=sweep" in caplog.text


async def test_a_task_can_be_cancelled_and_is_not_run_again():
    started = asyncio.Event()

    async def part() -> None:
        started.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(supervise("part", part, Events(), delay=0.001))
        await started.wait()
        task.cancel()
    assert task.cancelled()


async def test_a_bug_that_is_no_exception_is_not_swallowed():
    async def part() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await supervise("part", part, Events())


async def test_an_exception_that_nobody_awaits_is_not_logged(caplog):
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.add_done_callback(consume_exception)
    failed.set_exception(ValueError("nobody has to know"))
    await asyncio.sleep(0)
    del failed
    gc.collect()
    assert caplog.records == []
