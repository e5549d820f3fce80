"""The rules: what stands where on the screens, and the JSON path that it has to follow from."""

from __future__ import annotations

from typing import Any

from tests.tui.truth.checker import Rule

ARROWS = {"two-way": "⇄", "backup": "→", "mirror": "←"}


def has_values(**fields: Any) -> Any:
    """Whether an item has these values."""
    return lambda item: all(item[name] == value for name, value in fields.items())


def has(name: str) -> Any:
    return lambda item: bool(item[name])


def is_offline(status: Any) -> bool:
    return bool(status["remote"]) and status["remote"]["ok"] is False


def is_online(status: Any) -> bool:
    return not is_offline(status)


def is_paused(status: Any) -> bool:
    queue = status["queue"]
    return bool(queue) and bool(queue["paused"]) and not queue["running"]["files"]


_FRAME = (
    Rule("head", "s3d"),
    Rule("head", "connected agent {.version} up {.started|ago} {.endpoint}", "status", is_online),
    Rule("head", "connected remote unreachable", "status", is_offline),
    Rule("head", "next check in {.queue.next_check|until}", "status", is_offline),
    Rule("head", "last answer {.remote.last_success|ago} ago", "status", is_offline),
    Rule("head", "↑ {samples.up.-1|size}/s ↓ {samples.down.-1|size}/s"),
    *(Rule("tabs", tab) for tab in ("1 Dashboard", "2 Buckets", "3 Transfers", "4 Cache",
                                    "5 Sync", "6 Logs")),
    Rule("tabs", "3 Transfers {=states.unfinished|n}"),
    Rule("tabs", "3 Transfers !{=states.stuck|n}"),
    Rule("tabs", "3 Transfers {=states.unfinished|n} !{=states.stuck|n}"),
    Rule("tabs", "5 Sync !{=folder troubles|n}"),
    *(Rule("keys", key) for key in ("Conflicts", "Prefetch")),
)  # fmt: skip

