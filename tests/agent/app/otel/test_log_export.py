import logging

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.environment import Batching
from s3d.agent.app.otel.export_thread import RecordQueue
from s3d.agent.app.otel.log_export import Line, LogExporter, sender
from s3d.shared.logs import log_fields


@pytest.fixture
def queue():
    return RecordQueue[Line](Batching(10, 10, 1.0))


@pytest.fixture
def logger(queue):
    handler, root = LogExporter(queue), logging.getLogger()
    root.addHandler(handler)
    yield logging.getLogger("s3d.agent.x")
    root.removeHandler(handler)


def sent(queue):
    exporter = InMemoryLogRecordExporter()
    send = sender(exporter, Resource({"service.name": "s3d"}), InstrumentationScope("s3d"))
    assert send(queue.take())
    return [each.log_record for each in exporter.get_finished_logs()]


def test_a_line_of_the_log(logger, queue):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    fields = log_fields(request_id="R", trace_id=trace_id, bucket="b", key="k")
    logger.warning("a push failed: %s", "why", extra=fields)
    (record,) = sent(queue)
    assert record.body == "a push failed: why"
    assert (record.severity_text, record.severity_number.value) == ("WARNING", 13)
    assert record.attributes == {
        "log.logger": "s3d.agent.x",
        "s3d.request_id": "R",
        "aws.s3.bucket": "b",
        "aws.s3.key": "k",
    }
    assert record.trace_id == int(trace_id, 16)
    assert record.timestamp > 1_700_000_000 * 10**9


def test_a_line_without_a_request(queue):
    """The record goes to the handler alone: pytest-xdist cannot send a captured surrogate."""
    args = ("s3d.agent.x", logging.WARNING, __file__, 1, "seen key=%s", ("k\udcff",), None)
    LogExporter(queue).handle(logging.LogRecord(*args))
    (record,) = sent(queue)
    assert record.body.encode()
    assert record.attributes == {"log.logger": "s3d.agent.x"}
    assert not record.trace_id


def test_the_error_of_a_line_goes_along(logger, queue):
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    (record,) = sent(queue)
    assert record.body == "it failed"
    assert "ValueError: why" in record.attributes["exception.stacktrace"]


@pytest.mark.parametrize(
    "text", ["authorization: AWS4-HMAC-SHA256 abcdef", "x-amz-signature=abcdef"]
)
def test_secrets_are_masked(logger, queue, text):
    logger.warning("seen %s", text)
    (record,) = sent(queue)
    assert "abcdef" not in record.body


@pytest.mark.parametrize(
    "name", ["opentelemetry.sdk", "urllib3.connectionpool", "s3d.agent.app.otel.x"]
)
def test_what_the_export_itself_logs_is_not_exported(logger, queue, name):
    logging.getLogger(name).error("cannot send")
    assert queue.take() == []
