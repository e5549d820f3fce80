"""Sums and joins of what the commands print, for the rules: sources as those of agent_json.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tui.truth.agent_json import AgentJson

Json = dict[str, Any]

INSPECTED = (
    "photos/2024/day-1.jpg", "photos/large.bin", "photos/notes.txt", "website/page-0.html",
    "website/sent.html",
)  # fmt: skip
"""The objects that the scenes show in detail."""
_ENDED = ("done", "cancelled")
_STUCK = ("failed", "conflict")
_PENDING = ("waiting", "running", "held", "failed", "verifying")
"""States of a write that the remote does not have for sure."""


def source(look: AgentJson, name: str) -> Any:
    """The value of a computed source, or of one that a command prints."""
    compute = _COMPUTED.get(name)
    if compute is None:
        return look.source(name)
    if name not in look.computed:
        look.computed[name] = compute(look)
    return look.computed[name]


def _pending(look: AgentJson) -> Json | None:
    """All pending writes: conflicts are not pending. The embedded store has no queue."""
    if look.source("status")["queue"] is None:
        return None
    shares = [look.source("status")["queue"][state] for state in _PENDING]
    return {each: sum(share[each] for share in shares) for each in ("files", "size")}


def _states(look: AgentJson) -> Json:
    """The number of transfers in each state, and of all."""
    states = [each["state"] for each in look.source("transfers")]
    return {
        "all": len(states), "stuck": sum(state in _STUCK for state in states),
        "unfinished": sum(state not in (*_ENDED, *_STUCK) for state in states),
        **{state: states.count(state) for state in (*_PENDING, "conflict", "done")},
    }  # fmt: skip


def _held_writes(look: AgentJson) -> list[Json]:
    """Those that the user has paused, together with those that the filter holds."""
    held = [each for each in look.source("transfers") if each["state"] == "held"]
    return [{"word": "held" if any(each["error"] for each in held) else "paused",
             "count": len(held)}]  # fmt: skip


def _transfers(look: AgentJson) -> list[Json]:
    """With the progress of each; at 100 % a transfer has ended."""
    return [
        {**each, "progress": min(each["done"] / each["size"], 0.99) if each["size"] else None}
        for each in look.source("transfers")
    ]


def _folder_troubles(look: AgentJson) -> int:
    """The number on the tab of the sync folders: those that stopped, and all conflicts."""
    folders = look.source("folders")
    return sum(each["conflicts"] + (each["state"] == "stopped") for each in folders)


def _rates(look: AgentJson) -> Json:
    """An agent that has just started has no samples yet."""
    samples = look.source("samples")
    return {
        "peak_up": max(samples["up"], default=0), "peak_down": max(samples["down"], default=0),
        "seconds": len(samples["up"]) * samples["every"],
    }  # fmt: skip


def _cache_sums(look: AgentJson) -> Json | None:
    if look.source("cache") is None:
        return None
    cache, pins = look.source("cache"), look.source("pins")
    pinned = sum(pin["kept"]["size"] for pin in pins)
    reads = cache["hits"] + cache["misses"]
    return {
        "share": cache["size"] / cache["max_size"], "pinned": pinned,
        "clean": cache["size"] - pinned, "hits": cache["hits"] / reads if reads else None,
    }  # fmt: skip


def _listed(look: AgentJson) -> list[Json]:
    """The rows of the listings: objects, with their states here, and the prefixes above them."""
    rows: dict[str, Json] = {}
    for info in _objects(look):
        head, _, name = info["key"].rpartition("/")
        rows[f"{info['bucket']}/{info['key']}"] = {
            **info, "label": name, "state": _key_state(look, info),
        }  # fmt: skip
        if head:
            place = f"{info['bucket']}/{head}/"
            rows[place] = {"bucket": info["bucket"], "prefix": f"{head}/", "label": f"{head}/"}
    return list(rows.values())


def _objects(look: AgentJson) -> Iterator[Json]:
    for bucket in look.source("buckets"):
        yield from look.source(f"below {bucket['name']}")


def _key_state(look: AgentJson, info: Json) -> str:
    """As docs/control-api.md has it: what is pending counts more than what is cached."""
    same = lambda each: (each["bucket"], each["key"]) == (info["bucket"], info["key"])  # noqa: E731
    for write in reversed([each for each in look.source("queue") if same(each)]):
        if write["state"] in _PENDING:
            return "pending" if write["state"] in ("waiting", "running") else str(write["state"])
    for entry in filter(same, look.source("entries")):
        return "pinned" if entry["pinned"] else _held(entry)
    return ""


def _held(entry: Json) -> str:
    return "cached" if entry["held"] >= entry["size"] else "partial"


def _places(look: AgentJson) -> list[Json]:
    """Each bucket and prefix: the rows of its level, and what is below."""
    rows = _listed(look)
    places = [{"bucket": each["name"], "prefix": ""} for each in look.source("buckets")]
    places += [each for each in rows if "prefix" in each]
    return [{**place, **_contents(place, rows)} for place in places]


def _contents(place: Json, rows: list[Json]) -> Json:
    inside = [
        (row.get("key", row.get("prefix")).removeprefix(place["prefix"]), row) for row in rows
        if row["bucket"] == place["bucket"]
        and row.get("key", row.get("prefix")).startswith(place["prefix"])
    ]  # fmt: skip
    objects = [row for _, row in inside if "key" in row]
    here = [row for name, row in inside if "key" in row and "/" not in name]
    whole = ("cached", "pinned")
    sum_of = lambda rows, states: sum(row["size"] for row in rows if row["state"] in states)  # noqa: E731
    return {
        "rows": sum(bool(name) and "/" not in name.rstrip("/") for name, _ in inside),
        "objects": len(objects), "size": sum(row["size"] for row in objects),
        "here": len(here), "here_size": sum(row["size"] for row in here),
        "here_cached": sum_of(here, whole), "cached_size": sum_of(objects, whole),
        "here_partial": sum_of(here, ("partial",)) > 0,
        "name": f"{place['bucket']}/{place['prefix']}",
    }  # fmt: skip


def _entries(look: AgentJson) -> list[Json]:
    """The cached objects with their states."""
    return [
        {**each, "state": "pinned" if each["pinned"] else _held(each),
         "share": each["held"] / each["size"]}
        for each in look.source("entries")
    ]  # fmt: skip


def _inspected(look: AgentJson) -> list[Json]:
    found = []
    names = {f"{each['bucket']}/{each['key']}" for each in _objects(look)}
    for name in names.intersection(INSPECTED):
        info = look.source(f"object {name}")
        cache = info["cache"] or {"held": 0, "size": 0}
        share = cache["held"] / cache["size"] if cache["size"] else None
        found.append({**info, "cache": {**cache, "share": share}})
    return found


def _pairs(look: AgentJson) -> list[Json]:
    """Tags, metadata, headers and checksums of the inspected objects."""
    groups = ("tags", "metadata", "headers", "checksums")
    return [
        {"name": name, "value": value}
        for info in _inspected(look) for group in groups for name, value in info[group].items()
    ]  # fmt: skip


def _versions(look: AgentJson) -> list[Json]:
    """The versions of one object, the latest first, with the change of each."""
    versions = look.source("versions photos/notes.txt")
    older = [each["size"] for each in versions[1:]]
    changes = [f"{each['size'] - size:+,}" for each, size in zip(versions, older, strict=False)]
    return [
        {**each, "change": change, "latest": "latest" * each["is_latest"]}
        for each, change in zip(versions, [*changes, ""], strict=False)
    ]


def _version_sums(look: AgentJson) -> Json:
    versions = look.source("versions photos/notes.txt")
    return {"count": len(versions), "size": sum(each["size"] for each in versions)}


def _histories(look: AgentJson) -> list[Json]:
    rows = []
    for folder in look.source("folders"):
        for row in look.source(f"history {folder['name']}"):
            rows.append({**row, "what": f"{row['path']} {row['detail']}".strip()})
    return rows


def _check(look: AgentJson) -> Json:
    """What the agent finds when it checks the folder of which the form is shown."""
    (folder,) = [each for each in look.source("folders") if each["name"] == "notes"]
    target = f"{folder['bucket']}/{folder['prefix']}"
    found: Json = look.source(f"check {folder['path']}\t{target}\t--filter={folder['filter']}")
    return found


def _conflicts(look: AgentJson) -> list[Json]:
    folders = [each for each in look.source("folders") if each["conflicts"]]
    return [
        {**conflict, "file": f"{folder['path']}/{conflict['copy']}"}
        for folder in folders for conflict in look.source(f"conflicts {folder['name']}")
    ]  # fmt: skip


def _diffs(look: AgentJson) -> list[Json]:
    return [look.source(f"diff {each['file']}") for each in _conflicts(look)]


def _plan_counts(look: AgentJson) -> list[Json]:
    counts = look.source("plan emptied")["counts"]
    return [{"action": action, "count": number} for action, number in counts.items()]


def _log_lines(look: AgentJson) -> list[Json]:
    """Each line with its fields behind the message."""
    own = ("seq", "at", "level", "source", "message")
    return [
        {**line, "text": " ".join([line["message"], *(
            f"{name}={value}" for name, value in line.items() if name not in own
        )])}
        for line in look.source("logs")
    ]  # fmt: skip


def _mounts(look: AgentJson) -> list[Json]:
    """Each with what it shows."""
    return [
        {**each, "shown": f"{each['bucket']}/{each['prefix']}".rstrip("/") or "all buckets"}
        for each in look.source("mounts")
    ]


def _local(look: AgentJson) -> list[Json]:
    """The files of the home folder, of which the app shows this machine's."""
    found = [(each, each.stat()) for each in Path.home().iterdir()]
    return [
        {"name": f"{each.name}/" if each.is_dir() else each.name, "size": status.st_size,
         "modified": status.st_mtime, "is_folder": each.is_dir()}
        for each, status in found
    ]  # fmt: skip


