"""docs/metrics.md is what the table of metrics says."""

import re

from s3d.agent.core import metric_table
from s3d.agent.core.metric_table import TABLE, Metric
from tests.architecture.metrics_document import FILE, document
from tests.architecture.source import ROOT


def test_the_page_is_current():
    """`make docs` writes it again."""
    assert FILE.read_text() == document()


def test_every_metric_of_the_table_is_reported_somewhere():
    """A line of the table without a line of code that reports it promises what nobody gets."""
    constants = {name for name, value in vars(metric_table).items() if isinstance(value, Metric)}
    assert len(constants) == len(TABLE)
    own = ROOT / "s3d" / "agent" / "core" / "metric_table.py"
    sources = [file.read_text() for file in (ROOT / "s3d").rglob("*.py") if file != own]
    used = set(re.findall(r"\b[A-Z][A-Z_]+\b", "\n".join(sources)))
    assert constants - used == set()


def test_instruments_are_created_from_the_table_only():
    """No name of a metric is written down anywhere else."""
    own = ROOT / "s3d" / "agent" / "core" / "metric_table.py"
    for file in (ROOT / "s3d").rglob("*.py"):
        if file != own:
            found = re.findall(r"""["']s3d_[a-z_]+_(?:total|seconds|bytes)["']""", file.read_text())
            assert found == [], file
