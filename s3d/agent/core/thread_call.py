"""Calls in a thread that a cancellation waits for, for work on what the caller closes afterwards.

asyncio.to_thread() leaves its thread running when the caller is cancelled. A thread that works on a
file descriptor, a connection or a file would then use it while, or after, its owner closes it: the
number of a closed descriptor is that of the next file that is opened, by whomever.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def in_thread(
    work: Callable[[], T],
    *,
    on_cancel: Callable[[], object] = lambda: None,
    undo: Callable[[T], object] = lambda result: None,
) -> T:
    """The result of the work, which a thread does to its end before a cancellation is raised.

    on_cancel: called at once, to end long work early. undo: called with the result that nobody gets
    because of the cancellation, to close it.
    """
    call = partial(contextvars.copy_context().run, work)
    job = asyncio.get_running_loop().run_in_executor(None, call)
    try:
        await asyncio.wait([job])
    except asyncio.CancelledError:
        on_cancel()
        while not job.done():
            with suppress(asyncio.CancelledError):  # a second one: the first is raised below
                await asyncio.wait([job])
        if not job.cancelled() and job.exception() is None:
            undo(job.result())
        raise
    return job.result()
