"""When the app under test has nothing left to do.

Textual's pilot waits for that by sleeping: 20 ms, and again for as long as the process uses CPU. On
a busy machine that is either too long or not long enough. Here it is asked of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from textual._context import active_app

QUIET_ROUNDS = 3
"""Rounds of the event loop in which nothing was ready: messages are handed on round by round."""
NAP = 0.001
"""Seconds between two looks at threads that work for the app."""


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return when no callback is ready, no thread works, and the screen is up to date.

    It takes the place of textual._wait.wait_for_idle. Timers and sockets are not waited for.
    """
    loop, app, patience = asyncio.get_running_loop(), active_app.get(None), Patience(max_sleep)
    while patience.is_left:
        await _no_callback_is_ready(loop, patience)
        if _a_thread_works(loop):
            await patience.nap()
        elif app is None or not _bring_up_to_date(app):
            return


class Patience:
    """Seconds that this process works or naps; those in which a busy machine does not let it run
    are not counted."""

    def __init__(self, seconds: float) -> None:
        self._end = time.process_time() + seconds

    @property
    def is_left(self) -> bool:
        return time.process_time() < self._end

    async def nap(self) -> None:
        await asyncio.sleep(NAP)
        self._end -= NAP


async def _no_callback_is_ready(loop: Any, patience: Patience) -> None:
    quiet = 0
    while quiet < QUIET_ROUNDS and patience.is_left:
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1


def _a_thread_works(loop: Any) -> bool:
    """asyncio.to_thread() has not come to its end."""
    executor: ThreadPoolExecutor | None = loop._default_executor
    return executor is not None and executor._idle_semaphore._value < len(executor._threads)  # type: ignore[attr-defined]


def _bring_up_to_date(app: Any) -> bool:
    """Do at once what the app has set a timer for, until the next frame; whether there was any."""
    if not app._screen_stack or app._batch_count:
        return False
    if app._resize_timer is not None:
        app._check_resize()
        return True
    screen = app.screen
    is_outdated = screen.is_current and bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
    if is_outdated:
        screen._on_timer_update()
    return is_outdated
