import logging

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from s3d.agent.app.otel.environment import Batching
from s3d.agent.app.otel.export_thread import RecordQueue
from s3d.agent.app.otel.log_export import Line, LogExporter, sender
from s3d.shared.masking import hide, mask

SECRET = "planted-secret"


@pytest.fixture
def queue():
    return RecordQueue[Line](Batching(10, 10, 1.0))


@pytest.fixture
def logger(queue):
    hide(SECRET)
    handler, root = LogExporter(queue, mask), logging.getLogger()
    root.addHandler(handler)
    yield logging.getLogger("s3d.agent.x")
    root.removeHandler(handler)


def sent(queue):
    exporter = InMemoryLogRecordExporter()
    send = sender(exporter, Resource({"service.name": "s3d"}), InstrumentationScope("s3d"))
    assert send(queue.take())
    return [each.log_record for each in exporter.get_finished_logs()]


def test_a_line_of_the_log(logger, queue):
    logger.warning("a push failed: %s key=%s", "why", "k\udcff")
    (record,) = sent(queue)
    assert record.body == "a push failed: why key=k?"
    assert (record.severity_text, record.severity_number.value) == ("WARNING", 13)
    assert record.attributes == {"log.logger": "s3d.agent.x"}
    assert record.timestamp > 1_700_000_000 * 10**9


def test_the_error_of_a_line_goes_along(logger, queue):
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    (record,) = sent(queue)
    assert record.body == "it failed: ValueError('why')"


@pytest.mark.parametrize(
    "text", [SECRET, "authorization: AWS4-HMAC-SHA256 abc", "x-amz-signature=abc"]
)
def test_secrets_are_masked(logger, queue, text):
    logger.warning("seen %s", text)
    (record,) = sent(queue)
    assert SECRET not in record.body
    assert "abc" not in record.body


@pytest.mark.parametrize(
    "name", ["opentelemetry.sdk", "urllib3.connectionpool", "s3d.agent.app.otel.x"]
)
def test_what_the_export_itself_logs_is_not_exported(logger, queue, name):
    logging.getLogger(name).error("cannot send")
    assert queue.take() == []
