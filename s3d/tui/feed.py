"""Keeps the State current: polls the agent, follows its events, and reconnects by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from s3d.shared.caching import PinList
from s3d.shared.control import AgentStatus, BucketList, Event, Hello
from s3d.shared.diagnostics import LogList, Samples
from s3d.shared.syncing import ConflictList, FolderList, HistoryList
from s3d.shared.transfers import Transfer, TransferList
from s3d.tui.agent_client import Agent, AgentUnreachable, RequestRefused
from s3d.tui.app_state import State
from s3d.tui.cache_feed import CacheFeed
from s3d.tui.control_paths import folder_path

RETRY_DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds before each try to reach a lost agent; the last one repeats."""
POLL_INTERVAL = 1.0
"""Seconds between two polls of what is shown."""
BUCKETS_INTERVAL = 15.0
"""Seconds between two lists of the buckets, unless an action requests one: each is a request to the
remote, which costs."""
TRANSFERS_INTERVAL = 0.2
"""Seconds between two polls of the running transfers, while their tab is shown."""
FIRST_PAGE = 500
"""Transfers that are read in one request."""
SOCKET_INTERVAL = 0.1
"""Seconds between two checks for the socket of an agent that was lost."""


class Feed:
    """changed: called when the State has changed. on_event: called with each event of the agent."""

    def __init__(
        self,
        agent: Agent,
        state: State,
        *,
        changed: Callable[[], None],
        on_event: Callable[[Event], None] = lambda event: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.agent, self.state, self._clock = agent, state, clock
        self.tab = "dashboard"
        """Name of the tab that is shown: only its data is polled."""
        self._changed, self._on_event = changed, on_event
        self._wake = asyncio.Event()
        self._buckets_at = float("-inf")
        """When the buckets were listed."""
        self._is_urgent = False
        self.cache = CacheFeed(agent, state, self.poll_now)

    def poll_now(self) -> None:
        """Poll without waiting: another tab is shown, or an action has changed something."""
        self._is_urgent = True
        self._wake.set()

    async def run(self) -> None:
        """Connect, follow and reconnect until cancelled."""
        while True:
            try:
                hello = await self.agent.call("GET", "/v1/hello", Hello)
                self.state.mark_connected(hello, self._clock())
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._follow_events(), name="events")
                    group.create_task(self._poll_forever(), name="poll")
            except* (AgentUnreachable, RequestRefused) as errors:
                await self._wait_to_reconnect(str(errors.exceptions[0]))

    async def _wait_to_reconnect(self, error: str) -> None:
        """Wait for the next try, or until poll_now() is called or the socket has changed."""
        connection = self.state.connection
        delay = RETRY_DELAYS[min(connection.tries, len(RETRY_DELAYS) - 1)]
        now = self._clock()
        connection.mark_lost(error, now, now + delay)
        self._changed()
        self._wake.clear()
        before = self.agent.instance_id()
        for _ in range(max(1, round(delay / SOCKET_INTERVAL))):
            is_woken = await self._wait(min(SOCKET_INTERVAL, delay))
            if is_woken or self.agent.instance_id() != before:
                return

    async def _wait(self, seconds: float) -> bool:
        """Wait at most so long for poll_now(); whether it was called."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _follow_events(self) -> None:
        async for event in self.agent.events():
            self.state.connection.answered_at = self._clock()
            self.state.add_event(event)
            self._on_event(event)
            if event.kind not in ("hello", "heartbeat"):
                self._changed()

    async def _poll_forever(self) -> None:
        while True:
            await self.poll()
            self._changed()
            steps = round(POLL_INTERVAL / TRANSFERS_INTERVAL) if self.tab == "transfers" else 1
            for step in range(steps):
                if await self._wait(POLL_INTERVAL / steps):
                    break
                if step < steps - 1:
                    await self._poll_running_transfers()

    async def _poll_running_transfers(self) -> None:
        if any(each.state == "running" for each in self.state.transfers):
            path = "/v1/transfers?state=running&limit=200"
            running = await self.agent.call("GET", path, TransferList)
            self.state.update_transfers(running.transfers)
            self._changed()

    async def _poll_transfers(self) -> None:
        """The jobs and the oldest writes, and beyond those the running and the failed ones."""
        every: dict[str, Transfer] = {}
        for query in (f"limit={FIRST_PAGE}", "state=running&limit=200", "state=failed&limit=200"):
            if not every or len(every) >= FIRST_PAGE:
                page = await self.agent.call("GET", f"/v1/transfers?{query}", TransferList)
                every |= {each.id: each for each in page.transfers}
        self.state.transfers = list(every.values())

    async def poll(self) -> None:
        """Read once what is shown. Raises AgentUnreachable, RequestRefused."""
        call, state = self.agent.call, self.state
        state.set_status(await call("GET", "/v1/status", AgentStatus), self._clock())
        if state.connection.is_current_api:
            state.samples = await call("GET", "/v1/samples", Samples)
        await self._poll_transfers()
        polls = {
            "buckets": self._poll_buckets, "cache": self._poll_cache,
            "sync": self._poll_folders, "logs": self._poll_log,
        }  # fmt: skip
        state.folders = state.status.sync if state.status is not None else []
        if self.tab in polls:
            await polls[self.tab]()
        elif not state.buckets:
            await self._poll_buckets()
        self._is_urgent = False

    async def _poll_buckets(self) -> None:
        if self._clock() - self._buckets_at < BUCKETS_INTERVAL and not self._is_urgent:
            return
        self._buckets_at = self._clock()
        self.state.buckets = (await self.agent.call("GET", "/v1/buckets", BucketList)).buckets

    async def _poll_cache(self) -> None:
        cache, call = self.state.cache, self.agent.call
        if cache is not None and not cache.trouble:
            await self.cache.poll()
            self.state.pins = (await call("GET", "/v1/cache/pins", PinList)).pins

    async def _poll_log(self) -> None:
        if not self.state.connection.is_current_api:
            return
        path = f"/v1/logs?since={self.state.log_seq}&limit=1000"
        log = await self.agent.call("GET", path, LogList)
        self.state.add_log_lines(log.lines, log.seq)

    async def _poll_folders(self) -> None:
        call = self.agent.call
        self.state.folders = (await call("GET", "/v1/sync", FolderList)).folders
        for folder in self.state.folders:
            path = folder_path(folder.name, "/history?limit=50")
            self.state.history[folder.name] = (await call("GET", path, HistoryList)).rows
            if folder.conflicts:
                path = folder_path(folder.name, "/conflicts")
                listed = await call("GET", path, ConflictList)
                self.state.conflicts[folder.name] = listed.conflicts
            else:
                self.state.conflicts.pop(folder.name, None)
