from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from s3d.agent.core.thread_call import in_thread

VALUE: contextvars.ContextVar[str] = contextvars.ContextVar("value")


class Work:
    """Runs in a thread until end is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.end = threading.Event()
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._begun = asyncio.Event()
        self._error = error

    async def begun(self) -> None:
        await self._begun.wait()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self._begun.set)
        self.end.wait()
        self.is_over = True
        if self._error is not None:
            raise self._error
        return "result"


async def passes_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_result_and_the_error_are_those_of_the_work():
    VALUE.set("mine")
    assert await in_thread(VALUE.get) == "mine"
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(lambda: int("x"))


@asynccontextmanager
async def cancelled(
    work: Work, on_cancel: Callable[[], object] = lambda: None
) -> AsyncIterator[tuple[asyncio.Task[str], list[str]]]:
    """A call that is cancelled in the block, which must see to the end of the work; and what was
    undone."""
    undone = list[str]()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(in_thread(work, on_cancel=on_cancel, undo=undone.append))
        await work.begun()
        task.cancel()
        yield task, undone
    assert task.cancelled()
    assert work.is_over


@pytest.mark.parametrize("times", [0, 1])
async def test_a_cancellation_waits_until_the_thread_has_ended(times: int):
    work = Work()
    async with cancelled(work) as (task, undone):
        for _ in range(times):
            await passes_turns()
            task.cancel()
        await passes_turns()
        assert not task.done()
        work.end.set()
    assert undone == ["result"]


async def test_long_work_ends_early():
    work = Work()
    async with cancelled(work, work.end.set):
        pass


async def test_an_error_after_the_cancellation_has_nothing_to_undo():
    work = Work(OSError("late"))
    async with cancelled(work, work.end.set) as (_, undone):
        pass
    assert undone == []
