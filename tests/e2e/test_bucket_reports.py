"""Inventory reports and access logs of a running agent follow the clock of a store for tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.agent_process import AgentProcess
from tests.forked_process import run_text
from tests.known_load import wait_until


@pytest.mark.slow
def test_reports_and_logs_follow_the_clock(start_agent: Callable[..., AgentProcess]) -> None:
    agent = start_agent("--test", "--report-delay", "1h")
    s3 = agent.s3()
    for bucket in ("data", "reports"):
        s3.create_bucket(Bucket=bucket)
    enabled = {"TargetBucket": "reports", "TargetPrefix": "log/"}
    s3.put_bucket_logging(Bucket="data", BucketLoggingStatus={"LoggingEnabled": enabled})
    destination = {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", "Prefix": "inv"}
    s3.put_bucket_inventory_configuration(
        Bucket="data",
        Id="daily",
        InventoryConfiguration={
            "Id": "daily",
            "IsEnabled": True,
            "IncludedObjectVersions": "Current",
            "Schedule": {"Frequency": "Daily"},
            "Destination": {"S3BucketDestination": destination},
        },
    )
    s3.put_object(Bucket="data", Key="k", Body=b"1")
    assert "Contents" not in s3.list_objects_v2(Bucket="reports")
    moved = run_text("s3d", "clock", "advance", "2h", env=agent.env)
    assert moved.returncode == 0, moved.stderr
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="reports")["Contents"]]
    assert [key.rpartition("/")[2] for key in keys if key.startswith("inv/data/daily/2")] == [
        "manifest.checksum",
        "manifest.json",
    ]
    (log,) = [key for key in keys if key.startswith("log/")]
    body = s3.get_object(Bucket="reports", Key=log)["Body"].read().decode()
    assert " REST.PUT.OBJECT k " in body


@pytest.mark.slow
def test_a_kill_loses_no_record_of_an_access_log(start_agent: Callable[..., AgentProcess]) -> None:
    agent = start_agent("--report-delay", "1h")
    s3 = agent.s3()
    for bucket in ("data", "reports"):
        s3.create_bucket(Bucket=bucket)
    enabled = {"TargetBucket": "reports", "TargetPrefix": "log/"}
    s3.put_bucket_logging(Bucket="data", BucketLoggingStatus={"LoggingEnabled": enabled})
    s3.put_object(Bucket="data", Key="k", Body=b"1")
    spool = agent.places.store_dir / "access-logs"
    wait_until(lambda: any(b" REST.PUT.OBJECT k " in each.read_bytes() for each in spool.glob("*")))
    agent.kill()
    s3 = start_agent("--report-delay", "1s").s3()
    wait_until(lambda: "Contents" in s3.list_objects_v2(Bucket="reports"))
    (log,) = s3.list_objects_v2(Bucket="reports")["Contents"]
    body = s3.get_object(Bucket="reports", Key=log["Key"])["Body"].read().decode()
    assert body.count(" REST.PUT.OBJECT k ") == 1
