from bisect import bisect_left

import pytest

from s3d.agent.core.histogram_bounds import COMMIT, DELAY, LAG, REQUEST, bounds


def counted(scale, values):
    counts = [0] * (len(scale.edges) + 1)
    for value in values:
        counts[bisect_left(scale.edges, value)] += 1
    return counts


@pytest.mark.parametrize("scale", [COMMIT, DELAY, LAG, REQUEST])
def test_bounds_grow_and_are_among_the_counted_ones(scale):
    assert list(scale.edges) == sorted(set(scale.edges))
    assert scale.edges[scale.detail - 1 :: scale.detail] == scale.exported


def test_counted_buckets_have_the_same_width_within_an_exported_one():
    scale = bounds((1.0, 3.0), detail=2)
    assert scale.edges == (0.5, 1.0, 2.0, 3.0)
    assert scale.merge(counted(scale, [0.1, 0.7, 1.0, 1.1, 2.5, 9.0])) == (3, 2, 1)


def test_quantiles_are_exact_to_an_eighth():
    counts = counted(REQUEST, [micros / 1e6 for micros in range(100, 1_100)])
    assert REQUEST.quantile(counts, 0.5) == pytest.approx(0.0006, rel=0.125)
    assert REQUEST.quantile(counts, 0.99) == pytest.approx(0.00109, rel=0.125)
    assert REQUEST.merge(counts)[:5] == (29, 128, 256, 512, 75)


def test_quantiles_at_the_ends():
    assert REQUEST.quantile([0] * (len(REQUEST.edges) + 1), 0.5) == 0
    assert REQUEST.quantile(counted(REQUEST, [1e6]), 0.5) == REQUEST.edges[-1]
