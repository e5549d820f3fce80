"""docs/metrics.md, generated from the table of metrics.

`make docs` writes it; test_metrics_document.py checks that it is current.
"""

from collections.abc import Iterator
from itertools import groupby

from s3d.agent.core.histogram_bounds import Bounds
from s3d.agent.core.metric_table import TABLE, Metric
from s3d.agent.core.telemetry import MAX_SERIES, MAX_VALUES, OTHER
from tests.architecture.source import ROOT

FILE = ROOT / "docs" / "metrics.md"

HEAD = f"""\
# Metrics

This page is generated from `s3d/agent/core/metric_table.py` with `make docs`.

The agent counts from its start, whether anybody looks or not. The same numbers are at `/metrics`,
in `s3d status --json`, in the dashboard of `s3d tui` and, with the extra `otel`, in what is
exported over OTLP.

- **Where.** `GET /metrics` on the agent's Unix socket, and at `S3D_ADMIN` when that is set.
- **Formats.** The Prometheus text format 0.0.4, or OpenMetrics 1.0 for a client that asks for it
  with `Accept: application/openmetrics-text`. In OpenMetrics and over OTLP, buckets have exemplars:
  the ids of the trace and the span of a request that was recorded.
- **Labels.** No label has the key of an object in it. Up to {MAX_VALUES} buckets and sync folders
  have series of their own; all others share the value `{OTHER}`. A metric has at most
  {MAX_SERIES:,} series.
- **Restarts.** Counters begin at 0 with the agent; `rate()` and `increase()` of Prometheus expect
  that.
"""

TITLES = {
    "http": "The S3 endpoint",
    "control": "The control API",
    "layer": "The layers",
    "remote": "The remote",
    "queue": "The write queue",
    "cache": "The read cache",
    "sync": "Sync folders",
    "mount": "Mounts",
    "transfers": "Transfers",
    "sqlite": "The databases",
    "disk": "The disks",
    "process": "The process",
    "build": "The version",
}


def document() -> str:
    """The text of the page."""
    parts = [HEAD]
    for subject, metrics in groupby(TABLE, key=lambda metric: metric.subject):
        parts.append("\n".join(_section(TITLES[subject], list(metrics))))
    return "\n".join(parts)


def _section(title: str, metrics: list[Metric]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| metric | type | unit | labels | meaning |"
    yield "|---|---|---|---|---|"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        meaning = metric.meaning.replace("|", r"\|")
        cells = (f"`{metric.name}`", metric.kind, metric.unit, labels, meaning)
        yield "| " + " | ".join(cells) + " |"
    yield ""
    for bounds, names in _bounds(metrics).items():
        shown = ", ".join(f"{bound:g}" for bound in bounds.exported)
        yield f"Buckets of {', '.join(names)}, in seconds: {shown}.\n"


def _bounds(metrics: list[Metric]) -> dict[Bounds, list[str]]:
    found: dict[Bounds, list[str]] = {}
    for metric in metrics:
        if metric.bounds is not None:
            found.setdefault(metric.bounds, []).append(f"`{metric.name}`")
    return found


if __name__ == "__main__":
    FILE.write_text(document())
