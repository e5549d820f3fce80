import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.metric_table import TABLE, Kind


def test_names_follow_the_rules_of_prometheus():
    """https://prometheus.io/docs/practices/naming/"""
    assert len({metric.name for metric in TABLE}) == len(TABLE)
    for metric in TABLE:
        assert metric.name.startswith("s3d_"), metric
        assert metric.name.replace("_", "").isalnum(), metric
        assert metric.name.islower(), metric
        assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER), metric
        assert not metric.name.endswith(("_count", "_sum", "_bucket")), metric
        assert (metric.bounds is not None) is (metric.kind is Kind.HISTOGRAM), metric
        assert metric.meaning.endswith("."), metric
        assert "le" not in metric.labels, metric
        assert not {"key", "keys", "object"} & set(metric.labels), metric


@pytest.mark.parametrize(
    ("metric", "unit", "subject"),
    [
        (metric_table.HTTP_REQUESTS, "", "http"),
        (metric_table.HTTP_SENT, "bytes", "http"),
        (metric_table.QUEUE_ARRIVAL, "seconds", "queue"),
        (metric_table.CPU_TIME, "seconds", "process"),
    ],
)
def test_the_unit_is_the_suffix(metric, unit, subject):
    assert (metric.unit, metric.subject) == (unit, subject)
