"""Keep a part of the agent running that the rest can do without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from s3d.agent.core.events import Events

logger = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds before a restart; doubled each time, and begun again after a run that was longer."""


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], events: Events, *, pause: float = FIRST_PAUSE
) -> None:
    """Run it until it ends by itself; when it fails, log, tell, wait and run it again."""
    loop = asyncio.get_running_loop()
    wait = pause
    while True:
        began = loop.time()
        try:
            await run()
        except Exception as error:
            logger.exception("background task failed task=%s restart_in=%.1f", name, wait)
            events.emit("agent.task_failed", name, error=str(error), restart_in=wait)
        else:
            return
        if loop.time() - began > LONGEST_PAUSE:
            wait = pause
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_PAUSE)
