"""What the callbacks of the event loop cost, for the budgets of the loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

LONGEST = 0.02
"""Seconds of CPU that one callback may take."""


def measure_callbacks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """Seconds of CPU and the task of each callback of the loop, from now on."""
    spent: list[tuple[float, str]] = []
    run = asyncio.events.Handle._run

    def measured(handle: Any) -> None:
        begun = time.thread_time()
        run(handle)
        seconds = time.thread_time() - begun
        task = getattr(handle._callback, "__self__", None)
        spent.append((seconds, task.get_name() if isinstance(task, asyncio.Task) else repr(handle)))

    monkeypatch.setattr(asyncio.events.Handle, "_run", measured)
    return spent