_DASHBOARD = (
    Rule("foot", "remote {.remote.ok|remote}", "status"),
    Rule("foot", "$ s3d doctor", "status", is_offline),
    Rule("foot", "$ s3d queue retry {.id}", "queue", has_values(state="failed")),
    Rule("foot", "$ s3d sync conflicts {.name}", "folders", has("conflicts")),
    Rule("foot", "$ s3d sync plan {.name}", "folders", has_values(state="stopped")),
    Rule("upload", "Upload {samples.up.-1|size}/s"),
    Rule("upload", "peak {=rates.peak_up|size}/s in {=rates.seconds|age}"),
    Rule("upload", "oldest {status.queue.oldest|ago}"),
    Rule("upload", "arrival p50 {status.queue.arrival_p50|duration} "
         "p99 {status.queue.arrival_p99|duration}"),
    Rule("upload", "queue {=pending.files|count write}, {=pending.size|size}"),
    Rule("upload", "ETA {status.queue.remaining|age}"),
    Rule("upload", "Paused", "status", is_paused),
    Rule("download", "Download {samples.down.-1|size}/s"),
    Rule("download", "peak {=rates.peak_down|size}/s in {=rates.seconds|age}"),
    Rule("download", "from the cache: {=cache.hits|percent}"),
    Rule("cache-box", "{=cache.share|percent} {cache.size|size} of {cache.max_size|size}, "
         "{cache.files|count object}"),
    Rule("cache-box", "saved {cache.saved_requests|count request}, {cache.saved_bytes|size} of"),
    Rule("endpoint", "{samples.requests.-1|rounded} requests/s "
         "p50 {samples.p50|latency} p99 {samples.p99|latency}"),
    Rule("endpoint", "last minute: 4xx {samples.errors_4xx|n} 5xx {samples.errors_5xx|n}"),
    Rule("endpoint", "{status.endpoint} proxies {status.remote.url}"),
    Rule("folders", "press 5, then n"),
)  # fmt: skip
_FOLDERS_THERE = tuple(
    Rule("folders", f"{sign} {{.name}} {{.path}} {arrow} {{.bucket}}/{{.prefix}} {text}",
         "folders", lambda each, mode=mode, test=test: each["mode"] == mode and test(each))
    for mode, arrow in ARROWS.items()
    for sign, text, test in (
        ("●", "up to date, {.files|count file}",
         lambda each: each["state"] == "idle" and not each["conflicts"]),
        ("!", "{.conflicts|count conflict}, press 5",
         lambda each: each["state"] == "idle" and each["conflicts"]),
        ("‖", "paused", has_values(state="paused")),
        ("!", "stopped: {.reason}", has_values(state="stopped")),
        ("!", "offline: {.reason}", has_values(state="offline")),
    )
)  # fmt: skip
_MOUNTS = (
    Rule("folders", "mount {.dir} {.shown}", "=mounts"),
    Rule("folders", "{.open_files} open", "=mounts", has("open_files")),
    Rule("mount-details", "{.open_files} open", "=mounts", has("open_files")),
    Rule("mount-details", "mounted again at the next start of the agent, until it is unmounted",
         "=mounts", has("from_file")),
    *(Rule("MountsScreen.dialog", key) for key in ("n mount", "u unmount")),
)  # fmt: skip
_SECOND_PANE = (
    Rule("second-place", "{=home.path}"),
    Rule("foot", "{=home.path}"),
)
_STORE = (
    Rule("foot", "embedded store", "status", lambda each: each["remote"] is None),
    Rule("cache-box", "Embedded store {.store.objects|count object}, {.store.size|size} "
         "{.store.buckets|count bucket}, {.store.free|size} free {.store.path}", "status",
         lambda each: bool(each["store"])),
    *(Rule("details", "{.objects|n} objects, {.size|size}", f"bucket {bucket}",
           lambda each: each["objects"] is not None) for bucket in ("photos", "backup")),
    Rule("details", "version {.version_id}", "=inspected"),
    Rule("queue", "write to {status.endpoint}"),
    Rule("entries", "Bucket/key Cached Size"),
    Rule("endpoint", "{.endpoint} serves the embedded store", "status",
         lambda each: each["remote"] is None),
)  # fmt: skip
_BUCKETS = (
    Rule("place", "all buckets: {=counts.buckets|count bucket}"),
    Rule("place", "{.name}: {.rows|count row}", "=places"),
    Rule("foot", "all buckets"),
    Rule("foot", "{.name}", "=places"),
    *(Rule("inspector", text) for text in ("Info 1/4", "Meta 2/4", "Tags 3/4",
                                                 "Versions 4/4")),
    Rule("details", "{.name} created {.created|time}", "buckets"),
    Rule("details", "versioning Enabled", "bucket photos", has_values(versioning="Enabled")),
    Rule("details", "versioning never enabled", "bucket backup", has_values(versioning="")),
    Rule("details", "{.prefix}", "=places"),
    Rule("details", "{.key} {.size|n} B {.content_type} {.last_modified|time} "
         "class {.storage_class}", "=inspected"),
    Rule("details", "write {.id} {.operation} {.state} {.size|n} B", "queue"),
    Rule("details", "{.key} write", "=inspected", has("pending")),
    Rule("details", "{.content_type} {.last_modified|time} class {.storage_class}", "=inspected",
         has("pending")),
    Rule("details", "version {.version_id} state {.state}", "=inspected"),
    *(Rule("details", text, "=inspected", lambda each: each["cache"].get("held") == 0)
      for text in ("state {.state} not cached", "not cached")),
    Rule("details", "state {.state} cache {.cache.held|size} ({.cache.share|percent})",
         "=inspected"),
    Rule("details", "cache {.cache.held|size} ({.cache.share|percent})", "=inspected"),
    Rule("details", "receipt {.receipts.0.verified|time}, {.receipts.0.algorithm}", "=inspected",
         has("receipts")),
    Rule("details", "pinned", "=inspected", lambda each: each["cache"].get("pinned")),
    Rule("details", "{.key} content-type = {.content_type} etag = {.etag}", "=inspected"),
    Rule("details", "{.name} = {.value}", "=pairs"),
    Rule("details", "{.key}", "=inspected"),
    Rule("details", "{.last_modified|time} {.size|size} {.version_id}", "=versions"),
    Rule("preview-note", "HTML"),
    Rule("preview-note", "64 KiB of {.size|size} read", "=inspected"),
    Rule("versions-hint", "{=version sums.count|count version}, {=version sums.size|size}"),
    Rule("VersionsScreen.dialog", "Versions of photos/notes.txt"),
    Rule("PropertiesScreen.dialog", "Properties of photos"),
    Rule("property-document", '"Status": "{.versioning}"', "bucket photos"),
    Rule("SizesScreen.dialog", "Sizes below {.bucket}", "=places"),
    Rule("sizes-total", "{.bucket} {.objects|count object}, {.size|size}", "=places",
         has_values(prefix="")),
    Rule("Confirm.Static", "Delete {.objects|count object}, {.size|size}: all below {.prefix} from "
         "{.bucket}?", "=places"),
)  # fmt: skip
_CACHE = (
    Rule("foot", "{cache.files|count object}, all shown, by name {cache.pins|count pin}"),
    Rule("gauge", "Read cache {cache.path}"),
    Rule("gauge", "{cache.size|size} of {cache.max_size|size} {=cache.share|percent}"),
    Rule("gauge", "cached {=cache.clean|size}"),
    Rule("gauge", "pinned {=cache.pinned|size}"),
    Rule("gauge", "pending writes {=pending.size|size} (in the queue, never evicted)"),
    Rule("gauge", "hits: {=cache.hits|percent}"),
    Rule("gauge", "evicted {cache.evictions|count object}"),
    Rule("gauge", "S3-FIFO, revalidated after {cache.max_age|age}"),
    Rule("FormScreen.Static", "S3D_READ_CACHE_MAX_SIZE"),
    Rule("FormScreen.field", "Max size {cache.max_size|compact size}"),
    Rule("FormScreen.field", "Max objects {cache.max_files}"),
    Rule("Confirm.Static", "Evict {.bucket}/{.key}? It frees {.held|size};", "=entries"),
)  # fmt: skip
_TRANSFERS = (
    Rule("foot", "queue {=pending.files|count write}, {=pending.size|size} of "
         "{status.queue.limits.max_size|size}"),
    Rule("foot", "oldest {status.queue.oldest|ago}"),
    Rule("queue-box", "↑ {samples.up.-1|size}/s"),
    Rule("queue-box", "↓ {samples.down.-1|size}/s"),
    Rule("queue-box", "Paused", "status", is_paused),
    Rule("queue-box", "all {=states.all|n}"),
    Rule("queue-box", "{.word} {.count|n}", "=held writes"),
    *(Rule("queue-box", f"{state} {{=states.{state}|n}}")
      for state in ("running", "waiting", "failed", "conflict", "done")),
    Rule("queue-box", "ETA {status.queue.remaining|age}"),
    Rule("queue-box", "{status.queue.trouble}, next check in {status.queue.next_check|until}"),
)  # fmt: skip
NAME = "{.bucket}/{.key}"
_ABOUT = f"{{.operation}} {NAME}"


