"""Prometheus scrapes a running agent, with the configuration, rules and token of the docs."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.admin_client import admin_url, page
from tests.agent_process import AgentProcess
from tests.gateway.test_remotes import wait_until

pytestmark = pytest.mark.torture

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
NO_COLLECTOR = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}
"""Requests are recorded, so latencies have exemplars, while the collector is away."""


class Prometheus:
    """A server that scrapes every half second."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str | float) -> Any:
        with urllib.request.urlopen(f"{self._url}{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    def value(self, expression: str) -> float:
        """The value of an expression with one result; 0 without any."""
        result = self.get("/api/v1/query", query=expression)["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def target(self) -> dict[str, Any]:
        (target,) = self.get("/api/v1/targets", state="active")["activeTargets"]
        return dict(target)


@pytest.fixture
def scraped(
    start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> Iterator[tuple[AgentProcess, Prometheus]]:
    """An agent that needs a token, and a Prometheus that has it."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    agent = start_agent("--bucket", "bucket", env={"S3D_ADMIN": "http://0.0.0.0:0", **NO_COLLECTOR})
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["global"]["scrape_timeout"] = "500ms"
    config["rule_files"] = [str(DEPLOY / "rules.yml")]
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"][0]["targets"] = [f"127.0.0.1:{urlsplit(admin_url(agent)).port}"]
    scrape["authorization"] = {"credentials_file": str(agent.places.admin_token_file)}
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{port}",
                 "--enable-feature=exemplar-storage"]  # fmt: skip
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        prometheus = Prometheus(port)
        wait_until(prometheus.is_ready)
        yield agent, prometheus
    finally:
        process.terminate()
        process.wait(30)


def load(agent: AgentProcess) -> Counter[tuple[str, str]]:
    """Requests of each outcome; how often each pair of operation and code was answered."""
    sent: Counter[tuple[str, str]] = Counter()
    with closing(agent.s3()) as s3:
        for number in range(50):
            s3.put_object(Bucket="bucket", Key=f"k{number}", Body=b"x" * number)
            sent["PutObject", "200"] += 1
        for number in range(70):
            try:
                s3.get_object(Bucket="bucket", Key=f"k{number}")["Body"].read()
                sent["GetObject", "200"] += 1
            except ClientError:
                sent["GetObject", "404"] += 1
        s3.list_objects_v2(Bucket="bucket")
        sent["ListObjectsV2", "200"] += 1
    return sent


def test_prometheus_has_what_the_clients_counted(scraped):
    agent, prometheus = scraped
    sent = load(agent)
    wait_until(lambda: prometheus.value("sum(s3d_http_requests_total)") >= sent.total())
    for (operation, code), count in sent.items():
        query = f'sum(s3d_http_requests_total{{operation="{operation}",code="{code}"}})'
        assert prometheus.value(query) == count, (operation, code)
    target = prometheus.target()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "s3d"


def test_each_expression_of_the_dashboard_and_of_the_rules_is_evaluated(scraped):
    agent, prometheus = scraped
    load(agent)
    wait_until(lambda: prometheus.value("sum(s3d_http_requests_total)") > 0)
    dashboard = json.loads((DEPLOY.parent / "grafana" / "s3d.json").read_text())
    expressions = [
        target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
        for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]  # fmt: skip
    for expression in expressions:
        prometheus.get("/api/v1/query", query=expression)
    groups = prometheus.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"} == {}


def test_a_latency_names_the_trace_of_a_request(scraped):
    agent, prometheus = scraped
    load(agent)
    now = time.time()
    query = {"query": "s3d_http_request_duration_seconds_bucket", "start": now - 60}

    def exemplars() -> list[dict[str, Any]]:
        found = prometheus.get("/api/v1/query_exemplars", **query, end=time.time() + 60)
        return [each for series in found for each in series["exemplars"]]

    wait_until(exemplars)
    for exemplar in exemplars():
        assert re.fullmatch(r"[0-9a-f]{32}", exemplar["labels"]["trace_id"])
        assert 0 <= float(exemplar["value"]) < 60


def test_an_agent_that_was_killed_raises_the_alert(scraped):
    agent, prometheus = scraped
    wait_until(lambda: prometheus.value('up{job="s3d"}') == 1)
    agent.kill()

    def alerts() -> set[str]:
        found = prometheus.get("/api/v1/alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in found}

    wait_until(lambda: "S3dAgentDown" in alerts())


def test_promtool_finds_nothing_to_improve_in_a_real_scrape(scraped):
    promtool = shutil.which("promtool")
    assert promtool is not None, "it is in the package of prometheus"
    agent, _ = scraped
    load(agent)
    token = agent.places.admin_token_file.read_text().strip()
    answer = page(admin_url(agent), "/metrics", Authorization=f"Bearer {token}")
    checked = subprocess.run([promtool, "check", "metrics"], input=answer.body,
                             capture_output=True)  # fmt: skip
    assert (checked.returncode, checked.stderr.decode()) == (0, "")
