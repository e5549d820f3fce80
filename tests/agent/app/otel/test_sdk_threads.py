import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from s3d import __version__
from s3d.agent.app.otel import sdk_threads
from s3d.agent.app.otel.environment import Batching, Signal


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """The exporters read the environment of the process."""
    import os

    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("signal", Signal)
def test_only_the_chosen_signals_have_threads(signal):
    opened = sdk_threads.open_threads({signal}, {})
    queues = {
        Signal.TRACES: opened.spans,
        Signal.METRICS: opened.snapshots,
        Signal.LOGS: opened.lines,
    }
    assert [each for each, queue in queues.items() if queue is not None] == [signal]
    assert [thread.queue for thread in opened.threads] == [queues[signal]]


def test_the_variables_of_the_batches_count():
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_METRIC_EXPORT_INTERVAL": "500"}
    opened = sdk_threads.open_threads(set(Signal), environ)
    assert opened.spans.batching == Batching(10, 10, 5.0)
    assert opened.snapshots.batching == Batching(1, 1, 0.5)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "s3d"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,team=a"}, "ours"),
    ],
)
def test_the_resource_is_what_the_variables_say_and_then_our_own(monkeypatch, environ, name):
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    attributes = sdk_threads._resource().attributes
    assert attributes["service.name"] == name
    assert attributes["service.version"] == __version__
    assert attributes["service.instance.id"]