def _about(text: str, when: Any = bool) -> Rule:
    """What the box says of the transfer that it shows."""
    return Rule("write-box", text, "transfers", when, about=_ABOUT)


_TRANSFER = (
    _about("Transfer {.id}"),
    _about(_ABOUT + " {.state|transfer state} accepted {.accepted|time}", has_values(kind="push")),
    _about(_ABOUT + " paused accepted {.accepted|time}", has_values(state="held", error=None)),
    _about(_ABOUT + " held by filter accepted {.accepted|time}",
           lambda each: each["state"] == "held" and each["error"]),
    _about(_ABOUT + " to {.target} {.state} accepted {.accepted|time}",
           has_values(kind="download")),
    _about("{.done|size} of {.size|size}"),
    _about("{.files_done|n} of {.files|count file}"),
    _about("try {.attempts}"),
    _about("next try in {.retry_at|until}"),
    _about("{.error.code} (HTTP {.error.status}): {.error.message}",
           lambda each: each["error"] and each["error"]["status"]),
    _about("{.error.code}: {.error.message}",
           lambda each: each["error"] and not each["error"]["status"]),
    _about("request id {.error.request_id}"),
    _about("s3d queue retry {.id} --force", has_values(state="conflict")),
    _about("Paused. p resumes.", has_values(state="held", error=None)),
    _about("Held by filter: {.error.message}", has_values(state="held")),
    _about("A single request: it cannot be paused or cancelled.",
           lambda each: each["state"] == "running" and "pause" not in each["actions"]),
)  # fmt: skip


