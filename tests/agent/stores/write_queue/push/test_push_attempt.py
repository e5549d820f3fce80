from __future__ import annotations

import logging

import pytest

from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.spans import SpanKind, Tracer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_ORIGIN,
    Kind,
    Origin,
    new_write,
)
from s3d.agent.stores.write_queue.push.push_attempt import (
    NAME,
    HeldByFilter,
    Overtaken,
    Pushed,
    PushSpans,
)
from s3d.agent.stores.write_queue.push.push_plan import Resolution
from s3d.shared.logs import current_request, entry_of, subject_fields


@pytest.mark.parametrize(
    ("remote", "acknowledged", "client"),
    [
        ("e", "e", ""),
        ('"e"', "e", ""),
        ("other", "e", "e"),
        ("other", "", ""),
        ("", "e", "e"),
    ],
)
def test_the_client_s_etag_is_told_when_the_remote_has_another(remote, acknowledged, client):
    assert Pushed(remote, acknowledged).client_etag == client


CLIENT = TraceContext("a" * 32, "b" * 16, True, "v=1")
ORIGIN = Origin("CLIENT", CLIENT.traceparent, CLIENT.state)


@pytest.fixture(autouse=True)
def own_context():
    """A push has a task of its own, and so has what it sets."""
    yield
    current_request.set(None)


def write():
    return new_write(7, Kind.PUT, "b", "k", 5, 1.0, attempts=1)


def test_a_push_begins_a_trace_that_is_linked_to_the_request(tracer, sink):
    with PushSpans(tracer).push(write(), ORIGIN) as context:
        assert sink.spans == []
    (span,) = sink.spans
    assert (span.name, span.kind, span.parent_id) == (NAME, SpanKind.CONSUMER, "")
    assert span.links == (CLIENT,)
    assert span.context.trace_id != CLIENT.trace_id
    assert context.trace == span.context
    assert (context.parent, context.bypass_cache) == ("CLIENT", False)
    assert span.attributes["s3d.queue.attempt"] == 2


def test_a_write_of_an_older_version_has_no_link(tracer, sink):
    with PushSpans(tracer).push(write(), NO_ORIGIN):
        pass
    assert sink.spans[0].links == ()


def test_without_an_exporter_the_clients_context_goes_along():
    with PushSpans().push(write(), ORIGIN) as context:
        assert context.trace == CLIENT


def test_a_push_that_is_not_recorded_has_no_recorded_parts(sink):
    tracer = Tracer()
    tracer.install(sink, lambda trace_id, parent: False)
    with PushSpans(tracer).push(write(), ORIGIN) as context:
        assert context.trace == CLIENT._replace(is_sampled=False)
    assert sink.spans == []


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (S3Error("SlowDown"), "error.type", "SlowDown"),
        (OSError("/home/name"), "error.type", "OSError"),
        (HeldByFilter("why"), "s3d.queue.outcome", "HeldByFilter"),
        (Overtaken("etag", Resolution.PARK), "s3d.queue.outcome", "Overtaken"),
    ],
)
def test_the_outcome_of_a_push_that_did_not_arrive(tracer, sink, error, name, value):
    with pytest.raises(type(error)), PushSpans(tracer).push(write(), ORIGIN):
        raise error
    (span,) = sink.spans
    assert span.attributes[name] == value
    assert ("error.type" in span.attributes) is (name == "error.type")


async def test_each_push_is_in_the_history_of_its_object(tracer, sink, tmp_path):
    history = ObjectHistory(tmp_path)
    with PushSpans(tracer, history).push(write(), ORIGIN) as context:
        pass
    (event,) = await history.of("b", "k")
    assert (event.event, event.data) == ("pushing", {"seq": 7, "attempt": 2})
    assert (event.request_id, event.trace_id) == (context.request_id, context.trace.trace_id)


async def test_lines_that_a_push_logs_name_it_and_the_client_s_request(tracer):
    with PushSpans(tracer).push(write(), ORIGIN) as context:
        pass
    record = logging.getLogger("s3d").makeRecord(
        "s3d", logging.INFO, "", 0, "a push failed", (), None, extra=subject_fields(write())
    )
    entry = entry_of(record)
    assert (entry.request_id, entry.write_request_id) == (context.request_id, "CLIENT")
    assert (entry.trace_id, entry.bucket, entry.key) == (context.trace.trace_id, "b", "k")
