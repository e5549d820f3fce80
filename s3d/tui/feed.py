"""Keeps the State true: asks again and again, follows the events, comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

from s3d.shared.caching import CacheList, PinList
from s3d.shared.control import AgentStatus, BucketList, Hello
from s3d.shared.syncing import ConflictList, FolderList, HistoryList
from s3d.shared.transfers import TransferList
from s3d.tui.client import Agent, Denied, Lost
from s3d.tui.state import State

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds before each try to reach an agent that was lost."""
EVERY = 1.0
"""Seconds between two looks at what is shown."""


class Feed:
    """Run run() as long as the app does. changed() is called whenever the State is another one."""

    def __init__(
        self,
        agent: Agent,
        state: State,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.agent, self.state, self._clock = agent, state, clock
        self.shown = "dashboard"
        """The pane that is looked at: what it shows is asked for."""
        self._changed = changed
        self._wake = asyncio.Event()

    def hurry(self) -> None:
        """Ask now: another pane is shown, or something was done."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self.state.connected(await self.agent.ask("GET", "/v1/hello", Hello), self._clock())
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow(), name="events")
                    group.create_task(self._look(), name="look")
            except* (Lost, Denied) as errors:
                await self._lost(str(errors.exceptions[0]))

    async def _lost(self, why: str) -> None:
        pause = PAUSES[min(self.state.tries, len(PAUSES) - 1)]
        now = self._clock()
        self.state.lost(why, now, now + pause)
        self._changed()
        self._wake.clear()
        await self._wait(pause)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _follow(self) -> None:
        async for event in self.agent.events():
            self.state.fresh = self._clock()
            self.state.happened(event)
            if event.kind not in ("hello", "heartbeat"):
                self._changed()

    async def _look(self) -> None:
        while True:
            await self.look()
            self._changed()
            await self._wait(EVERY)

    async def look(self) -> None:
        """Ask once for what is shown. Raises Lost, Denied."""
        ask, state = self.agent.ask, self.state
        state.told(await ask("GET", "/v1/status", AgentStatus), self._clock())
        state.folders = (await ask("GET", "/v1/sync", FolderList)).folders
        assert state.status is not None
        if state.status.queue is not None:
            path = "/v1/transfers?limit=500"
            state.transfers = (await ask("GET", path, TransferList)).transfers
        if self.shown == "cache" and state.status.cache is not None:
            path = "/v1/cache/entries?limit=1000"
            state.entries = (await ask("GET", path, CacheList)).entries
            state.pins = (await ask("GET", "/v1/cache/pins", PinList)).pins
        elif self.shown == "buckets":
            state.buckets = (await ask("GET", "/v1/buckets", BucketList)).buckets
        elif self.shown == "sync":
            await self._look_at_folders()

    async def _look_at_folders(self) -> None:
        for folder in self.state.folders:
            place = f"/v1/sync/{quote(folder.name, safe='')}"
            found = await self.agent.ask("GET", f"{place}/history?limit=50", HistoryList)
            self.state.history[folder.name] = found.rows
            if folder.conflicts:
                listed = await self.agent.ask("GET", f"{place}/conflicts", ConflictList)
                self.state.conflicts[folder.name] = listed.conflicts
            else:
                self.state.conflicts.pop(folder.name, None)
