"""What the app knows of the agent, and how calls and events change it. No Textual, no sockets."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from s3d.shared.caching import CacheEntry, PinStatus
from s3d.shared.control import API_MAJOR, AgentStatus, BucketInfo, Event, Hello
from s3d.shared.syncing import Conflict, FolderStatus, HistoryRow
from s3d.shared.transfers import Transfer

SAMPLES = 300
"""Of each rate that are kept, one a second."""
LINES = 5_000
"""Of the log."""


class Link(StrEnum):
    """How the connection to the agent is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    FOREIGN = "foreign"
    """It speaks another major version of the control API: only looked at."""


@dataclass(slots=True)
class LogLine:
    """at: Unix seconds. level: warning or error, or info for what is no line of the log."""

    at: float
    level: str
    source: str
    text: str


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
    up: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    down: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    """Bytes a second to and from the remote."""
    _fetched: tuple[float, int] = (0.0, 0)

    @property
    def is_live(self) -> bool:
        """Whether what is shown is true now, and actions can be asked for."""
        return self.link is Link.CONNECTED

    def connected(self, hello: Hello, now: float) -> None:
        is_foreign = hello.api.major != API_MAJOR
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
        """A status of the agent; the rates come from two of them."""
        self.status, self.fresh = status, now
        self.up.append(status.queue.rate if status.queue is not None else 0.0)
        fetched = status.cache.fetched_bytes if status.cache is not None else 0
        before, bytes_then = self._fetched
        seconds = now - before
        is_known = before > 0 and seconds > 0 and fetched >= bytes_then
        self.down.append((fetched - bytes_then) / seconds if is_known else 0.0)
        self._fetched = now, fetched

    def happened(self, event: Event) -> None:
        """Keep what belongs into the log."""
        if event.kind.startswith("log."):
            level = event.kind.removeprefix("log.")
            text = str(event.data.get("message", ""))
            self.log.append(LogLine(event.at, level, event.subject, text))
        elif event.kind in _TOLD:
            text = " ".join(f"{name}={value}" for name, value in event.data.items())
            self.log.append(
                LogLine(event.at, "info", event.kind, f"{event.subject} {text}".strip())
            )

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
                code = transfer.error.code if transfer.error is not None else ""
                found.append(("failed", f"{transfer.bucket}/{transfer.key} {code}".strip(), "3"))
        for folder in self.folders:
            if folder.state in ("stopped", "offline"):
                found.append((folder.state, f"{folder.name}: {folder.reason}", "5"))
            if folder.conflicts:
                told = f"{folder.conflicts} conflict cop{'y' if folder.conflicts == 1 else 'ies'}"
                found.append(("conflict", f"{folder.name}: {told}", "5"))
        return found


_TOLD = frozenset(("sync.state", "sync.conflict", "agent.part_failed", "store.changed"))
"""Events that are lines of the log here."""
