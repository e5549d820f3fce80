"""Tasks that outlive the request that began them: fills and revalidations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from s3d.agent.core.supervise import consume_exception
from s3d.agent.s3.errors import S3Error

T = TypeVar("T")


class TaskScope:
    """Tasks of one TaskGroup; an error is raised only where the result is awaited."""

    def __init__(self) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self.is_open = False
        """Whether tasks are accepted."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Accept tasks; those that still run at the end are cancelled with the group."""
        async with asyncio.TaskGroup() as self._tasks:
            self.is_open = True
            try:
                yield
            finally:
                self._tasks, self.is_open = None, False

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Future[T]:
        """Start a task; the future gets its result or exception. Waiters have to shield it."""
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(consume_exception)
        if self._tasks is None:
            work.close()
            outcome.set_exception(_stopping())
        else:
            self._tasks.create_task(_settle(work, outcome), name=name)
        return outcome


async def _settle(work: Coroutine[Any, Any, T], outcome: asyncio.Future[T]) -> None:
    try:
        result = await work
    except asyncio.CancelledError:
        if not outcome.done():
            outcome.set_exception(_stopping())
        raise
    except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
        if not outcome.done():
            outcome.set_exception(error)
    else:
        if not outcome.done():
            outcome.set_result(result)


def _stopping() -> S3Error:
    return S3Error("ServiceUnavailable", "The agent is stopping.")
