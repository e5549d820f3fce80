"""The threads of an event loop, whose work begins when a test says so: each order is forced."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class GatedThreads(ThreadPoolExecutor):
    """Of the running loop from now on. Open at first."""

    def __init__(self) -> None:
        super().__init__(max_workers=4)
        self._gate = threading.Event()
        self._gate.set()
        self._held = asyncio.Event()
        asyncio.get_running_loop().set_default_executor(self)

    def shut(self) -> None:
        """Work that is asked for from now on does not begin."""
        self._gate.clear()
        self._held.clear()

    async def held(self) -> None:
        """Wait until some work is held back."""
        await self._held.wait()

    def open(self) -> None:
        """Begin all of it."""
        self._gate.set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def work() -> Any:
            self._gate.wait()
            return fn(*args, **kwargs)

        if not self._gate.is_set():
            self._held.set()
        return super().submit(work)


class ThreadsAtOnce(ThreadPoolExecutor):
    """Of the running loop from now on: its work is done before the loop runs another callback."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        asyncio.get_running_loop().set_default_executor(self)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done = super().submit(fn, *args, **kwargs)
        done.exception()
        return done


async def cancel_while_held(threads: GatedThreads, task: asyncio.Task[Any]) -> bool:
    """Cancel a task that waits for work that is held back; whether the task ends before the work
    has begun."""
    await threads.held()
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    return task.done()
