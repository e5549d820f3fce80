"""A made-up agent: what `s3d tui --demo` shows, and what tests and screenshots are made from.

It answers the routes that the app asks, from values that are the same in every run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from s3d.shared import control
from s3d.shared.caching import CacheEntry, CacheList, CacheStatus, Pin, PinList, PinStatus
from s3d.shared.control import (
    AgentStatus,
    ApiVersion,
    BucketInfo,
    BucketList,
    Event,
    Hello,
    Listing,
    ObjectInfo,
    ObjectStatus,
    Problem,
)
from s3d.shared.syncing import (
    Conflict,
    ConflictList,
    FolderList,
    FolderStatus,
    HistoryList,
    HistoryRow,
    PathStatus,
)
from s3d.shared.transfers import (
    QueueLimits,
    QueueStatus,
    RemoteStatus,
    Share,
    Transfer,
    TransferError,
    TransferList,
)
from s3d.tui.client import Denied

NOW = 1_795_760_000.0
"""The moment at which the demonstration stands still."""
MIB, GIB = 1 << 20, 1 << 30
MANY = 100_000
"""Keys of the bucket `big`."""
HOSTILE = (
    "[red]x[/red].txt", "[/]", "[@click=app.quit]q[/]", "a\x1b]0;PWNED\x07.bin", "nl\nkey",
    "\u202egpj.exe", "日本語.md", "n" * 900,
)  # fmt: skip
PAGE = 1_000

T = TypeVar("T")


class DemoAgent:
    """Answers at once. Writes change what they should, as far as it is seen."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        """Every call that is no GET."""
        self.transfers = _transfers()
        self.pins = [Pin("pix", prefix="photos/2024/")]
        self.folders = _folders()
        self.deleted: set[tuple[str, str]] = set()
        self.is_gone = asyncio.Event()
        """Set: the agent is killed."""

    async def ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        place, _, query = path.partition("?")
        words = dict(parse_qsl(query, keep_blank_values=True))
        if method == "GET":
            found = self._get(unquote(place), words)
        else:
            self.asked.append((method, path, body))
            found = self._do(method, unquote(place), words, body)
        return control.decode(control.encode(found), kind)

    def _get(self, place: str, words: dict[str, str]) -> Any:
        parts = place.split("/")
        if place.startswith("/v1/buckets/"):
            return self._page(parts[3], words)
        if place == "/v1/status" and words:
            return self._object(words["bucket"], words["key"])
        if place.startswith("/v1/sync/"):
            return _conflicts() if parts[4] == "conflicts" else _history()
        answers: dict[str, Callable[[], Any]] = {
            "/v1/hello": lambda: Hello("1.0.0", ApiVersion(), "demo", 1, ENDPOINT),
            "/v1/status": self._status,
            "/v1/sync": lambda: FolderList(self.folders),
            "/v1/buckets": lambda: BucketList(_buckets()),
            "/v1/transfers": lambda: TransferList(self.transfers),
            "/v1/cache/entries": lambda: CacheList(_entries()),
            "/v1/cache/pins": lambda: PinList([PinStatus(pin) for pin in self.pins]),
        }
        return answers[place]()

    def _do(self, method: str, place: str, words: dict[str, str], body: Any) -> Any:
        if place.endswith(":retry") and place.startswith("/v1/transfers/8f10"):
            raise Denied(Problem("AccessDenied", "the remote still says no", "s3:PutObject"))
        if place.endswith(":discard"):
            gone = place.split("/")[3].partition(":")[0]
            self.transfers = [transfer for transfer in self.transfers if transfer.id != gone]
        if method == "DELETE" and place.endswith("/object"):
            self.deleted.add((place.split("/")[3], words["key"]))
        return {}

    def _status(self) -> AgentStatus:
        return AgentStatus(
            version="1.0.0", pid=1, started=NOW - 11_520, endpoint=ENDPOINT,
            socket="/run/agent.sock", auth="sigv4", ephemeral=False,
            remote=RemoteStatus("https://s3.eu-west-1.amazonaws.com", True, last_success=NOW),
            queue=QueueStatus(
                Share(2, 2 * MIB), Share(3, 1500 * MIB), Share(1, 40 * GIB), Share(1, 2 * GIB),
                QueueLimits(100 * GIB, 100_000), "/q", oldest=NOW - 372, rate=48.2 * MIB,
                remaining=88,
            ),
            cache=CacheStatus(
                "/c", int(7.1 * GIB), 4_812, 10 * GIB, 100_000, 60.0, pins=1, hits=86_000,
                misses=14_000, hit_bytes=90 * GIB, fetched_bytes=12 * GIB, evictions=312,
            ),
            sync=self.folders,
        )  # fmt: skip

    def _page(self, bucket: str, words: dict[str, str]) -> Listing:
        if bucket not in {found.name for found in _buckets()}:
            raise Denied(Problem("NoSuchBucket", "The specified bucket does not exist", bucket))
        prefix, start = words.get("prefix", ""), int(words.get("cursor") or 0)
        keys, folders = _keys(bucket, prefix)
        rows = [
            ObjectInfo(bucket, key, 1000 + 7 * number, f'"{number:032x}"', NOW - 60.0 * number)
            for number, key in enumerate(keys[start : start + PAGE], start)
            if (bucket, key) not in self.deleted
        ]
        more = str(start + PAGE) if len(keys) > start + PAGE else ""
        return Listing(rows, folders if not start else [], more)

    def _object(self, bucket: str, key: str) -> ObjectStatus:
        return ObjectStatus(
            bucket, key, 4_089_446, '"9b2cf0a1e1"', NOW - 120.0, content_type="image/jpeg",
            metadata={"mtime": "1795759880.5"}, tags={"album": "2025"}, state="pushed",
        )  # fmt: skip

    async def data(self, path: str, start: int, size: int) -> bytes:
        if "json" in path:
            return b'{"name": "notes", "tags": ["a", "b"], "size": 12}'[start : start + size]
        return (b"The quick brown fox jumps over the lazy dog.\n" * 40)[start : start + size]

    async def events(self) -> AsyncIterator[Event]:
        for event in LOG:
            yield event
        await self.is_gone.wait()

    async def close(self) -> None:
        return None


ENDPOINT = "http://127.0.0.1:33333"
_SAID = (
    ("hello", "", ""),
    ("log.warning", "s3d.agent.store.queue", "8f25 SlowDown, tried again in 8 s"),
    ("log.error", "s3d.agent.store.queue", "8f10 AccessDenied s3:PutObject on backup/db.dump"),
    ("log.warning", "s3d.agent.sync.folder", "sync stopped folder=~/notes why=55 of 60 files"),
    ("log.warning", "s3d.agent.store.remote", "hostile \x1b[31m[red]line[/red] is shown as it is"),
)


LOG = [
    Event(number, "demo", NOW - 30 + number, kind, subject, {"message": message})
    for number, (kind, subject, message) in enumerate(_SAID)
]
"""Everything that happens here."""


def _buckets() -> list[BucketInfo]:
    names = ("backup", "big", "evil", "logs", "pix")
    return [BucketInfo(name, NOW - 86_400.0 * 30) for name in names]


def _keys(bucket: str, prefix: str) -> tuple[list[str], list[str]]:
    if bucket == "big":
        return [f"{prefix}key-{number:06}" for number in range(MANY)], []
    if bucket == "evil":
        return sorted(HOSTILE), []
    if bucket == "pix" and not prefix:
        return ["index.json", "readme.txt"], ["notes/", "photos/"]
    if bucket == "pix":
        return [f"{prefix}IMG_{number:04}.jpg" for number in range(1, 13)], []
    return [f"{prefix}part-{number:03}" for number in range(40)], []


def _transfers() -> list[Transfer]:
    def write(id: str, key: str, size: float, state: str, **more: Any) -> Transfer:
        return Transfer(id, "push", "put", "backup", key, int(size), state, NOW - 60, **more)

    denied = TransferError("AccessDenied", "not authorized to perform s3:PutObject", "7Z2K", 403)
    slow = TransferError("SlowDown", "please reduce your request rate", "8A1B", 503)
    return [
        write("8f21", "proj/video.mov", 1.2 * GIB, "running"),
        write("8f22", "proj/set.zip", 220 * MIB, "running"),
        write("8f23", "proj/[red]notes[/red].md", 3.9 * MIB, "running"),
        write("8f24", "db.tar", 40 * GIB, "held"),
        write("8f25", "2026/11/22.gz", 12.4 * MIB, "waiting", attempts=3, error=slow),
        write("8f26", "proj/a.bin", MIB, "waiting"),
        write("8f10", "db.dump", 2.1 * GIB, "failed", attempts=1, error=denied),
    ]


def _entries() -> list[CacheEntry]:
    rows = (
        ("backup", "proj/video.mov", 1.2 * GIB, 1.0, False),
        ("logs", "2026/11/21.gz", 12 * MIB, 1.0, False),
        ("pix", "photos/2024/a.jpg", 4.1 * MIB, 1.0, True),
        ("pix", "photos/2025/IMG_0001.jpg", 4.2 * MIB, 1.0, False),
        ("pix", "photos/2025/IMG_0003.jpg", 3.9 * MIB, 0.62, False),
    )
    return [
        CacheEntry(bucket, key, int(size), int(size * part), '"e"', NOW - 120, pinned)
        for bucket, key, size, part, pinned in rows
    ]


def _folders() -> list[FolderStatus]:
    return [
        FolderStatus(
            "photos", "/home/me/Pictures", "pix", "photos/", "two-way", "idle", files=18_204,
            size=61 * GIB, last_pass=NOW - 120, watch="events", level="A",
        ),
        FolderStatus(
            "proj", "/home/me/proj", "backup", "proj/", "backup", "syncing", files=664,
            size=GIB, todo=664, done=412, last_pass=NOW - 900, watch="events", level="A",
        ),
        FolderStatus(
            "notes", "/home/me/notes", "pix", "notes/", "two-way", "stopped",
            "55 of 60 files would be deleted", files=60, size=18 * MIB, conflicts=1,
            troubles=[PathStatus("big.iso", "skipped", "there is no room for it here")],
            trouble_count=1, last_pass=NOW - 240, watch="events", level="A", question="deletions",
        ),
    ]  # fmt: skip


def _conflicts() -> ConflictList:
    copy = "todo (conflict laptop 2026-11-27 101500 a1b2).md"
    return ConflictList([Conflict("todo.md", copy, 1_204, NOW - 300)])


def _history() -> HistoryList:
    return HistoryList(
        [
            HistoryRow(3, NOW - 60, "downloaded", "ideas.md", "", True),
            HistoryRow(2, NOW - 62, "uploaded", "src/main.rs"),
            HistoryRow(1, NOW - 70, "conflict", "todo.md", "both are kept"),
        ]
    )
