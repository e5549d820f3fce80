"""configurations: Ids, their number, and what is kept where. The rest is in tests/contract."""

from __future__ import annotations

from s3d.agent.stores.local import configurations
from s3d.agent.stores.local.configurations import FAMILIES

DESTINATION = {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV"}}
"""Of an inventory, which must have one."""


async def put(s3, bucket: str, id: str, family: str = "Metrics", **change):
    value = {"Id": id, **change}
    members = {"Bucket": bucket, "Id": id, f"{family}Configuration": value}
    return await s3.code(f"PutBucket{family}Configuration", **members)


async def test_an_id_of_one_family_is_none_of_another(s3, bucket, index):
    for family in FAMILIES:
        members = {"Destination": DESTINATION} if family == "Inventory" else {}
        assert await put(s3, bucket, "id", family, **members) == ""
    names = set(index.read_inline(lambda reader: reader.settings(bucket)))
    configurations = {"analytics/id", "intelligent-tiering/id", "inventory/id", "metrics/id"}
    assert names == configurations | {"inventory-start/id"}
    await s3("DeleteBucketInventoryConfiguration", Bucket=bucket, Id="id")
    await s3("GetBucketMetricsConfiguration", Bucket=bucket, Id="id")


async def test_the_id_in_the_query_is_that_in_the_document(s3, bucket):
    members = {"Bucket": bucket, "Id": "a", "MetricsConfiguration": {"Id": "b"}}
    await s3.refused("IdMismatch", "PutBucketMetricsConfiguration", **members)


async def test_a_family_has_a_limit(s3, bucket, monkeypatch):
    monkeypatch.setattr(configurations, "MAX_CONFIGURATIONS", 2)
    assert [await put(s3, bucket, id) for id in ("a", "b", "c", "b")] == [
        "",
        "",
        "TooManyConfigurations",
        "",
    ]
