"""The one table of all metrics, from which docs/metrics.md is generated.

Names follow https://prometheus.io/docs/practices/naming/: base units, the unit as a suffix, and
_total for counters. Label values never contain keys, and telemetry.py bounds how many there are.
To add a metric, add its line here, and report to it where the event happens (core/telemetry.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from s3d.agent.core.histogram_bounds import COMMIT, DELAY, LAG, REQUEST, Bounds


class Kind(StrEnum):
    """The types of metrics, as the Prometheus text format names them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


_UNITS = ("seconds", "bytes", "ratio")


class Metric(NamedTuple):
    """One metric."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    """One sentence for people: the text of # HELP."""
    bounds: Bounds | None = None
    """Of a histogram."""

    @property
    def unit(self) -> str:
        """seconds, bytes, ratio, or "" for a plain count."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in _UNITS else ""

    @property
    def subject(self) -> str:
        """The part of the agent that it belongs to: http, queue, cache, ..."""
        return self.name.split("_")[1]


TABLE: list[Metric] = []
"""All metrics, in the order of this file."""


def _register(metric: Metric) -> Metric:
    TABLE.append(metric)
    return metric


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return _register(Metric(name, Kind.COUNTER, labels, meaning))


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return _register(Metric(name, Kind.GAUGE, labels, meaning))


def _histogram(name: str, bounds: Bounds, meaning: str, *labels: str) -> Metric:
    return _register(Metric(name, Kind.HISTOGRAM, labels, meaning, bounds))


# ---------------------------------------------------------------- the S3 endpoint

HTTP_REQUESTS = _counter(
    "s3d_http_requests_total",
    "Requests that have ended, by operation and by the status of the response; the code is "
    '"aborted" when the response was cut off before its end, and 400 when the request was. The '
    'operation is "" when the request was refused before it was known.',
    "operation", "code",
)  # fmt: skip
HTTP_DURATION = _histogram(
    "s3d_http_request_duration_seconds", REQUEST,
    "Time from the complete head of a request to the last byte of its response.",
    "operation",
)  # fmt: skip
HTTP_RECEIVED = _counter(
    "s3d_http_request_body_bytes_total",
    "Bytes of request bodies that were read, as the client encoded them.",
    "operation",
)
HTTP_SENT = _counter(
    "s3d_http_response_bytes_total", "Bytes of responses, heads included.", "operation"
)
HTTP_IN_FLIGHT = _gauge("s3d_http_requests_in_flight", "Requests that are being served.")
HTTP_UPLOADS = _gauge(
    "s3d_http_uploads_in_flight", "Requests whose body, the bytes of an object, is being received."
)
HTTP_CONNECTIONS = _gauge("s3d_http_connections", "Open connections of clients.")
HTTP_MALFORMED = _counter(
    "s3d_http_malformed_requests_total",
    "Requests that were refused because they are not valid HTTP.",
)

# ---------------------------------------------------------------- control API, layers

CONTROL_CALLS = _counter(
    "s3d_control_calls_total", "Calls of the control API, by route and status.", "route", "code"
)
LAYER_CALLS = _counter(
    "s3d_layer_calls_total",
    "Requests that reached a layer of the stack, from clients and from the agent itself.",
    "layer", "operation",
)  # fmt: skip

# ---------------------------------------------------------------- the remote

REMOTE_REQUESTS = _counter(
    "s3d_remote_requests_total",
    "Requests to the remote, by operation and outcome: the status of its answer, "
    '"unreachable" when there was none, or "cancelled" when nobody waited for it any more.',
    "operation", "code",
)  # fmt: skip
REMOTE_DURATION = _histogram(
    "s3d_remote_request_duration_seconds", REQUEST,
    "Time until the head of the remote's answer was there, retries included.",
    "operation",
)  # fmt: skip
REMOTE_IN_FLIGHT = _gauge("s3d_remote_requests_in_flight", "Requests that wait for the remote.")
REMOTE_UP = _gauge(
    "s3d_remote_up", "1 when the last request reached the remote, 0 when it did not."
)
REMOTE_LAST_SUCCESS = _gauge(
    "s3d_remote_last_success_timestamp_seconds", "When the remote last answered, in Unix time."
)
REMOTE_CLOCK_OFFSET = _gauge(
    "s3d_remote_clock_offset_seconds", "The remote's clock minus the clock of this machine."
)

# ---------------------------------------------------------------- the write queue

QUEUE_ACCEPTED = _counter(
    "s3d_queue_accepted_writes_total", "Writes that were acknowledged, by kind.", "kind"
)
QUEUE_WRITES = _gauge("s3d_queue_writes", "Writes in the queue, by state.", "state")
QUEUE_BYTES = _gauge("s3d_queue_bytes", "Bytes of the writes in the queue, by state.", "state")
QUEUE_LIMIT_WRITES = _gauge("s3d_queue_limit_writes", "Most writes that the queue accepts.")
QUEUE_LIMIT_BYTES = _gauge("s3d_queue_limit_bytes", "Most bytes that the queue accepts.")
QUEUE_OLDEST = _gauge(
    "s3d_queue_oldest_write_age_seconds",
    "Age of the oldest write that waits or is being pushed; 0 when there is none.",
)
QUEUE_ARRIVAL = _histogram(
    "s3d_queue_arrival_duration_seconds", DELAY,
    "Time from the acknowledgement of a write to its arrival at the remote.",
)  # fmt: skip
QUEUE_PUSHES = _counter(
    "s3d_queue_pushes_total", "Writes that the remote has received, by bucket.", "bucket"
)
QUEUE_FAILURES = _counter(
    "s3d_queue_push_failures_total",
    "Attempts to push a write that failed, by reason: unreachable, transient, clock, auth, denied, "
    "permanent, conflict (with a newer version at the remote), or corrupt (in the queue).",
    "reason",
)
QUEUE_PUSHED_BYTES = _counter(
    "s3d_queue_pushed_bytes_total", "Bytes of pushes, including those sent again after a failure."
)
QUEUE_IN_FLIGHT = _gauge("s3d_queue_pushes_in_flight", "Pushes in progress.")
QUEUE_PUSH_LIMIT = _gauge("s3d_queue_push_limit", "Pushes that may be in progress at once.")
QUEUE_BLOCKED = _gauge(
    "s3d_queue_breaker_open",
    "1 for the reason for which nothing is pushed, else 0: away (the remote cannot be reached), "
    "credentials (it refuses them), or account (it may be another one).",
    "reason",
)
QUEUE_PAUSED = _gauge("s3d_queue_paused", "1 while a person has paused the queue, else 0.")
QUEUE_BANDWIDTH = _gauge(
    "s3d_queue_bandwidth_limit_bytes",
    "Bytes a second that may be pushed at this time of day; absent without a limit.",
)

# ---------------------------------------------------------------- the read cache

CACHE_HITS = _counter(
    "s3d_cache_hits_total", "GetObject requests whose bytes were in the cache, all of them."
)
CACHE_MISSES = _counter(
    "s3d_cache_misses_total", "GetObject requests of which bytes were not in the cache."
)
CACHE_HIT_BYTES = _counter("s3d_cache_hit_bytes_total", "Bytes that the cache answered.")
CACHE_STALE = _counter(
    "s3d_cache_stale_answers_total",
    "Answers that were served stale, because the remote was unreachable.",
)
CACHE_REVALIDATIONS = _counter(
    "s3d_cache_revalidations_total", "Entries that the remote was asked to confirm."
)
CACHE_SAVED_REQUESTS = _counter(
    "s3d_cache_saved_requests_total", "Requests to the remote that the cache made unnecessary."
)
CACHE_SAVED_BYTES = _counter(
    "s3d_cache_saved_bytes_total",
    "Bytes that were not fetched from the remote again; stale answers save none.",
)
CACHE_SAVED_COST = _counter(
    "s3d_cache_saved_cost_total",
    "Price of the saved requests and bytes, by the settings read_cache.request_price and "
    "read_cache.traffic_price; absent without them.",
)
CACHE_FETCHED_BYTES = _counter(
    "s3d_cache_fetched_bytes_total", "Bytes that the cache fetched from the remote."
)
CACHE_FILLS = _counter("s3d_cache_fills_total", "Fetches of objects or parts into the cache.")
CACHE_FILLING = _gauge("s3d_cache_fills_in_flight", "Fetches into the cache in progress.")
CACHE_EVICTIONS = _counter("s3d_cache_evictions_total", "Entries removed to make room.")
CACHE_CORRUPT = _counter(
    "s3d_cache_corrupt_total", "Damaged data that was detected and never served."
)
CACHE_BYTES = _gauge("s3d_cache_bytes", "Bytes of the cache on the disk.")
CACHE_OBJECTS = _gauge("s3d_cache_objects", "Objects that are cached, completely or in part.")
CACHE_LIMIT_BYTES = _gauge("s3d_cache_limit_bytes", "Most bytes that the cache may use.")
CACHE_LIMIT_OBJECTS = _gauge("s3d_cache_limit_objects", "Most objects that the cache may have.")

# ---------------------------------------------------------------- sync folders

SYNC_PASSES = _counter(
    "s3d_sync_passes_total", "Passes that have ended, by folder and outcome.", "folder", "outcome"
)
SYNC_ACTIONS = _counter(
    "s3d_sync_actions_total", "Changes that sync folders carried out, by kind.", "folder", "action"
)
SYNC_FILES = _gauge("s3d_sync_files", "Files that both sides agree on.", "folder")
SYNC_CONFLICTS = _gauge(
    "s3d_sync_conflicts", "Conflict copies that wait for a person, up to 100.", "folder"
)
SYNC_BLOCKED = _gauge("s3d_sync_blocked_files", "Files that cannot be synced.", "folder")
SYNC_UPLOAD_DELAY = _histogram(
    "s3d_sync_upload_delay_seconds", DELAY,
    "Time from the change of a file to its arrival at the remote side.",
    "folder",
)  # fmt: skip
SYNC_DOWNLOAD_DELAY = _histogram(
    "s3d_sync_download_delay_seconds", DELAY,
    "Time from the change of an object to its arrival in the folder.",
    "folder",
)  # fmt: skip

# ---------------------------------------------------------------- mounts

MOUNT_UP = _gauge("s3d_mount_up", "1: mounted; 0: mounting failed, or it was unmounted.", "folder")
MOUNT_OPEN_FILES = _gauge("s3d_mount_open_files", "Files that programs have open.", "folder")
MOUNT_OPERATIONS = _counter(
    "s3d_mount_operations_total", "Operations of the kernel.", "folder", "operation"
)
MOUNT_ERRORS = _counter("s3d_mount_io_errors_total", "Operations that ended with EIO.", "folder")

# ---------------------------------------------------------------- transfers

TRANSFERS = _gauge("s3d_transfers_jobs", "Transfers that have not ended, by state.", "state")
TRANSFERS_ENDED = _counter(
    "s3d_transfers_ended_total",
    "Jobs that have ended, by kind (transfer, prefetch or migration) and outcome.",
    "kind", "outcome",
)  # fmt: skip
TRANSFERS_OBJECTS = _counter("s3d_transfers_objects_total", "Objects transferred.", "kind")
TRANSFERS_BYTES = _counter("s3d_transfers_bytes_total", "Bytes of the objects.", "kind")

# ---------------------------------------------------------------- disk and process

SQLITE_COMMIT = _histogram(
    "s3d_sqlite_commit_duration_seconds", COMMIT,
    "Time of a commit, with its sync to the disk.",
    "database",
)  # fmt: skip
DISK_FREE = _gauge(
    "s3d_disk_free_bytes",
    "Bytes free for the agent on the file system of a folder, measured every 5 seconds; absent "
    "while it has not answered for a minute.",
    "folder",
)
LOOP_LAG = _histogram(
    "s3d_process_event_loop_lag_seconds", LAG,
    "How late a timer of the event loop runs: the time in which nothing was answered.",
)  # fmt: skip
OPEN_FILES = _gauge("s3d_process_open_fds", "Open files and sockets.")
MAX_FILES = _gauge("s3d_process_max_fds", "Most open files and sockets; absent without a limit.")
RESIDENT_MEMORY = _gauge("s3d_process_resident_memory_bytes", "Memory in use.")
CPU_TIME = _counter("s3d_process_cpu_seconds_total", "CPU time of the agent, user and system.")
START_TIME = _gauge(
    "s3d_process_start_timestamp_seconds", "When the agent was started, in Unix time."
)
BUILD_INFO = _gauge("s3d_build_info", "1; the labels name the version.", "version", "python")
