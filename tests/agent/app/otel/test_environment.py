import pytest

from s3d.agent.app.otel.environment import (
    Batching,
    Signal,
    batching,
    chosen,
    endpoint_of,
    metric_interval,
    sampler,
    secrets_of,
)
from s3d.agent.s3.trace_context import TraceContext

URL = "http://127.0.0.1:4318"
GENERAL = {"OTEL_EXPORTER_OTLP_ENDPOINT": URL}
ALL = frozenset(Signal)


@pytest.mark.parametrize(
    ("environ", "signals"),
    [
        ({}, set()),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_TRACES_EXPORTER": "otlp"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, set()),
        (GENERAL, ALL),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, {Signal.TRACES}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL}, {Signal.METRICS}),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": URL}, {Signal.LOGS}),
        (GENERAL | {"OTEL_SDK_DISABLED": "true"}, set()),
        (GENERAL | {"OTEL_SDK_DISABLED": "TRUE"}, set()),
        (GENERAL | {"OTEL_SDK_DISABLED": "yes"}, ALL),
        (GENERAL | {"OTEL_LOGS_EXPORTER": "none"}, ALL - {Signal.LOGS}),
        (GENERAL | {"OTEL_LOGS_EXPORTER": "console,otlp"}, ALL),
        (GENERAL | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ALL),
    ],
)
def test_nothing_is_exported_without_an_endpoint(environ, signals):
    assert chosen(environ) == (signals, ())


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin"),
    ],
)
def test_what_s3d_cannot_do_is_a_warning_that_names_the_variable(environ, named):
    signals, warnings = chosen(GENERAL | environ)
    assert signals == ALL - {Signal.TRACES}
    (text,) = warnings
    assert text.startswith(named)
    assert text.endswith("so traces are not exported")


LOW, HIGH = f"{'f' * 16}{'0' * 16}", f"{'0' * 16}{'f' * 16}"
"""Trace ids whose random part is the lowest and the highest."""
SAMPLED = TraceContext(HIGH, "b" * 16)
UNSAMPLED = SAMPLED._replace(is_sampled=False)


@pytest.mark.parametrize(
    ("name", "argument", "root", "of_sampled", "of_unsampled"),
    [
        ("", "", True, True, False),
        ("parentbased_always_on", "", True, True, False),
        ("parentbased_always_off", "", False, True, False),
        ("always_on", "", True, True, True),
        ("always_off", "", False, False, False),
        ("parentbased_traceidratio", "0.5", False, True, False),
        ("traceidratio", "0.5", False, False, False),
        ("traceidratio", "1", True, True, True),
        ("traceidratio", "nonsense", True, True, True),
        ("nonsense", "", True, True, False),
    ],
)
def test_the_samplers(name, argument, root, of_sampled, of_unsampled):
    sample = sampler({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert sample(HIGH, None) is root
    assert sample(HIGH, SAMPLED) is of_sampled
    assert sample(HIGH, UNSAMPLED) is of_unsampled


def test_a_ratio_takes_the_low_part_of_the_ids():
    sample = sampler({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"})
    assert sample(LOW, None)
    assert not sample(HIGH, None)


def test_the_numbers_and_their_defaults():
    assert batching({}, "BSP") == Batching(2_048, 512, 5.0)
    assert batching({}, "BLRP") == Batching(2_048, 512, 1.0)
    assert metric_interval({}) == 60.0
    environ = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_METRIC_EXPORT_INTERVAL": "1500",
    }
    assert batching(environ, "BSP") == Batching(100, 100, 0.05)
    assert metric_interval(environ) == 1.5


@pytest.mark.parametrize("text", ["", "-1", "0", "x", "1e9", "9" * 30])
def test_a_number_that_is_not_one_counts_as_the_default(text):
    assert batching({"OTEL_BSP_MAX_QUEUE_SIZE": text}, "BSP").queue == 2_048


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
        ("https://user:pass@host:4318/v1?key=x", "https://host:4318"),
        ("user:pass@nonsense", "nonsense"),
    ],
)
def test_an_endpoint_is_shown_without_its_secrets(url, shown):
    assert endpoint_of({"OTEL_EXPORTER_OTLP_ENDPOINT": url}, Signal.LOGS) == shown


def test_secrets_are_the_values_of_headers_and_the_passwords_of_urls():
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc, x-key = def ,malformed",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=b=c",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pass@word@host:4318/path",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_SERVICE_NAME": "s3d",
    }
    secrets = secrets_of(environ)
    assert set(secrets) == {"Bearer%20abc", "Bearer abc", "def", "malformed", "b=c", "pass@word"}
