"""What the callbacks of the event loop cost, for the budgets of the loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

LONGEST = 0.02
"""Seconds of CPU that one callback may take."""
NAMED = LONGEST / 10
"""Seconds from which a callback is named: to name each of a million would cost more than they."""


def measure_callbacks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """Seconds of CPU and the task of each callback of the loop, from now on."""
    spent: list[tuple[float, str]] = []
    run = asyncio.events.Handle._run

    def measured(handle: Any) -> None:
        begun = time.thread_time()
        run(handle)
        seconds = time.thread_time() - begun
        spent.append((seconds, _name(handle) if seconds > NAMED else ""))

    monkeypatch.setattr(asyncio.events.Handle, "_run", measured)
    return spent


def _name(handle: Any) -> str:
    task = getattr(handle._callback, "__self__", None)
    return task.get_name() if isinstance(task, asyncio.Task) else repr(handle)