_SYNC = (
    Rule("foot", "{.name}: In sync {.last_pass|ago} ago, watching for changes", "folders",
         has_values(state="idle", watch="events")),
    Rule("foot", "{.name}: {.state}, last in sync {.last_pass|ago} ago", "folders",
         lambda each: each["state"] != "idle"),
    Rule("folder-box", "{.name} {.files|count file}, {.size|size}", "folders"),
    Rule("folder-box", "filter {.filter}", "folders", has("filter"), about="{.name} "),
    Rule("folder-box", "{.state}: {.reason}", "folders", has("reason"), about="{.name} "),
    Rule("folder-box", "{.conflicts|count conflict}", "folders", has("conflicts"),
         about="{.name} "),
    Rule("ConflictsScreen.dialog", "Conflicts of {.name}", "folders", has("conflicts")),
    Rule("text", "{.original}: remote and local", "=diffs"),
    Rule("text", "- remote {.original_size|size} "
         "{.original_modified|time} + local {.copy_size|size} {.copy_modified|time}", "=diffs"),
    *(Rule("text", f"{{.lines.{number}}}", "=diffs") for number in range(5)),
    Rule("text", "Dry run: {.name}", "folders"),
    Rule("text", "{.action} {.count|n}", "=plan counts"),
    Rule("text", "up {.upload_size|size}, down {.download_size|size}", "plan emptied"),
    Rule("text", "approval: {.doubt}", "plan emptied"),
    Rule("text", "{.action} {.size|size} {.path}", "=plan steps"),
    Rule("FolderFormScreen.dialog", "Edit folder {.name}", "folders"),
    Rule("folder-counts", "{.kept|n} included, {.excluded|n} excluded", "=check"),
    *(Rule(f"folder-{field}-hint", f"{{.fields.{number}.text}}", "=check")
      for number, field in enumerate(("path", "bucket", "prefix"))),
    Rule("fields.field", "Local folder {.path}/", "folders", has_values(name="notes")),
    Rule("fields.field", "Bucket {.bucket}", "folders", has_values(name="notes")),
    Rule("fields.field", "Prefix {.prefix}", "folders", has_values(name="notes")),
    Rule("fields.field", "Mode {.mode}", "folders", has_values(name="notes")),
    Rule("fields.field", "Filter {.filter}", "folders", has_values(name="notes")),
    Rule("fields.field", "Check every 30s"),
    Rule("fields.field", "Name {.name}", "folders", has_values(name="notes")),
)  # fmt: skip
_OTHERS = (
    Rule("foot", "{=counts.log|n} of {=counts.log|n} lines"),
    Rule("foot", "{.text}", "=log lines"),
)
RULES = (
    *_FRAME, *_DASHBOARD, *_FOLDERS_THERE, *_MOUNTS, *_SECOND_PANE, *_STORE, *_BUCKETS, *_CACHE,
    *_TRANSFERS, *_TRANSFER, *_SYNC, *_OTHERS,
)  # fmt: skip
