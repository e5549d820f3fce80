import math

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.metrics_text import Format, negotiate, render
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.trace_context import TraceContext
from tests.scrape import Scrape, parse

HOSTILE = 'a"b\\c\nd{e},f="g" # {h} \u2028\u202e\udcff\x00'


def scrape(registry, text_format=Format.PROMETHEUS) -> Scrape:
    return parse(render(registry.collect(), text_format).decode())


@pytest.fixture
def registry():
    registry = Registry()
    registry.counter(metric_table.HTTP_REQUESTS, "GetObject", "200").add(3)
    registry.counter(metric_table.HTTP_SENT, "GetObject").add(12_345)
    registry.histogram(metric_table.LOOP_LAG).observe(0.0015, TraceContext("ab" * 16, "cd" * 8))
    registry.histogram(metric_table.LOOP_LAG).observe(9.0)
    registry.computed(metric_table.QUEUE_OLDEST, lambda: 1.25)
    return registry


PROMETHEUS = """\
# HELP s3d_http_response_bytes_total Bytes of responses, heads included.
# TYPE s3d_http_response_bytes_total counter
s3d_http_response_bytes_total{operation="GetObject"} 12345
"""
OPENMETRICS = """\
# TYPE s3d_http_response_bytes counter
# UNIT s3d_http_response_bytes bytes
# HELP s3d_http_response_bytes Bytes of responses, heads included.
s3d_http_response_bytes_total{operation="GetObject"} 12345
"""


def test_a_counter_as_text(registry):
    assert PROMETHEUS in render(registry.collect(), Format.PROMETHEUS).decode()
    text = render(registry.collect(), Format.OPENMETRICS).decode()
    assert OPENMETRICS in text
    assert text.endswith("\n# EOF\n")


@pytest.mark.parametrize("text_format", Format)
def test_what_is_written_is_what_was_counted(registry, text_format):
    found = scrape(registry, text_format)
    assert found.value(metric_table.HTTP_REQUESTS, "GetObject", "200") == 3
    assert found.value(metric_table.QUEUE_OLDEST) == 1.25
    assert found.samples["s3d_process_event_loop_lag_seconds_count"] == {(): 2}
    assert found.samples["s3d_process_event_loop_lag_seconds_sum"] == {(): 9.0015}
    buckets = found.samples["s3d_process_event_loop_lag_seconds_bucket"]
    assert buckets[("le", "0.001"),] == 0
    assert buckets[("le", "0.0025"),] == buckets[("le", "5.0"),] == 1
    assert buckets[("le", "+Inf"),] == 2


def test_exemplars_are_in_openmetrics_only(registry):
    assert scrape(registry).exemplars == {}
    [((name, labels), exemplar)] = scrape(registry, Format.OPENMETRICS).exemplars.items()
    assert name == "s3d_process_event_loop_lag_seconds_bucket"
    assert labels == (("le", "0.0025"),)
    assert exemplar == ({"trace_id": "ab" * 16, "span_id": "cd" * 8}, 0.0015)


@pytest.mark.parametrize("text_format", Format)
def test_a_hostile_label_value_stays_a_value(text_format):
    registry = Registry()
    registry.counter(metric_table.QUEUE_PUSHES, HOSTILE).add()
    registry.counter(metric_table.QUEUE_PUSHES, "x").add(2)
    found = scrape(registry, text_format)
    assert found.samples["s3d_queue_pushes_total"] == {
        (("bucket", HOSTILE.replace("\udcff", "?").replace("\0", "\ufffd")),): 1,
        (("bucket", "x"),): 2,
    }


@pytest.mark.parametrize("value", [0.0, 1e300, -2.5, math.inf, -math.inf, 1 / 3, 2.0**53])
def test_numbers_survive(value):
    registry = Registry()
    registry.computed(metric_table.REMOTE_CLOCK_OFFSET, lambda: value)
    assert scrape(registry).value(metric_table.REMOTE_CLOCK_OFFSET) == value


def test_nothing_as_text():
    assert render([], Format.PROMETHEUS) == b""
    assert render([], Format.OPENMETRICS) == b"# EOF\n"


PROMETHEUS_2_ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Format.PROMETHEUS),
        ("*/*", Format.PROMETHEUS),
        ("text/html, */*;q=0.8", Format.PROMETHEUS),
        (PROMETHEUS_2_ACCEPT, Format.OPENMETRICS),
        ("application/openmetrics-text", Format.OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", Format.OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", Format.PROMETHEUS),
        ("application/openmetrics-text;version=2.0.0", Format.PROMETHEUS),
        ("application/openmetrics-text;q=0", Format.PROMETHEUS),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Format.PROMETHEUS),
        ("application/openmetrics-text;q=nan, text/plain", Format.PROMETHEUS),
        ("application/openmetrics-text;q=;;,,=", Format.PROMETHEUS),
    ],
)
def test_the_format_that_a_client_prefers(accept, expected):
    assert negotiate(accept) is expected
