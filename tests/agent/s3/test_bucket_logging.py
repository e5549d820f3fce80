"""bucket_logging: where a log goes, and the keys of its objects."""

from __future__ import annotations

from s3d.agent.s3.bucket_logging import LogTarget, log_key, target_of

PLAIN = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "web/"}}


def key(target: LogTarget) -> str:
    return log_key(target, "site", 1_700_000_000.0, "ABC", account="12", region="eu-west-1")


def test_a_bucket_without_a_target_has_no_log():
    assert target_of({}) is None


def test_a_simple_prefix():
    target = target_of(PLAIN)
    assert target == LogTarget("logs", "web/", is_partitioned=False)
    assert key(target) == "web/2023-11-14-22-13-20-ABC"


def test_a_partitioned_prefix():
    form = {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}
    target = target_of(
        {"LoggingEnabled": {**PLAIN["LoggingEnabled"], "TargetObjectKeyFormat": form}}
    )
    assert key(target) == "web/12/eu-west-1/site/2023/11/14/2023-11-14-22-13-20-ABC"
