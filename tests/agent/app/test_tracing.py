"""Which layers have a span of a request, and what the history of an object is made of."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from s3d.agent.app.tracing import note_cached, open_history, span_of_cache, span_of_queue
from s3d.agent.core.context import internal_request
from s3d.agent.core.events import Events
from s3d.agent.core.store import Completed
from s3d.agent.s3.messages import RequestContext, S3Response
from s3d.agent.s3.trace_context import TraceContext
from s3d.shared.config.load import load_config
from s3d.shared.paths import find_places

CONTEXT = RequestContext("R", trace=TraceContext("a" * 32, "b" * 16))


class Below:
    def call(self, request):
        return Completed(S3Response({}))


class Pending:
    """The pending writes: those of bucket b, key k."""

    def writes(self, bucket: str, key: str = ""):
        return ["write"] if bucket == "b" and key in ("", "k") else []


def spans_of(row, sink, operation, **members) -> list[str]:
    row.construct(Below()).call(internal_request(CONTEXT, operation, members))
    return [span.name for span in sink.spans]


@pytest.mark.parametrize(
    ("operation", "members", "has_span"),
    [
        ("PutObject", {"Bucket": "b", "Key": "other"}, True),
        ("DeleteBucket", {"Bucket": "b"}, True),
        ("GetObject", {"Bucket": "b", "Key": "k"}, True),
        ("ListObjectsV2", {"Bucket": "b"}, True),
        ("GetObject", {"Bucket": "b", "Key": "other"}, False),
        ("ListBuckets", {}, False),
    ],
)
def test_the_queue_has_a_span_where_something_is_written_or_pending(
    tracer, sink, operation, members, has_span
):
    row = span_of_queue(tracer, SimpleNamespace(pending=Pending()))
    assert spans_of(row, sink, operation, **members) == ["s3d.write_queue"] * has_span


@pytest.mark.parametrize(
    ("operation", "has_span"),
    [("GetObject", True), ("HeadObject", True), ("ListObjectsV2", True), ("PutObject", False)],
)
def test_the_cache_has_a_span_where_something_is_read(tracer, sink, operation, has_span):
    row = span_of_cache(tracer)
    assert spans_of(row, sink, operation, Bucket="b") == ["s3d.read_cache"] * has_span


async def test_the_history_hears_of_the_queue_and_of_the_cache(tmp_path):
    places = find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})
    places.state_dir.mkdir(parents=True)
    events, catalog = Events(), SimpleNamespace(note=None)
    history = open_history(places, events)
    note_cached(history, catalog)
    events.emit("queue.accepted", "b/k")
    catalog.note("cached", "b/k")
    assert [event.event for event in await history.of("b", "k")] == ["accepted", "cached"]
