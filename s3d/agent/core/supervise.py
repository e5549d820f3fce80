"""Failures in the background: supervise() restarts a task that has failed, consume_exception()
drops an exception that nobody awaits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.events import Events

logger = logging.getLogger(__name__)

FIRST_DELAY = 1.0
MAX_DELAY = 60.0
"""Seconds before a restart. A run that was longer than MAX_DELAY resets the back-off."""


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], events: Events, *, delay: float = FIRST_DELAY
) -> None:
    """Run a task until it returns. When it raises, log it, emit agent.task_failed, and restart it
    after a delay that grows with each failure. delay: the first one, in seconds."""
    loop = asyncio.get_running_loop()
    backoff = Backoff(delay, MAX_DELAY)
    while True:
        started = loop.time()
        try:
            await run()
        except Exception as error:
            if loop.time() - started > MAX_DELAY:
                backoff.reset()
            wait = backoff.advance()
            logger.exception("background task failed task=%s restart_in=%.1f", name, wait)
            events.emit("agent.task_failed", name, error=str(error), restart_in=wait)
        else:
            return
        await asyncio.sleep(wait)


def consume_exception(outcome: asyncio.Future[Any]) -> None:
    """Mark the exception as retrieved, since nobody has to await the result: asyncio would log it.

    For add_done_callback().
    """
    if not outcome.cancelled():
        outcome.exception()
