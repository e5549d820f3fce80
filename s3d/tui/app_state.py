"""What the app knows of the agent, and how answers and events change it. No Textual, no sockets."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from s3d.shared.caching import CacheEntry, CacheStatus, PinStatus
from s3d.shared.control import API_MAJOR, AgentStatus, BucketInfo, Event, Hello
from s3d.shared.diagnostics import LogLine, Samples
from s3d.shared.mounting import MountStatus, mount_text
from s3d.shared.syncing import Conflict, FolderStatus, HistoryRow
from s3d.shared.text import count
from s3d.shared.transfers import QueueStatus, Transfer

MAX_LOG_LINES = 50_000
MIN_API_MINOR = 3
"""Minor version of the control API from which there are rates, log and transfers."""
FINISHED = ("done", "cancelled")
"""States of a transfer that has ended."""
STUCK = ("failed", "conflict")
"""States of a transfer that need a decision of the user."""
_LOGGED_EVENTS = frozenset(("sync.state", "sync.conflict", "agent.task_failed"))
"""Events that the app shows as lines of the log. Each write is none of them: there are many."""


class Link(StrEnum):
    """State of the connection to the agent."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    FOREIGN = "foreign"
    """The agent speaks another major version of the control API: the app is read-only."""


@dataclass(slots=True)
class Connection:
    """The connection to the agent. Times are Unix seconds."""

    link: Link = Link.CONNECTING
    error: str = ""
    """Why the connection is lost."""
    since: float = 0.0
    """When the link changed to its present state."""
    answered_at: float = 0.0
    """When the agent last answered."""
    tries: int = 0
    retry_at: float = 0.0
    hello: Hello | None = None
    """The greeting of the agent; None until it has answered once."""

    @property
    def is_current_api(self) -> bool:
        """Whether the agent has every route that the app uses."""
        return self.hello is None or self.hello.api.minor >= MIN_API_MINOR

    @property
    def is_live(self) -> bool:
        """Whether the data shown is current, and actions can be sent."""
        return self.link is Link.CONNECTED

    def mark_connected(self, hello: Hello, now: float) -> None:
        is_foreign = hello.api.major != API_MAJOR
        self.hello = hello
        self._set_link(Link.FOREIGN if is_foreign else Link.CONNECTED, "", now)
        self.answered_at, self.tries = now, 0

    def mark_lost(self, error: str, now: float, retry_at: float) -> None:
        self._set_link(Link.LOST, error, now)
        self.tries += 1
        self.retry_at = retry_at

    def _set_link(self, link: Link, error: str, now: float) -> None:
        if link is not self.link:
            self.since = now
        self.link, self.error = link, error


class Trouble(NamedTuple):
    """Something that needs attention. tab: name of the tab where the user can resolve it."""

    kind: str
    text: str
    tab: str
    row: str = ""
    """Id of its row in that tab; "" when it has none."""
    command: str = ""
    """The s3d command that resolves it, or tells more."""


GRAVE, NOTABLE = "bad", "odd"
"""How grave the state is; the names of the styles that show it."""
_GRAVE_KINDS = frozenset(("failed", "stopped", "cache"))


