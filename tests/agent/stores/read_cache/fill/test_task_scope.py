"""Work that nobody has to wait for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.fill.task_scope import TaskScope


async def number(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def failing() -> None:
    raise ValueError("no")


async def test_what_comes_of_it_is_told_to_all_who_wait():
    tasks = TaskScope()
    with suppress(asyncio.CancelledError):
        async with tasks.open():
            outcome = tasks.spawn(number(7), "seven")
            assert await asyncio.shield(outcome) == await asyncio.shield(outcome) == 7
            with pytest.raises(ValueError, match="no"):
                await tasks.spawn(failing(), "fails")
            assert await tasks.spawn(number(8), "goes on") == 8
    assert not tasks.is_open


async def test_an_error_that_nobody_waits_for_disturbs_nobody():
    tasks = TaskScope()
    async with tasks.open():
        tasks.spawn(failing(), "fails")
        assert await tasks.spawn(number(1), "one") == 1


async def test_at_the_end_who_waits_is_told_so():
    tasks = TaskScope()

    async def life() -> None:
        async with tasks.open():
            await asyncio.Event().wait()

    living = asyncio.get_running_loop().create_task(life())
    await asyncio.sleep(0)
    outcome = tasks.spawn(asyncio.Event().wait(), "for ever")
    await asyncio.sleep(0)
    living.cancel()
    with pytest.raises(S3Error, match="is stopping"):
        await outcome
    with suppress(asyncio.CancelledError):
        await living
    with pytest.raises(S3Error, match="is stopping"):
        await tasks.spawn(number(1), "too late")
