"""What is traced: the spans of the layers, and the history of objects.

The layers themselves know nothing of their spans: the rows here say which requests give a layer
work, and so a span.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from s3d.agent.app.remote_folders import folders_of
from s3d.agent.core.events import Events
from s3d.agent.core.object_history import FILE, ObjectHistory, read_history
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import LayerRow, handlers_of
from s3d.agent.core.telemetry import Registry
from s3d.agent.core.traced_layer import DoesWork, InternalRequests, TracedLayer
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.read_cache.catalog.catalog import Catalog
from s3d.agent.stores.read_cache.listings import ListOps
from s3d.agent.stores.read_cache.object_reads import ObjectReads
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.shared.diagnostics import ObjectEvent
from s3d.shared.paths import Places


class Reports(NamedTuple):
    """What the parts of a gateway report to."""

    events: Events
    registry: Registry
    tracer: Tracer
    history: ObjectHistory


_CACHED_READS = frozenset((*handlers_of(ObjectReads), *handlers_of(ListOps)))


def span_of_requests(tracer: Tracer) -> LayerRow:
    """The row above all that has spans, for requests that no client has sent."""
    return LayerRow("s3d.requests", partial(InternalRequests, tracer=tracer))


def span_of_queue(tracer: Tracer, journal: Journal) -> LayerRow:
    """The row above the write queue, which has work with writes and with what is pending."""

    def does_work(request: S3Request[Any]) -> bool:
        if request.op.access not in ("read", "list"):
            return True
        return bool(request.bucket and journal.pending.writes(request.bucket, request.key))

    return _row("s3d.write_queue", tracer, does_work)


def span_of_cache(tracer: Tracer) -> LayerRow:
    """The row above the read cache, which has work with the reads that it handles."""
    return _row("s3d.read_cache", tracer, lambda request: request.op.name in _CACHED_READS)


def open_history(places: Places, events: Events) -> ObjectHistory:
    """The history of the objects of a remote account."""
    history = ObjectHistory(places.history_dir)
    events.taps.append(history.on_event)
    return history


class HistoryAtRest(NamedTuple):
    """What the files of an agent that does not run have of an object."""

    file: Path
    remote: str
    """URL."""
    events: list[ObjectEvent]
    """Oldest first."""


def history_at_rest(places: Places, bucket: str, key: str) -> HistoryAtRest | None:
    """The history of an object at the remote that was used last; None: there are no files.

    Raises UsageError, S3dError for the state of a newer s3d.
    """
    folders = folders_of(places.state_dir)
    if not folders or not (folders[0].path / FILE).exists():
        return None
    path, identity = folders[0]
    return HistoryAtRest(path / FILE, identity.url, read_history(path, bucket, key))


def note_cached(history: ObjectHistory, catalog: Catalog) -> None:
    """Keep what comes into the cache, and what is evicted."""
    catalog.note = history.note


def _row(name: str, tracer: Tracer, does_work: DoesWork) -> LayerRow:
    construct = partial(TracedLayer, name=name, tracer=tracer, does_work=does_work)
    return LayerRow(name, construct)
