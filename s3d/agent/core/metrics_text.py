"""Metrics as text: the Prometheus text format 0.0.4 and OpenMetrics 1.0. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from enum import StrEnum

from s3d.agent.core.metric_table import Kind, Metric
from s3d.agent.core.telemetry import Distribution, Exemplar, Family, Point


class Format(StrEnum):
    """The formats, by their content type."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


_OPENMETRICS_TYPE = "application/openmetrics-text"
_TEXT_RANGES = {"text/plain", "text/*", "*/*"}


def negotiate(accept: str) -> Format:
    """The format for a value of the Accept header (RFC 9110 section 12.5.1).

    OpenMetrics is for those who ask for it by name and prefer nothing else; any other client can
    read the text format.
    """
    openmetrics = text = 0.0
    for media_range in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
        words = dict(parameter.partition("=")[::2] for parameter in parameters)
        quality = _quality(words.get("q", "1"))
        if kind == _OPENMETRICS_TYPE and words.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, quality)
        elif kind in _TEXT_RANGES:
            text = max(text, quality)
    return Format.OPENMETRICS if openmetrics > 0 and openmetrics >= text else Format.PROMETHEUS


def render(families: Iterable[Family], text_format: Format) -> bytes:
    """The text of a scrape."""
    is_openmetrics = text_format is Format.OPENMETRICS
    lines: list[str] = []
    for family in families:
        lines += _head(family.metric, is_openmetrics)
        for point in family.points:
            lines += _samples(family.metric, point, is_openmetrics)
    if is_openmetrics:
        lines.append("# EOF")
    text = "\n".join(lines) + "\n" if lines else ""
    return text.encode("utf-8", "replace")  # a label may have bytes that are no UTF-8


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _head(metric: Metric, is_openmetrics: bool) -> Iterator[str]:
    """The lines that describe a metric. In OpenMetrics a counter's own name has no _total."""
    meaning = metric.meaning.replace("\\", r"\\").replace("\n", r"\n")
    if not is_openmetrics:
        yield f"# HELP {metric.name} {meaning}"
        yield f"# TYPE {metric.name} {metric.kind}"
        return
    name = metric.name.removesuffix("_total")
    yield f"# TYPE {name} {metric.kind}"
    if metric.unit:
        yield f"# UNIT {name} {metric.unit}"
    yield "# HELP {} {}".format(name, meaning.replace('"', r"\""))


def _samples(metric: Metric, point: Point, is_openmetrics: bool) -> Iterator[str]:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in _named(metric, point)]
    value = point.value
    if not isinstance(value, Distribution):
        yield f"{metric.name}{_braces(pairs)} {_number(value)}"
        return
    assert metric.kind is Kind.HISTOGRAM
    assert metric.bounds is not None
    below = 0
    start = f"{metric.name}_bucket{{" + "".join(f"{pair}," for pair in pairs)
    for index, (bound, count) in enumerate(zip(metric.bounds.texts, value.counts, strict=True)):
        below += count
        exemplar = value.exemplars.get(index) if is_openmetrics else None
        yield f'{start}le="{bound}"}} {below}{_exemplar(exemplar)}'
    yield f"{metric.name}_sum{_braces(pairs)} {_number(value.sum)}"
    yield f"{metric.name}_count{_braces(pairs)} {below}"


def _named(metric: Metric, point: Point) -> Iterator[tuple[str, str]]:
    return zip(metric.labels, point.labels, strict=True)


def _braces(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(value: str) -> str:
    """A label value; both formats escape the same three characters. NUL ends the scanner of
    Prometheus (model/textparse/promlex.l), so it is replaced."""
    value = value.replace("\0", "\ufffd")
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _exemplar(exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    labels = f'{{trace_id="{exemplar.span.trace_id}",span_id="{exemplar.span.span_id}"}}'
    return f" # {labels} {_number(exemplar.value)} {exemplar.at:.3f}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) else repr(float(value))
