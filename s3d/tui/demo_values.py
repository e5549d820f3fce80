"""The values of the demonstration: the same in every run, with an example of everything shown."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from s3d.shared.caching import (
    CacheEntry,
)
from s3d.shared.control import (
    BucketInfo,
    BucketProperty,
    Event,
    Listing,
    ObjectInfo,
)
from s3d.shared.diagnostics import LogLine, LogList, Samples, SettingInfo, SettingList
from s3d.shared.mounting import MountStatus
from s3d.shared.syncing import (
    Conflict,
    ConflictDiff,
    ConflictList,
    FieldVerdict,
    FilterRow,
    FolderCheck,
    FolderStatus,
    HistoryList,
    HistoryRow,
    PathStatus,
    PlannedStep,
    SyncPlan,
)
from s3d.shared.transfers import (
    Totals,
    Transfer,
    TransferError,
)
from s3d.tui.demo_objects import object_size

NOW = 1_795_760_000.0
"""The time at which the demonstration stands still, in Unix seconds."""
MIB, GIB = 1 << 20, 1 << 30
MANY = 100_000
"""Keys of the bucket `big`."""
HOSTILE = (
    "[red]x[/red].txt", "[/]", "[@click=app.quit]q[/]", "a\x1b]0;PWNED\x07.bin", "nl\nkey",
    "\u202egpj.exe", "日本語.md", "n" * 900,
)  # fmt: skip

ENDPOINT = "http://127.0.0.1:33333"
LOG = [Event(0, "demo", NOW - 30, "hello")]
"""The events of the demonstration."""
_KEY_STATES = ("cached", "cached", "partial", "", "pinned", "pending", "failed")
"""Those of the first objects of a level."""
_LOG_LINES = (
    ("info", "store.queue", "pushed bucket=pix key=photos/2025/IMG_0002.jpg size=4613734"),
    ("warning", "store.queue", "8f25 SlowDown, retried in 8 s"),
    ("error", "store.queue", "8f10 AccessDenied s3:PutObject on backup/db.dump"),
    ("info", "sync.folder", "uploaded folder=proj path=src/main.rs size=8192"),
    ("warning", "sync.folder", "sync stopped folder=~/notes why=55 of 60 files would be deleted"),
    ("warning", "store.remote", "hostile \x1b[31m[red]line[/red] is shown as it is"),
)
PINNED = (Totals(312, int(1.2 * GIB)), Totals(312, int(1.2 * GIB)))
PLAN = SyncPlan(
    [PlannedStep("ideas.md", "upload", 1_204), PlannedStep("old.md", "delete here", 300)],
    {"upload": 1, "delete here": 1}, 1_204, 0,
)  # fmt: skip


def log(since: int) -> LogList:
    lines = [
        LogLine(number, NOW - 30 + number, level, source, message)
        for number, (level, source, message) in enumerate(_LOG_LINES, 1)
        if number > since
    ]
    return LogList(lines, len(_LOG_LINES))


@functools.lru_cache(maxsize=16)
def _wave(last: int, height: float, phase: float) -> Sequence[float]:
    """The 300 seconds that end with the last one."""
    seconds = range(last - 299, last + 1)
    found = (0.6 + 0.3 * math.sin(n / 9 + phase) + 0.1 * math.sin(n / 2) for n in seconds)
    return [round(height * max(value, 0.0), 3) for value in found]


def samples(now: float) -> Samples:
    """Rates as waves that move with the time."""

    def wave(height: float, phase: float) -> list[float]:
        return list(_wave(int(now), height, phase))

    ratios = [min(value, 1.0) for value in wave(1.2, 1.0)]
    return Samples(1.0, now, wave(48.2 * MIB, 0.0), wave(3.1 * MIB, 2.0), wave(214, 0.5), ratios,
                   0.003, 0.041, 2, 0)  # fmt: skip


def settings() -> SettingList:
    return SettingList(
        [
            SettingInfo(
                "remote",
                "https://s3.eu-west-1.amazonaws.com",
                "file",
                "The S3 that s3d caches and pushes to.",
            ),
            SettingInfo("secret_access_key", "********", "environment", "Of the remote."),
            SettingInfo("read_cache.max_size", "10GiB", "default", "Bytes of the cache.", False),
        ]
    )


def after(transfer: Transfer, seconds: float) -> Transfer:
    """A transfer so many seconds later; a running one starts again when it has ended."""
    if transfer.state != "running" or not transfer.rate:
        return transfer
    done = int(transfer.done + seconds * transfer.rate) % max(transfer.size, 1)
    return structs.replace(transfer, done=done, remaining=(transfer.size - done) / transfer.rate)


def object_at(bucket: str, key: str, number: int) -> ObjectInfo:
    """An object as it is listed. number: its place in its level."""
    return ObjectInfo(bucket, key, object_size(key), f'"{number:032x}"', NOW - 60.0 * number)


def number_of(bucket: str, key: str) -> int:
    """The place of an object in its level."""
    level, _ = keys(bucket, key[: key.rfind("/") + 1])
    return level.index(key) if key in level else len(level)


def key_state(number: int) -> str:
    """The state in queue and cache of the object at a place of its level."""
    return _KEY_STATES[number] if number < len(_KEY_STATES) else ""


def versions(bucket: str, key: str) -> Listing:
    """The newest is the object as it is listed."""
    newest = object_at(bucket, key, number_of(bucket, key))
    rows = [
        structs.replace(newest, version_id="3kL9"),
        ObjectInfo(bucket, key, 0, "", NOW - 86_400.0, version_id="2bD1"),
        ObjectInfo(bucket, key, newest.size - 77, '"77afe0b2c3"', NOW - 172_800.0,
                   version_id="1aX7"),
    ]  # fmt: skip
    return Listing(rows, [])


def properties() -> list[BucketProperty]:
    cors = '{\n  "CORSRules": [\n    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}\n  ]\n}'
    return [
        BucketProperty("versioning", '{\n  "Status": "Enabled"\n}'),
        BucketProperty("policy", error="AccessDenied: Access Denied"),
        BucketProperty("lifecycle"),
        BucketProperty("cors", cors),
    ]


def diff() -> ConflictDiff:
    lines = [
        "--- todo.md",
        "+++ its copy",
        "@@ -1,2 +1,2 @@",
        " # To do",
        "-buy milk",
        "+buy [red]tea",
    ]
    return ConflictDiff("todo.md", "todo (conflict).md", 1_198, 1_204, NOW - 310, NOW - 300, True,
                        lines)  # fmt: skip


def check(draft: Any) -> FolderCheck:
    is_there = bool(draft.path) and "missing" not in draft.path
    overlaps = draft.prefix.startswith("photos/")
    fields = [
        FieldVerdict("path", is_there, "writable, 5 files" if is_there else "no such folder"),
        FieldVerdict("bucket", bool(draft.bucket), "reachable" if draft.bucket else "missing"),
        FieldVerdict("prefix", not overlaps, "overlaps folder photos" if overlaps else ""),
        FieldVerdict("filter", True, ""),
    ]  # fmt: skip
    rows = [
        FilterRow("ideas.md", True), FilterRow("todo.md", True),
        FilterRow("draft.tmp", "tmp" not in draft.filter, 2, "!*.tmp"),
    ]  # fmt: skip
    kept = sum(row.included for row in rows)
    return FolderCheck(fields, rows, kept, len(rows) - kept, len(rows),
                       can_save=all(field.ok for field in fields))  # fmt: skip


def buckets() -> list[BucketInfo]:
    names = ("backup", "big", "evil", "logs", "pix")
    return [BucketInfo(name, NOW - 86_400.0 * 30) for name in names]


def keys(bucket: str, prefix: str) -> tuple[list[str], list[str]]:
    if bucket == "big":
        return [f"{prefix}key-{number:06}" for number in range(MANY)], []
    if bucket == "evil":
        return sorted(HOSTILE), []
    if bucket == "pix" and not prefix:
        return ["data.bin", "index.json", "readme.txt", "sizes.csv"], ["notes/", "photos/"]
    if bucket == "pix":
        return [f"{prefix}IMG_{number:04}.jpg" for number in range(1, 13)], []
    return [f"{prefix}part-{number:03}" for number in range(40)], []


def transfers() -> list[Transfer]:
    def write(id: str, key: str, size: float, state: str, **more: Any) -> Transfer:
        return Transfer(id, "push", "put", "backup", key, int(size), state, NOW - 60, **more)

    def moving(id: str, key: str, size: float, share: float, rate: float) -> Transfer:
        left = size * (1 - share) / rate
        return write(
            id, key, size, "running", done=int(size * share), rate=rate, remaining=left, attempts=1
        )

    denied = TransferError("AccessDenied", "not authorized to perform s3:PutObject", "7Z2K", 403)
    slow = TransferError("SlowDown", "please reduce your request rate", "8A1B", 503)
    return [
        moving("8f21", "proj/video.mov", 1.2 * GIB, 0.66, 31 * MIB),
        moving("8f22", "proj/set.zip", 220 * MIB, 0.31, 14 * MIB),
        moving("8f23", "proj/[red]notes[/red].md", 3.9 * MIB, 0.5, 3.2 * MIB),
        write("8f24", "db.tar", 40 * GIB, "held"),
        write("8f25", "2026/11/22.gz", 12.4 * MIB, "waiting", attempts=3, error=slow,
              retry_at=NOW + 8),
        write("8f26", "proj/a.bin", MIB, "waiting"),
        write("8f10", "db.dump", 2.1 * GIB, "failed", attempts=1, error=denied),
        Transfer("t1", "download", "download", "pix", "photos/2024/", 600 * MIB, "running",
                 NOW - 20, done=180 * MIB, rate=3.1 * MIB, remaining=138, files=312, files_done=94,
                 target="~/Downloads"),
        Transfer("f1", "prefetch", "prefetch", "models", "llama/", 2 * GIB, "running", NOW - 30,
                 done=614 * MIB, rate=2.2 * MIB, remaining=660, files=12, files_done=3),
        Transfer("t2", "upload", "upload", "pix", "photos/2025/IMG_0002.jpg", int(4.4 * MIB),
                 "done", NOW - 90, done=int(4.4 * MIB), files_done=1, actions=[]),
        Transfer("t3", "upload", "upload", "backup", "site", 2 * GIB, "running", NOW - 30,
                 done=GIB, files=412, files_done=300, files_skipped=1, counting=True,
                 rate=30 * MIB, source="/home/me/site", pending=Totals(4, 1425 * MIB),
                 actions=["pause", "cancel"]),
    ]  # fmt: skip


def entries() -> list[CacheEntry]:
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


def mounts() -> list[MountStatus]:
    """One of all buckets that programs use, and one of a prefix."""
    photos = MountStatus("/home/me/photos", "pix", "photos/", read_only=True, from_file=True)
    return [MountStatus("/home/me/S3", open_files=2, pending=1, from_file=True), photos]


def folders() -> list[FolderStatus]:
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


def conflicts() -> ConflictList:
    copy = "todo (conflict laptop 2026-11-27 101500 a1b2).md"
    return ConflictList([Conflict("todo.md", copy, 1_204, NOW - 300)])


def history() -> HistoryList:
    return HistoryList(
        [
            HistoryRow(3, NOW - 60, "downloaded", "ideas.md", "", True),
            HistoryRow(2, NOW - 62, "uploaded", "src/main.rs"),
            HistoryRow(1, NOW - 70, "conflict", "todo.md", "both are kept"),
        ]
    )
