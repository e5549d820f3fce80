"""Where the access log of a bucket goes, and how its objects are called. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple


class LogTarget(NamedTuple):
    """The destination of the log of a bucket."""

    bucket: str
    prefix: str
    """Of the keys of log objects."""
    is_partitioned: bool
    """Keys contain account, region, bucket and date."""


def target_of(status: Mapping[str, Any]) -> LogTarget | None:
    """The target of a BucketLoggingStatus; None: the bucket has no log."""
    enabled = status.get("LoggingEnabled")
    if not enabled:
        return None
    partitioned = "PartitionedPrefix" in (enabled.get("TargetObjectKeyFormat") or {})
    return LogTarget(enabled["TargetBucket"], enabled.get("TargetPrefix") or "", partitioned)


def log_key(
    target: LogTarget, source: str, moment: float, name: str, *, account: str, region: str
) -> str:
    """The key of a log object. source: the bucket. moment: of delivery, in Unix seconds. name: a
    unique word. account, region: of the bucket."""
    at = datetime.fromtimestamp(moment, UTC)
    folder = ""
    if target.is_partitioned:
        folder = f"{account}/{region}/{source}/{at:%Y/%m/%d}/"
    return f"{target.prefix}{folder}{at:%Y-%m-%d-%H-%M-%S}-{name}"
