import pytest

from s3d.agent.core.telemetry import Registry
from s3d.agent.stores.read_cache.catalog.cache_counters import CacheCounters, Source


@pytest.mark.parametrize(
    ("source", "size", "expected"),
    [
        # hits, hit_bytes, saved_requests, saved_bytes
        (Source.LOCAL, 100, (1, 100, 1, 100)),
        (Source.LOCAL, None, (0, 0, 1, 0)),
        (Source.LOCAL, 0, (1, 0, 1, 0)),
        (Source.REVALIDATED, 100, (1, 100, 0, 100)),
        (Source.REVALIDATED, None, (0, 0, 0, 0)),
        (Source.STALE, 100, (1, 100, 0, 0)),
        (Source.FILLED, 100, (0, 0, 0, 0)),
    ],
)
def test_what_an_answer_has_spared_the_remote(source, size, expected):
    counters = CacheCounters(Registry())
    counters.answered(source, size)
    found = counters.as_dict()
    keys = ("hits", "hit_bytes", "saved_requests", "saved_bytes")
    assert tuple(found[key] for key in keys) == expected


def test_the_price_of_what_was_saved():
    counters = CacheCounters(Registry())
    assert counters.saved_cost(0.0, 0.0) is None
    for _ in range(2_000):
        counters.answered(Source.LOCAL, 1_000_000)
    assert counters.saved_cost(0.0004, 0.0) == pytest.approx(0.0008)
    assert counters.saved_cost(0.0004, 0.09) == pytest.approx(0.0008 + 2 * 0.09)
