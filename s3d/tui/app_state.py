"""What the app knows of the agent, and how calls and events change it. No Textual, no sockets."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from s3d.shared.caching import CacheEntry, PinStatus
from s3d.shared.control import API_MAJOR, AgentStatus, BucketInfo, Event, Hello
from s3d.shared.diagnostics import LogLine, Samples
from s3d.shared.syncing import Conflict, FolderStatus, HistoryRow
from s3d.shared.transfers import Transfer

LINES = 50_000
"""Of the log."""


NEEDED = 3
"""Minor version of the control API from which there are rates, log and transfers."""
ENDED = ("done", "cancelled")
"""States of a transfer that needs nobody any more."""


class Link(StrEnum):
    """How the connection to the agent is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    FOREIGN = "foreign"
    """It speaks another major version of the control API: only looked at."""


@dataclass(slots=True)
class State:
    """All of it. Empty until the agent has answered, and kept when it is lost."""

    link: Link = Link.CONNECTING
    why: str = ""
    """Why it is lost."""
    since: float = 0.0
    """When the link became what it is, in Unix seconds."""
    fresh: float = 0.0
    """When the agent last answered."""
    tries: int = 0
    retry_at: float = 0.0
    hello: Hello | None = None
    status: AgentStatus | None = None
    buckets: list[BucketInfo] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    entries: list[CacheEntry] = field(default_factory=list)
    pins: list[PinStatus] = field(default_factory=list)
    folders: list[FolderStatus] = field(default_factory=list)
    conflicts: dict[str, list[Conflict]] = field(default_factory=dict)
    history: dict[str, list[HistoryRow]] = field(default_factory=dict)
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES))
    log_seq: int = 0
    """Of the last line that came from the agent's log."""
    samples: Samples | None = None
    """Rates of the last minutes, as the agent has kept them."""

    @property
    def up(self) -> list[float]:
        """Bytes a second to the remote, or into the store."""
        return self.samples.up if self.samples is not None else []

    @property
    def down(self) -> list[float]:
        """Bytes a second from the remote, or out of the store."""
        return self.samples.down if self.samples is not None else []

    @property
    def is_recent(self) -> bool:
        """The agent knows all that is asked of it here."""
        return self.hello is None or self.hello.api.minor >= NEEDED

    @property
    def is_live(self) -> bool:
        """Whether what is shown is true now, and actions can be asked for."""
        return self.link is Link.CONNECTED

    def connected(self, hello: Hello, now: float) -> None:
        is_foreign = hello.api.major != API_MAJOR
        if self.hello is not None and self.hello.boot != hello.boot:
            self.log_seq = 0
        self.hello = hello
        self._turn(Link.FOREIGN if is_foreign else Link.CONNECTED, "", now)
        self.fresh, self.tries = now, 0

    def lost(self, why: str, now: float, retry_at: float) -> None:
        self._turn(Link.LOST, why, now)
        self.tries += 1
        self.retry_at = retry_at

    def _turn(self, link: Link, why: str, now: float) -> None:
        if link is not self.link:
            self.since = now
        self.link, self.why = link, why

    def told(self, status: AgentStatus, now: float) -> None:
        """A status of the agent."""
        self.status, self.fresh = status, now

    def progressed(self, running: list[Transfer]) -> None:
        """News of transfers that are listed already; what is new comes with the next list."""
        news = {each.id: each for each in running}
        self.transfers = [news.get(each.id, each) for each in self.transfers]

    def logged(self, lines: list[LogLine], seq: int) -> None:
        """More lines of the agent's log."""
        is_late = bool(lines and self.log and lines[0].at < self.log[-1].at)
        self.log.extend(lines)
        self.log_seq = seq
        if is_late:  # events came first
            self.log = deque(sorted(self.log, key=lambda line: line.at), LINES)

    def happened(self, event: Event) -> None:
        """Some events are lines here, too: they tell what was done and by whom."""
        if event.kind in _TOLD:
            text = " ".join(f"{name}={value}" for name, value in event.data.items())
            what = f"{event.subject} {text}".strip()
            self.log.append(LogLine(0, event.at, "info", event.kind, what))

    def troubles(self) -> list[tuple[str, str, str]]:
        """What needs attention: a word, what it is about, and the tab where it is mended."""
        found = []
        if self.status is not None:
            found += [("warning", text, "1") for text in self.status.warnings]
            remote = self.status.remote
            if remote is not None and remote.ok is False:
                found.append(("offline", f"the remote: {remote.error}", "3"))
            cache = self.status.cache
            if cache is not None and cache.trouble:
                found.append(("cache", cache.trouble, "4"))
        for transfer in self.transfers:
            if transfer.state == "failed":
                error = transfer.error
                why = f"{error.code} ({error.status})" if error is not None else ""
                found.append(("failed", f"{transfer.bucket}/{transfer.key}  {why}".strip(), "3"))
        for folder in self.folders:
            if folder.state in ("stopped", "offline"):
                found.append((folder.state, f"{folder.name}: {folder.reason}", "5"))
            if folder.conflicts:
                told = f"{folder.conflicts} conflict cop{'y' if folder.conflicts == 1 else 'ies'}"
                found.append(("conflict", f"{folder.name}: {told}", "5"))
        return found


_TOLD = frozenset(("sync.state", "sync.conflict", "agent.task_failed", "store.changed"))
"""Events that are lines of the log here."""
