"""The buckets of histograms: which bounds are exported, and how finely the agent counts itself.

The agent counts in `detail` buckets for each exported one, so that the quantiles of the dashboard
are exact to a few percent, while a scrape stays small.
"""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """The upper bounds of a histogram's buckets, without the last one, which is +Inf."""

    exported: tuple[float, ...]
    detail: int
    """Buckets that are counted for each exported one."""
    edges: tuple[float, ...]
    """The upper bounds of the counted buckets; every detail-th one is exported."""
    texts: tuple[str, ...]
    """The exported bounds and +Inf as text; OpenMetrics wants each to be written as a float."""

    def merge(self, counts: list[int]) -> tuple[int, ...]:
        """The counts of the exported buckets, the last one being that of +Inf."""
        if self.detail == 1:
            return tuple(counts)
        last = len(self.edges)
        sums = (sum(counts[at : at + self.detail]) for at in range(0, last, self.detail))
        return (*sums, counts[last])

    def quantile(self, counts: list[int], share: float) -> float:
        """The bound within which this share of the observations lies; 0 without observations."""
        rank = share * sum(counts)
        if not rank:
            return 0.0
        seen = 0
        for edge, count in zip(self.edges, counts, strict=False):
            seen += count
            if seen >= rank:
                return edge
        return self.edges[-1]


def bounds(exported: tuple[float, ...], detail: int = 1) -> Bounds:
    """Divide each exported bucket into detail buckets of the same width."""
    edges: list[float] = []
    low = 0.0
    for high in exported:
        step = (high - low) / detail
        edges += [low + step * at for at in range(1, detail)]
        edges.append(high)
        low = high
    return Bounds(exported, detail, tuple(edges), (*map(repr, exported), "+Inf"))


REQUEST = bounds(tuple(128e-6 * 2**power for power in range(20)), detail=8)
"""128 us to 67 s, doubling: a cached read takes 0.1 ms, a slow remote many seconds."""
COMMIT = bounds((0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0))
LAG = bounds((0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0))
DELAY = bounds(
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
     14400.0, 86400.0, 604800.0),
    detail=8,
)  # fmt: skip
"""10 ms to a week: a write waits as long as the remote is away."""
