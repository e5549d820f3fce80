"""The rules of the tables: a row of the screen is one item of the agent's JSON in all its cells."""

from __future__ import annotations

from typing import Any

from tests.tui.truth.checker import TableRule
from tests.tui.truth.rules import ARROWS, NAME, has, has_values, is_offline

_ATTENTION = (
    TableRule("attention", "queue", {
        "What": ["failed"], "Needs attention": ["{.bucket}/{.key} {.error.code} "
                                                "(HTTP {.error.status})"], "Key": ["3"],
    }, has_values(state="failed")),
    TableRule("attention", "queue", {
        "What": ["conflict"], "Needs attention": ["{.bucket}/{.key} the remote has a newer "
                                                  "version"], "Key": ["3"],
    }, has_values(state="conflict")),
    TableRule("attention", "folders", {
        "What": ["conflict"], "Needs attention": ["{.name}: {.conflicts|count conflict}"],
        "Key": ["5"],
    }, has("conflicts")),
    TableRule("attention", "folders", {
        "What": ["{.state}"], "Needs attention": ["{.name}: {.reason}"], "Key": ["5"],
    }, lambda each: each["state"] in ("stopped", "offline")),
    TableRule("attention", "status", {
        "What": ["offline"], "Needs attention": ["remote: {.remote.error}"], "Key": ["3"],
    }, is_offline),
)  # fmt: skip

_BUCKET_TABLES = (
    TableRule("objects", "buckets", {"Name": ["{.name}/"], "Created": ["{.created|ago}"]}),
    TableRule("objects", "", {"Name ^": ["../"]}),
    TableRule("objects", "=listed", {"Name ^": ["{.label}"]}, lambda each: "prefix" in each),
    TableRule("objects", "=listed", {
        "Name ^": ["{.label}"], "Size": ["{.size|size}"], "Modified": ["{.last_modified|ago}"],
        "Class": ["{.storage_class}"], "State": ["{.state|key state}"],
    }, lambda each: "key" in each),
    TableRule("versions", "=versions", {
        "Modified": ["{.last_modified|time}"], "Age": ["{.last_modified|ago}"],
        "Size": ["{.size|size}"], "Change": ["{.change}"], "Version": ["{.version_id} {.latest}"],
    }),
    TableRule("properties", "bucket photos", {"Property": ["versioning"],
                                              "Value": ["{.versioning}"]}),
    *(TableRule("properties", "", {"Property": [name], "Value": ["none"]})
      for name in ("policy", "lifecycle", "cors")),
    TableRule("sizes", "=places", {
        "Below": ["{.prefix}"], "Share": ["*"], "Size": ["{.size|size}"],
        "Objects": ["{.objects|n}"], "Cached": ["{.cached_size|size}"],
    }, has("prefix")),
    TableRule("sizes", "=places", {
        "Below": ["(objects here)"], "Share": ["*"], "Size": ["{.here_size|size}"],
        "Objects": ["{.here|n}"], "Cached": ["{.here_cached|size}+"],
    }, has("here_partial")),
    TableRule("suggestions", "=places", {"Name": ["{.name}"], "": ["place"]}),
    TableRule("suggestions", "=places", {"Name": ["{.prefix}"], "": ["prefix"]}),
    TableRule("suggestions", "=listed", {"Name": ["{.label}"], "": ["object"]},
              lambda each: "key" in each),
)  # fmt: skip

_CACHE_TABLES = (
    TableRule("entries", "pins", {
        "Bucket/key": ["{.pin.bucket}/{.pin.prefix} ({.total.files|count object})"],
        "Cached": ["{.kept.size|size}"], "Size": ["{.total.size|size}"],
        "Checked": ["{.looked|ago} ago"], "State": ["P pinned"],
    }),
    TableRule("entries", "=entries", {
        "Bucket/key": ["{.bucket}/{.key}"], "Cached": ["{.held|size}"], "Size": ["{.size|size}"],
        "Checked": ["{.checked|ago} ago"], "State": ["{.state|cache state}"],
    }, lambda each: each["state"] != "partial"),
    TableRule("entries", "=entries", {
        "Bucket/key": ["{.bucket}/{.key}"], "Cached": ["{.held|size}"], "Size": ["{.size|size}"],
        "Checked": ["{.checked|ago} ago"], "State": ["◐ partial {.share|percent}"],
    }, has_values(state="partial")),
    TableRule("entries", "queue", {
        "Bucket/key": ["{.bucket}/{.key}"], "Cached": ["{.size|size}"], "Size": ["{.size|size}"],
        "Checked": ["-"], "State": ["{.state|write state}"],
    }, lambda each: each["state"] != "held" or not each["error"]),
    TableRule("entries", "queue", {
        "Bucket/key": ["{.bucket}/{.key}"], "Cached": ["{.size|size}"], "Size": ["{.size|size}"],
        "Checked": ["-"], "State": ["↑ held"],
    }, lambda each: each["state"] == "held" and each["error"]),
)  # fmt: skip