def _settings(look: AgentJson) -> list[Json]:
    """As text; the agent shows the port that it has got."""
    texts = {"null": ""}
    rows = []
    for row in look.source("settings")[0]:
        value = row["value"]
        text = value if isinstance(value, str) else json.dumps(value)
        text = texts.get(text, text)
        if row["setting"] == "endpoint":
            text = look.source("status")["endpoint"]
        rows.append({**row, "text": text})
    return rows


_COMPUTED: dict[str, Callable[[AgentJson], Any]] = {
    "=pending": _pending,
    "=states": _states,
    "=held writes": _held_writes,
    "=transfers": _transfers,
    "=folder troubles": _folder_troubles,
    "=rates": _rates,
    "=cache": _cache_sums,
    "=listed": _listed,
    "=places": _places,
    "=entries": _entries,
    "=inspected": _inspected,
    "=pairs": _pairs,
    "=versions": _versions,
    "=version sums": _version_sums,
    "=histories": _histories,
    "=conflicts": _conflicts,
    "=diffs": _diffs,
    "=check": _check,
    "=plan steps": lambda look: look.source("plan emptied")["steps"],
    "=plan counts": _plan_counts,
    "=log lines": _log_lines,
    "=settings": _settings,
    "=mounts": _mounts,
    "=local": _local,
    "=home": lambda look: {"path": str(Path.home())},
    "=counts": lambda look: {
        "buckets": len(look.source("buckets")),
        "log": len(look.source("logs")),
    },
}
