"""A parser of the Prometheus text format and of OpenMetrics, strict, for tests.

It refuses what Prometheus would refuse, and what would be ambiguous: a sample before its TYPE, a
series that comes twice, a family that is torn apart, a histogram whose buckets do not add up.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from s3d.agent.core.metric_table import Metric

Labels = tuple[tuple[str, str], ...]

_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"(?:\{(?P<labels>(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*)\})? "
    r"(?P<value>[^ ]+)"
    r"(?: # \{(?P<exemplar>[^}]*)\} (?P<exemplar_value>[^ ]+) (?P<at>[0-9.]+))?"
)
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)')
_UNESCAPED = {r"\\": "\\", r"\n": "\n", r"\"": '"'}


@dataclass
class Scrape:
    """What a scrape says. samples: name -> labels in their order -> value."""

    types: dict[str, str] = field(default_factory=dict)
    samples: dict[str, dict[Labels, float]] = field(default_factory=dict)
    exemplars: dict[tuple[str, Labels], tuple[dict[str, str], float]] = field(default_factory=dict)

    def value(self, metric: Metric, *labels: str) -> float:
        """The value of one series; 0 when there is none."""
        pairs = tuple(zip(metric.labels, labels, strict=True))
        return self.samples.get(metric.name, {}).get(pairs, 0.0)

    def by_labels(self, metric: Metric, suffix: str = "") -> dict[tuple[str, ...], float]:
        """The values of all series by label values; suffix: _count or _sum of a histogram."""
        series = self.samples.get(metric.name + suffix, {})
        return {tuple(value for _, value in labels): each for labels, each in series.items()}


def parse(text: str) -> Scrape:
    """Raises AssertionError for text that is not in the format."""
    assert "\0" not in text, "Prometheus reads no further than to a NUL"
    scrape, family = Scrape(), ""
    lines = text.split("\n")
    assert lines.pop() == "", "the last line must end with a line feed"
    is_openmetrics = bool(lines) and lines[-1] == "# EOF"
    for line in lines[:-1] if is_openmetrics else lines:
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in scrape.types, f"the family comes twice: {line}"
            scrape.types[family] = kind
        elif line.startswith(("# HELP ", "# UNIT ")):
            assert len(line.split(" ", 3)) == 4, line
        else:
            _add(scrape, family, line, is_openmetrics)
    for name, kind in scrape.types.items():
        if kind == "histogram":
            _check_histogram(scrape, name)
    return scrape


def _add(scrape: Scrape, family: str, line: str, is_openmetrics: bool) -> None:
    found = _SAMPLE.fullmatch(line)
    assert found is not None, f"not a sample: {line!r}"
    name = found["name"]
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    of_counters = ("_total",) if is_openmetrics else ("",)
    kind = scrape.types[family]
    allowed = {family + suffix for suffix in suffixes.get(kind, of_counters)}
    assert name in allowed, f"a sample of another family than {family}: {line}"
    labels = tuple(_labels(found["labels"] or ""))
    series = scrape.samples.setdefault(name, {})
    assert labels not in series, f"the series comes twice: {line}"
    series[labels] = float(found["value"].replace("Inf", "inf"))
    if found["exemplar"] is not None:
        assert is_openmetrics, line
        assert name.endswith("_bucket"), line
        value = float(found["exemplar_value"])
        scrape.exemplars[name, labels] = (dict(_labels(found["exemplar"])), value)


def _labels(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _LABEL.match(text, at)
        assert found is not None, f"not a label: {text[at:]!r}"
        yield found[1], re.sub(r"\\.", lambda escape: _UNESCAPED[escape[0]], found[2])
        at = found.end()


def _check_histogram(scrape: Scrape, name: str) -> None:
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in scrape.samples[f"{name}_bucket"].items():
        bound = float(dict(labels)["le"].replace("Inf", "inf"))
        others = tuple(pair for pair in labels if pair[0] != "le")
        buckets.setdefault(others, []).append((bound, value))
    for labels, rows in buckets.items():
        assert rows == sorted(rows), f"buckets of {name}{labels} do not grow"
        assert [value for _, value in rows] == sorted(value for _, value in rows)
        assert rows[-1] == (float("inf"), scrape.samples[f"{name}_count"][labels])
        assert labels in scrape.samples[f"{name}_sum"]
