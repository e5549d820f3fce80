"""deploy/: the alerts and the dashboard use metrics and labels that exist, and are documented."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from s3d.agent.core.metric_table import TABLE, Kind, Metric
from s3d.agent.core.metrics_text import Format, render
from s3d.agent.core.telemetry import Registry

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "s3d.json").read_text())
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()

ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *[(alert["alert"], alert["expr"]) for alert in ALERTS],
    *[(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]],
]

PROMETHEUS_LABELS = {"job", "instance"}
"""The labels that Prometheus adds to each series."""
SERIES = {metric.name: metric for metric in TABLE if metric.kind is not Kind.HISTOGRAM} | {
    metric.name + suffix: metric
    for metric in TABLE
    for suffix in ("_bucket", "_sum", "_count")
    if metric.kind is Kind.HISTOGRAM
}
"""Name of a series -> its metric."""


def used(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series of an expression, and the labels that it selects by."""
    for name, selector in re.findall(r"\b(s3d_\w+|up)\b(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))


def grouped_by(expression: str) -> set[str]:
    """The labels that it aggregates by."""
    lists = re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expression)
    return {label.strip() for each in lists for label in each.split(",")}


def labels_of(metric: Metric) -> set[str]:
    bounds = {"le"} if metric.kind is Kind.HISTOGRAM else set()
    return {*metric.labels, *PROMETHEUS_LABELS, *bounds}


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_every_metric_and_label_exists(where, expression):
    series = [(name, labels) for name, labels in used(expression) if name != "up"]
    known = set(PROMETHEUS_LABELS)
    for name, labels in series:
        assert name in SERIES, where
        assert labels <= labels_of(SERIES[name]), where
        known |= labels_of(SERIES[name])
    assert grouped_by(expression) <= known, where


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_a_counter_is_used_by_its_growth(where, expression):
    for name, _ in used(expression):
        if name in SERIES and SERIES[name].kind is not Kind.GAUGE:
            assert re.search(rf"(?:rate|increase)\({name}\b", expression), where


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_it_means_and_its_labels_exist(alert):
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    texts = alert["annotations"]
    assert texts.keys() == {"summary", "description"}
    assert len(texts["description"]) > 60
    shown = set(re.findall(r"\$labels\.(\w+)", "".join(texts.values())))
    metrics = [SERIES[name] for name, _ in used(alert["expr"]) if name != "up"]
    assert shown <= PROMETHEUS_LABELS.union(*(metric.labels for metric in metrics))


def test_the_alerts_are_documented_with_their_severity_and_nothing_else():
    rows = re.findall(r"^\| `(S3d\w+)` \| (\w+) \| .{40,} \|$", OPERATIONS, re.MULTILINE)
    assert rows == [(alert["alert"], alert["labels"]["severity"]) for alert in ALERTS]


def test_the_example_scrapes_the_job_of_the_rules_and_of_the_dashboard():
    config = yaml.safe_load(PROMETHEUS.read_text())
    (scrape,) = config["scrape_configs"]
    assert config["rule_files"] == [RULES.name]
    assert f'job="{scrape["job_name"]}"' in RULES.read_text()
    for panel in PANELS:
        for target in panel["targets"]:
            assert f'job="{scrape["job_name"]}", instance=~"$instance"' in target["expr"]


def test_the_dashboard_has_the_fields_of_the_schema():
    """https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"""
    assert DASHBOARD["id"] is None
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    assert DASHBOARD["title"] == "s3d"
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["time"].keys() == {"from", "to"}
    variables = {each["name"]: each["type"] for each in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query"}
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_queries_a_unit_and_an_explanation(panel):
    assert panel["type"] in ("stat", "timeseries")
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    references = [target["refId"] for target in panel["targets"]]
    assert references
    assert len(set(references)) == len(references)
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    named = re.findall(r"\bS3d\w+", panel["description"])
    assert set(named) <= {alert["alert"] for alert in ALERTS}


def test_the_panels_fit_the_grid_and_none_covers_another():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for place in places:
        assert place["x"] + place["w"] <= 24
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


def test_the_rows_of_the_dashboard_are_documented():
    titles = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    shown = [title.partition(":")[0] for title in titles]
    table = OPERATIONS.partition("| row |")[2]
    assert re.findall(r"^\| ([A-Z][^|]*?) \|", table, re.MULTILINE) == shown


@pytest.fixture
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return path


def test_promtool_accepts_the_rules_and_each_alert_fires_when_it_should(promtool):
    checked = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(ALERTS)} rules found" in checked.stdout
    tests = Path(__file__).with_name("rules_test.yml")
    tested = subprocess.run([promtool, "test", "rules", tests], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_seen_firing():
    text = Path(__file__).with_name("rules_test.yml").read_text()
    assert [alert["alert"] for alert in ALERTS if alert["alert"] not in text] == []


def test_promtool_accepts_the_example_of_a_configuration(promtool):
    checked = subprocess.run([promtool, "check", "config", PROMETHEUS], capture_output=True)
    assert checked.returncode == 0, checked.stderr.decode()


def test_promtool_finds_nothing_to_improve_in_the_metrics(promtool):
    text = render(filled_registry().collect(), Format.PROMETHEUS)
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


def filled_registry() -> Registry:
    """Every metric has a value, and every label a hostile one."""
    registry = Registry()
    for metric in TABLE:
        labels = ['a "b" \\ \n c' for _ in metric.labels]
        if metric.kind is Kind.COUNTER:
            registry.counter(metric, *labels).add()
        elif metric.kind is Kind.GAUGE:
            registry.gauge(metric, *labels).set(1.5)
        else:
            registry.histogram(metric, *labels).observe(0.1)
    return registry
