"""How often the remote is asked for changes, and what that costs. Pure.

Prices: https://aws.amazon.com/s3/pricing/ and https://aws.amazon.com/sqs/pricing/, us-east-1.
"""

from __future__ import annotations

from typing import NamedTuple

ACTIVE_INTERVAL, IDLE_INTERVAL = 5.0, 60.0
"""Seconds between two requests for a marker."""
ACTIVE_FOR = 3600.0
"""Seconds after a change in which the next one is expected soon."""
LISTING_INTERVAL = 3600.0
"""Seconds between two whole listings while changes are reported."""
LONGEST_STRETCH = 60.0
"""Times by which a limit of the cost makes the intervals longer, at most."""

READ_PRICE = 0.0004 / 1_000
"""Dollars for a GetObject or HeadObject."""
WRITE_PRICE = 0.005 / 1_000
"""Dollars for a PutObject, or for a page of a listing."""
QUEUE_PRICE = 0.40 / 1_000_000
"""Dollars for a request to SQS."""
PAGE = 1_000
"""Objects in a page of a listing."""
HOURS = 730.0
"""In a month."""

_EXPECTED_SHARE, _EXPECTED_WEIGHT = 1 / 3, 24.0
"""The share of the time in which something is expected to change, which counts as so many hours of
observation: the cost is shown from the start, and must not jump."""


def poll_interval(since_change: float, stretch: float = 1.0) -> float:
    """Seconds until the next request for a marker. since_change: seconds since a change."""
    base = ACTIVE_INTERVAL if 0 <= since_change < ACTIVE_FOR else IDLE_INTERVAL
    return base * stretch


class Activity(NamedTuple):
    """What was observed since the start. hours: how long. active: hours of these in which the short
    interval was in use. writes: touches of the marker. messages: that came from a queue."""

    hours: float = 0.0
    active: float = 0.0
    writes: int = 0
    messages: int = 0

    @property
    def share(self) -> float:
        """The part of the time, 0 to 1, in which the short interval is expected to be in use."""
        known = max(0.0, self.hours) + _EXPECTED_WEIGHT
        active = min(max(0.0, self.active), max(0.0, self.hours))
        return (active + _EXPECTED_SHARE * _EXPECTED_WEIGHT) / known

    def monthly(self, number: int) -> float:
        """So many observed events, as a number for each month."""
        return number * HOURS / (max(0.0, self.hours) + _EXPECTED_WEIGHT)


def listing_cost(objects: int, interval: float = LISTING_INTERVAL) -> float:
    """Dollars a month for whole listings of a prefix, by page."""
    pages = max(1, -(-objects // PAGE))
    return pages * HOURS * 3600.0 / interval * WRITE_PRICE


def marker_cost(activity: Activity) -> float:
    """Dollars a month for a marker: requests for it, and writes of it."""
    share = activity.share
    hourly = share * 3600.0 / ACTIVE_INTERVAL + (1 - share) * 3600.0 / IDLE_INTERVAL
    # A write is a PutObject, sometimes after a GetObject.
    touches = activity.monthly(activity.writes) * (WRITE_PRICE + READ_PRICE)
    return hourly * HOURS * READ_PRICE + touches


def queue_cost(activity: Activity, wait: float) -> float:
    """Dollars a month for one queue. wait: seconds of a long poll."""
    # Each message costs a request that deletes it, and the HeadObject of its path.
    messages = activity.monthly(activity.messages) * (QUEUE_PRICE + READ_PRICE)
    return HOURS * 3600.0 / wait * QUEUE_PRICE + messages


def stretch_for(cost: float, limit: float) -> float:
    """By which factor intervals grow, so that a monthly cost stays within a limit; 0: no limit."""
    if limit <= 0 or cost <= limit:
        return 1.0
    return min(cost / limit, LONGEST_STRETCH)
