"""The export of a whole agent: what the collector gets, and what it costs when it is not there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import pytest

from s3d.agent.app.otel.start import FLUSH_TIME, MISSING
from tests.collector import Collector, attributes_of, open_collector

pytestmark = pytest.mark.slow


@pytest.fixture
def collector():
    with open_collector() as collector:
        yield collector


def test_traces_metrics_and_logs_reach_the_collector(start_agent, collector: Collector):
    env = collector.env(OTEL_EXPORTER_OTLP_COMPRESSION="gzip", OTEL_SERVICE_NAME="mine")
    agent = start_agent(env=env)
    s3 = agent.s3()
    s3.create_bucket(Bucket="bucket")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="none")
    agent.objects.create_bucket("other")
    agent.stop()
    names = [(span.name, span.kind) for span in collector.spans()]
    assert ("S3.CreateBucket", 2) in names
    assert ("S3.CreateBucket", 1) in names  # of the command line
    assert ("s3d.store", 1) in names
    (refused,) = [span for span in collector.spans() if span.name == "S3.GetObject"]
    assert refused.attributes["http.response.status_code"] == 404
    assert not refused.is_error
    assert {span.service for span in collector.spans()} == {"mine"}
    assert {headers.get("content-encoding") for headers in collector.headers} == {"gzip"}
    assert any("serving endpoint=" in line for line in collector.lines())
    requests = collector.metrics()["s3d_http_requests_total"]
    assert {
        tuple(attributes_of(point).values()): point.as_double for point in requests.sum.data_points
    } == {("CreateBucket", "200"): 1, ("GetObject", "404"): 1}


def is_told(agent) -> bool:
    """Whether the status says in time that nothing arrives."""
    for _ in agent.client.events("log.warning", deadline=time.monotonic() + 30):
        if any("are not exported" in text for text in agent.client.status().warnings):
            return True
    return False


@pytest.mark.parametrize("trouble", ["away", "500", "slow"])
def test_a_collector_in_trouble_costs_no_request(start_agent, collector, trouble):
    env = collector.env(OTEL_BSP_MAX_QUEUE_SIZE="16", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="8")
    env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "2"
    if trouble == "away":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
    elif trouble == "slow":
        collector.gate.clear()
    else:
        collector.status = int(trouble)
    agent = start_agent(env=env)
    s3 = agent.s3()
    s3.create_bucket(Bucket="bucket")
    began = time.monotonic()
    for number in range(20):
        s3.put_object(Bucket="bucket", Key=str(number), Body=b"v")
        assert s3.get_object(Bucket="bucket", Key=str(number))["Body"].read() == b"v"
    assert time.monotonic() - began < 10
    if trouble == "500":
        assert is_told(agent)
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < FLUSH_TIME + 5
    assert "Traceback" not in agent.stderr
    assert agent.stderr.count("traces are not exported") <= 1


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def test_without_the_extra_an_endpoint_is_a_warning(start_agent, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path)}
    agent = start_agent(env=env)
    agent.s3().list_buckets()
    assert MISSING in agent.client.status().warnings
    assert MISSING in agent.stderr


LOADED = """
import asyncio, os, sys
sys.argv = ["s3d"]
from s3d.shared.paths import load
from s3d.agent.app import agent
def announce(status):
    print(*sorted(m for m in sys.modules if m.partition(".")[0] in ("opentelemetry", "requests")))
    os.kill(os.getpid(), 15)
sys.exit(agent.run(*load(os.environ, {}), announce))
"""


@pytest.mark.parametrize(
    "env",
    [
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_without_an_endpoint_nothing_is_imported(tmp_path, env):
    from tests.agent_process import environment

    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env=environment(tmp_path) | env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