@dataclass(slots=True)
class State:
    """Everything that the app shows. Empty until the agent answers; kept when it is lost."""

    connection: Connection = field(default_factory=Connection)
    status: AgentStatus | None = None
    buckets: list[BucketInfo] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    entries: list[CacheEntry] = field(default_factory=list)
    pins: list[PinStatus] = field(default_factory=list)
    folders: list[FolderStatus] = field(default_factory=list)
    conflicts: dict[str, list[Conflict]] = field(default_factory=dict)
    """Folder name -> its conflicts."""
    history: dict[str, list[HistoryRow]] = field(default_factory=dict)
    """Folder name -> its latest history."""
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=MAX_LOG_LINES))
    log_seq: int = 0
    """Sequence number of the last line read from the agent's log."""
    samples: Samples | None = None
    """Rates of the last minutes, as sampled by the agent."""

    @property
    def upload_rates(self) -> list[float]:
        """Bytes a second to the remote, or into the embedded store; the latest last."""
        return self.samples.up if self.samples is not None else []

    @property
    def download_rates(self) -> list[float]:
        """Bytes a second from the remote, or out of the embedded store; the latest last."""
        return self.samples.down if self.samples is not None else []

    @property
    def queue(self) -> QueueStatus | None:
        """The write queue; None without a remote."""
        return self.status.queue if self.status is not None else None

    @property
    def cache(self) -> CacheStatus | None:
        """The read cache; None without a remote."""
        return self.status.cache if self.status is not None else None

    @property
    def has_remote(self) -> bool:
        """Whether the agent is a gateway: keys have queue and cache states, requests cost."""
        return self.status is not None and self.status.remote is not None

    @property
    def endpoint(self) -> str:
        """URL of the S3 endpoint; that of the default host until the agent has answered."""
        return self.status.endpoint if self.status is not None else "http://127.0.0.1"

    def transfer_count(self, state: str) -> int:
        """Transfers in a state, "all": in any. The queue counts its writes; not all are listed."""
        jobs = [each for each in self.transfers if each.kind != "push"]
        number = sum(state in ("all", each.state) for each in jobs)
        queue = self.queue
        if queue is None:
            return number
        shares = {"waiting": queue.waiting, "running": queue.running, "held": queue.held,
                  "failed": queue.failed, "verifying": queue.verifying,
                  "conflict": queue.conflict}  # fmt: skip
        return number + sum(share.files for name, share in shares.items() if state in ("all", name))

    def mark_connected(self, hello: Hello, now: float) -> None:
        """An agent has answered; another process than before numbers its log from the start."""
        before = self.connection.hello
        if before is not None and before.boot != hello.boot:
            self.log_seq = 0
        self.connection.mark_connected(hello, now)

    def set_status(self, status: AgentStatus, now: float) -> None:
        self.status, self.connection.answered_at = status, now

    def update_transfers(self, changed: list[Transfer]) -> None:
        """Replace the listed transfers that have changed; new ones come with the next list."""
        by_id = {each.id: each for each in changed}
        self.transfers = [by_id.get(each.id, each) for each in self.transfers]

    def add_log_lines(self, lines: list[LogLine], seq: int) -> None:
        """Append lines of the agent's log, in the order of their times."""
        is_late = bool(lines and self.log and lines[0].at < self.log[-1].at)
        self.log.extend(lines)
        self.log_seq = seq
        if is_late:  # events have arrived before these lines
            self.log = deque(sorted(self.log, key=lambda line: line.at), MAX_LOG_LINES)

    def add_event(self, event: Event) -> None:
        """Show some kinds of events as log lines: what was done, and by whom."""
        if event.kind in _LOGGED_EVENTS:
            text = " ".join(f"{name}={value}" for name, value in event.data.items())
            message = f"{event.subject} {text}".strip()
            self.log.append(LogLine(0, event.at, "info", event.kind, message))

    def gravity(self) -> str:
        """GRAVE, NOTABLE or "": the gravest state of agent, remote, transfers and folders."""
        if self.connection.link is Link.LOST:
            return GRAVE
        kinds = {trouble.kind for trouble in self.troubles()}
        if kinds & _GRAVE_KINDS:
            return GRAVE
        is_paused = self.queue is not None and self.queue.paused
        return NOTABLE if kinds or is_paused else ""

    def troubles(self) -> list[Trouble]:
        """Everything that needs attention: agent first, then transfers, then sync folders."""
        return [
            *self._agent_troubles(),
            *(_transfer_trouble(each) for each in self.transfers if each.state in STUCK),
            *(trouble for folder in self.folders for trouble in _folder_troubles(folder)),
        ]

    def _agent_troubles(self) -> list[Trouble]:
        if self.status is None:
            return []
        troubles = [
            Trouble("warning", text, "dashboard", command="s3d doctor")
            for text in self.status.warnings
        ]
        remote, cache = self.status.remote, self.status.cache
        if remote is not None and remote.ok is False:
            text = f"remote: {remote.error}"
            troubles.append(Trouble("offline", text, "transfers", command="s3d doctor"))
        if cache is not None and cache.trouble:
            troubles.append(Trouble("cache", cache.trouble, "cache", command="s3d doctor"))
        return [*troubles, *map(_mount_trouble, filter(_needs_attention, self.status.mounts))]


def _needs_attention(mount: MountStatus) -> bool:
    return mount.state != "mounted" or bool(mount.failed or mount.conflicts)


def _mount_trouble(mount: MountStatus) -> Trouble:
    return Trouble("mount", mount_text(mount), "dashboard", mount.dir, command="s3d mount ls")


def _transfer_trouble(transfer: Transfer) -> Trouble:
    error, name = transfer.error, f"{transfer.bucket}/{transfer.key}"
    group = "queue" if transfer.kind == "push" else "transfers"
    if transfer.state == "conflict":
        command = f"s3d queue retry {transfer.id} --force"
        text = f"{name}  the remote has a newer version"
        return Trouble("conflict", text, "transfers", transfer.id, command)
    reason = ""
    if error is not None:
        reason = f"{error.code} (HTTP {error.status})" if error.status else error.code
    if transfer.files > 1:
        reason = f"{transfer.files_failed:,} of {count(transfer.files, 'file')}: {reason}"
    command = f"s3d {group} retry {transfer.id}"
    return Trouble("failed", f"{name}  {reason}".strip(), "transfers", transfer.id, command)


def _folder_troubles(folder: FolderStatus) -> list[Trouble]:
    troubles = []
    if folder.state in ("stopped", "offline"):
        verb = "plan" if folder.question else "status"
        text, command = f"{folder.name}: {folder.reason}", f"s3d sync {verb} {folder.name}"
        troubles.append(Trouble(folder.state, text, "sync", folder.name, command))
    elif stuck := folder.blocked + folder.skipped:  # what waits is tried again by itself
        text = f"{folder.name}: {count(stuck, 'path')} not in sync"
        command = f"s3d sync status {folder.name}"
        troubles.append(Trouble("sync", text, "sync", folder.name, command))
    if folder.conflicts:
        text = f"{folder.name}: {count(folder.conflicts, 'conflict')}"
        command = f"s3d sync conflicts {folder.name}"
        troubles.append(Trouble("conflict", text, "sync", folder.name, command))
    return troubles
