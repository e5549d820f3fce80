"""The metrics of a running agent are what its clients have counted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.metric_table import TABLE
from tests.agent_process import AgentProcess, launch
from tests.collector import Collector, attributes_of, open_collector
from tests.e2e.conftest import BIN
from tests.known_load import OPENMETRICS, KnownLoad, Relay, scrape, wait_until

MIB = 1 << 20


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with open_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def own_agent(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[AgentProcess]:
    """One that serves this file's load alone, and exports what it counts."""
    agent = launch(tmp_path_factory.mktemp("counted") / "home", env=collector.env())
    try:
        yield agent
    finally:
        agent.kill()


@pytest.fixture(scope="module")
def relay(own_agent: AgentProcess) -> Iterator[Relay]:
    with Relay(own_agent.endpoint) as relay:
        yield relay


@pytest.fixture(scope="module")
def load(own_agent: AgentProcess, relay: Relay) -> KnownLoad:
    """Has run."""
    load = KnownLoad(own_agent, relay)
    load.run("counted")
    return load


def test_requests_by_operation_and_status(own_agent: AgentProcess, load: KnownLoad) -> None:
    found = scrape(own_agent)
    assert found.by_labels(metric_table.HTTP_REQUESTS) == load.counted.requests
    assert sum(load.counted.requests.values()) > 35
    by_operation = {(name,): count for name, count in load.counted.by_operation().items()}
    assert found.by_labels(metric_table.HTTP_DURATION, "_count") == by_operation


def test_bytes_in_and_out(own_agent: AgentProcess, load: KnownLoad, relay: Relay) -> None:
    found = scrape(own_agent)
    sent = {
        name: size for (name,), size in found.by_labels(metric_table.HTTP_RECEIVED).items() if size
    }
    assert sent == {name: size for name, size in load.counted.sent.items() if size}
    assert sum(found.by_labels(metric_table.HTTP_SENT).values()) == relay.received


def test_the_status_says_the_same(own_agent: AgentProcess, load: KnownLoad, relay: Relay) -> None:
    command = [BIN / "s3d", "status", "--json"]
    metrics = json.loads(subprocess.check_output(command, env=own_agent.env))["metrics"]
    requests = load.counted.requests
    assert metrics["requests"] == sum(requests.values())
    assert metrics["sent"] == relay.received
    assert metrics["received"] == sum(load.counted.sent.values())
    for name, number in load.counted.by_operation().items():
        assert metrics[f"requests.{name or 'refused'}"] == number
    for status in ("403", "404", "412", "416"):
        number = sum(count for (_, code), count in requests.items() if code == status)
        assert metrics[f"errors.{status}"] == number


def test_a_collector_gets_the_same(collector: Collector, load: KnownLoad, relay: Relay) -> None:
    def requests() -> dict[tuple[str, str], float]:
        metric = collector.metrics().get(metric_table.HTTP_REQUESTS.name)
        points = [] if metric is None else metric.sum.data_points
        rows = [(attributes_of(point), point) for point in points]
        return {(each["operation"], each["code"]): _number(point) for each, point in rows}

    collector.until(lambda: requests() == load.counted.requests)
    metrics = collector.metrics()
    sent = metrics[metric_table.HTTP_SENT.name].sum.data_points
    assert sum(map(_number, sent)) == relay.received
    durations = metrics[metric_table.HTTP_DURATION.name].histogram.data_points
    counts = {attributes_of(point)["operation"]: point.count for point in durations}
    assert counts == load.counted.by_operation()


def _number(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


def test_a_latency_names_the_trace_of_a_request(
    own_agent: AgentProcess, collector: Collector, load: KnownLoad
) -> None:
    exemplars = scrape(own_agent, OPENMETRICS).exemplars
    named = {labels["trace_id"] for labels, _ in exemplars.values()}
    assert len(named) > 5
    collector.until(lambda: named <= {span.trace for span in collector.spans()})
    collector.until(lambda: exemplars_of(collector) == named)


def exemplars_of(collector: Collector) -> set[str]:
    """Ids of traces in the latencies of requests."""
    metric = collector.metrics().get(metric_table.HTTP_DURATION.name)
    points = [] if metric is None else metric.histogram.data_points
    return {each.trace_id.hex() for point in points for each in point.exemplars}


def test_every_text_has_every_metric_of_the_table_once(
    own_agent: AgentProcess, load: KnownLoad
) -> None:
    text, openmetrics = scrape(own_agent), scrape(own_agent, OPENMETRICS)
    known = {metric.name: str(metric.kind) for metric in TABLE}
    assert text.types.items() <= known.items()
    assert {name.removesuffix("_total") for name in text.types} == openmetrics.types.keys()
    process = {metric.name for metric in TABLE if metric.subject == "process"}
    assert process <= text.types.keys()
    assert text.value(metric_table.RESIDENT_MEMORY) > 10 * MIB
    assert text.value(metric_table.OPEN_FILES) > 5
    assert text.value(metric_table.DISK_FREE, "store") > MIB
    assert text.value(metric_table.CPU_TIME) > 0.05
    commits = text.by_labels(metric_table.SQLITE_COMMIT, "_count")
    assert commits["store",] >= 10
    assert text.value(metric_table.HTTP_IN_FLIGHT) == 0


def test_requests_that_end_early_are_counted_apart(
    own_agent: AgentProcess, load: KnownLoad
) -> None:
    load.client.put_object(Bucket="counted", Key="huge", Body=b"h" * 64 * MIB)
    load.abort_read("counted", "huge")
    load.abort_write("counted", "half")
    aborted = ("GetObject", "aborted"), ("PutObject", "aborted")

    def is_counted() -> bool:
        found = scrape(own_agent).by_labels(metric_table.HTTP_REQUESTS)
        return all(pair in found for pair in aborted)

    wait_until(is_counted)
    assert scrape(own_agent).by_labels(metric_table.HTTP_REQUESTS) == load.counted.requests
    assert own_agent.client.status().metrics["aborted"] == 2


def test_a_switch_for_measurements_turns_the_registry_off(
    start_agent: Callable[..., AgentProcess],
) -> None:
    agent = start_agent(env={"S3D_TELEMETRY": "off"})
    agent.s3().list_buckets()
    assert scrape(agent).samples == {}
    assert agent.client.status().metrics["requests"] == 0