def _transfer(state: str, when: Any, **cells: str) -> TableRule:
    """A row of the table of the transfers. state: what stands in that column."""
    left = cells.get("left", "")
    return TableRule("queue", "=transfers", {
        "ID": ["{.id}"], "Object": [f"↑ {NAME}", f"↓ {NAME}"], "Size": ["{.size|size}"],
        "State": [state], "Rate": [cells.get("rate", "")],
        "ETA": [left], "Try": ["{.attempts|if any}"],
    }, when)  # fmt: skip


_TRANSFER_TABLES = (
    _transfer("✗ failed: {.error.code}", has_values(state="failed")),
    _transfer("✗ conflict", has_values(state="conflict")),
    _transfer("· waiting", lambda each: each["state"] == "waiting" and not each["error"]),
    _transfer("↻ {.error.code}, retry {.retry_at|due}",
              lambda each: each["state"] == "waiting" and each["error"]),
    _transfer("↻ waits: {status.queue.trouble}",
              lambda each: each["state"] == "waiting" and each["error"]),
    _transfer("‖ paused", has_values(state="held", error=None)),
    _transfer("‖ held by filter", lambda each: each["state"] == "held" and each["error"]),
    _transfer("✓ done", has_values(state="done")),
    _transfer("▶ * {.progress|percent}", has_values(state="running"), rate="{.rate|nearly rate}",
              left="{.remaining|age}"),
    _transfer("▶ * {.progress|percent}", has_values(state="running")),
)  # fmt: skip

_SYNC_TABLES = (
    *(
        TableRule("sync-folders", "folders", {
            "Name": ["{.name}"],
            "Folder and bucket": [f"{{.path}} {arrow} {{.bucket}}/{{.prefix}}"],
            "Mode": ["{.mode}"], "Files": ["{.files|n}"], "State": [state],
        }, lambda each, mode=mode, test=test: each["mode"] == mode and test(each))
        for mode, arrow in ARROWS.items()
        for state, test in (
            ("● up to date", lambda each: each["state"] == "idle" and not each["conflicts"]),
            ("! {.conflicts|count conflict}",
             lambda each: each["state"] == "idle" and each["conflicts"]),
            ("‖ paused", has_values(state="paused")),
            ("! stopped", has_values(state="stopped")),
            ("! offline", has_values(state="offline")),
        )
    ),
    *(
        TableRule("history", "=histories", {
            "When": ["{.at|time}"], "What": ["{.action}"], "Path": ["{.what}"], "": [undo],
        }, has_values(can_undo=bool(undo)))
        for undo in ("", "z undo")
    ),
    TableRule("conflicts", "=conflicts", {
        "File": ["{.path}"], "Its copy": ["{.copy}"], "Size": ["{.size|size}"],
        "Changed": ["{.modified|time}"],
    }),
)  # fmt: skip

_OTHER_TABLES = (
    TableRule("mounts", "=mounts", {
        "Folder": ["{.dir}"], "Shows": ["{.shown}"], "Access": ["read/write"],
        "State": ["{.state}"],
    }, has_values(read_only=False)),
    TableRule("second-folder", "", {"Name": ["../"]}),
    TableRule("second-folder", "=local", {"Name": ["{.name}"], "Modified": ["{.modified|ago}"]},
              has("is_folder")),
    TableRule("second-folder", "=local", {
        "Name": ["{.name}"], "Size": ["{.size|size}"], "Modified": ["{.modified|ago}"],
    }, lambda each: not each["is_folder"]),
    TableRule("log", "=log lines", {
        "Time": ["{.at|clock}"], "Level": ["{.level}"], "Source": ["{.source}"],
        "What": ["{.text}"],
    }),
    TableRule("settings", "=settings", {
        "Setting": ["{.setting}"], "Value": ["{.text}"], "From": ["{.origin}"],
    }),
)  # fmt: skip

TABLES = (
    *_ATTENTION, *_BUCKET_TABLES, *_CACHE_TABLES, *_TRANSFER_TABLES, *_SYNC_TABLES,
    *_OTHER_TABLES,
)  # fmt: skip
