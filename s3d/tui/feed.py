"""Keeps the State true: asks again and again, follows the events, comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import quote

from s3d.shared.caching import CacheList, PinList
from s3d.shared.control import AgentStatus, BucketList, Event, Hello
from s3d.shared.diagnostics import LogList, Samples
from s3d.shared.syncing import ConflictList, FolderList, HistoryList
from s3d.shared.transfers import TransferList
from s3d.tui.agent_client import Agent, AgentUnreachable, RequestRefused
from s3d.tui.app_state import State

PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds before each try to reach an agent that was lost."""
EVERY = 1.0
"""Seconds between two looks at what is shown."""
BUCKETS = 15.0
"""Seconds between two looks at the list of buckets, unless something was done."""
OFTEN = 0.2
"""Seconds between two looks at the transfers that run, while they are shown."""
GLANCE = 0.1
"""Seconds between two looks at whether there is an agent again."""


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
        self.on_event: Callable[[Event], None] = lambda event: None
        self._changed = changed
        self._wake = asyncio.Event()
        self._seen = float("-inf")
        """When the buckets were listed."""
        self._hurried = False

    def hurry(self) -> None:
        """Ask now: another pane is shown, or something was done."""
        self._hurried = True
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                self.state.connected(await self.agent.ask("GET", "/v1/hello", Hello), self._clock())
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow(), name="events")
                    group.create_task(self._look(), name="look")
            except* (AgentUnreachable, RequestRefused) as errors:
                await self._lost(str(errors.exceptions[0]))

    async def _lost(self, why: str) -> None:
        pause = PAUSES[min(self.state.tries, len(PAUSES) - 1)]
        now = self._clock()
        self.state.lost(why, now, now + pause)
        self._changed()
        self._wake.clear()
        await self._wait_for_agent(pause)

    async def _wait_for_agent(self, seconds: float) -> None:
        """So long, or until its socket is another one."""
        before = self.agent.stamp()
        for _ in range(max(1, round(seconds / GLANCE))):
            if await self._wait(min(GLANCE, seconds)) or self.agent.stamp() != before:
                return

    async def _wait(self, seconds: float) -> bool:
        """So long, or until hurry(): whether it was that."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _follow(self) -> None:
        async for event in self.agent.events():
            self.state.fresh = self._clock()
            self.state.happened(event)
            self.on_event(event)
            if event.kind not in ("hello", "heartbeat"):
                self._changed()

    async def _look(self) -> None:
        while True:
            await self.look()
            self._changed()
            steps = round(EVERY / OFTEN) if self.shown == "transfers" else 1
            for step in range(steps):
                if await self._wait(EVERY / steps):
                    break
                if step < steps - 1:
                    await self._glance()

    async def _glance(self) -> None:
        """How far the transfers are that run."""
        if any(each.state == "running" for each in self.state.transfers):
            path = "/v1/transfers?state=running&limit=200"
            found = await self.agent.ask("GET", path, TransferList)
            self.state.progressed(found.transfers)
            self._changed()

    async def look(self) -> None:
        """Ask once for what is shown. Raises Lost, Denied."""
        ask, state = self.agent.ask, self.state
        state.told(await ask("GET", "/v1/status", AgentStatus), self._clock())
        if state.is_recent:
            state.samples = await ask("GET", "/v1/samples", Samples)
        state.transfers = (await ask("GET", "/v1/transfers?limit=500", TransferList)).transfers
        looks = {
            "buckets": self._look_at_buckets, "cache": self._look_at_cache,
            "sync": self._look_at_folders, "logs": self._look_at_log,
        }  # fmt: skip
        state.folders = state.status.sync if state.status is not None else []
        if self.shown in looks:
            await looks[self.shown]()
        elif not state.buckets:
            await self._look_at_buckets()
        self._hurried = False

    async def _look_at_buckets(self) -> None:
        """Now and then: it is a request to the remote, which costs."""
        if self._clock() - self._seen < BUCKETS and not self._hurried:
            return
        self._seen = self._clock()
        self.state.buckets = (await self.agent.ask("GET", "/v1/buckets", BucketList)).buckets

    async def _look_at_cache(self) -> None:
        status, ask = self.state.status, self.agent.ask
        if status is not None and status.cache is not None and not status.cache.trouble:
            path = "/v1/cache/entries?limit=1000"
            self.state.entries = (await ask("GET", path, CacheList)).entries
            self.state.pins = (await ask("GET", "/v1/cache/pins", PinList)).pins

    async def _look_at_log(self) -> None:
        if not self.state.is_recent:
            return
        path = f"/v1/logs?since={self.state.log_seq}&limit=1000"
        found = await self.agent.ask("GET", path, LogList)
        self.state.logged(found.lines, found.seq)

    async def _look_at_folders(self) -> None:
        self.state.folders = (await self.agent.ask("GET", "/v1/sync", FolderList)).folders
        for folder in self.state.folders:
            place = f"/v1/sync/{quote(folder.name, safe='')}"
            found = await self.agent.ask("GET", f"{place}/history?limit=50", HistoryList)
            self.state.history[folder.name] = found.rows
            if folder.conflicts:
                listed = await self.agent.ask("GET", f"{place}/conflicts", ConflictList)
                self.state.conflicts[folder.name] = listed.conflicts
            else:
                self.state.conflicts.pop(folder.name, None)
