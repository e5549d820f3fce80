"""The records of requests, from raw requests; tests/cli/test_request_commands has boto3's."""

from __future__ import annotations

from s3d.agent.stores.local.store import LocalStore
from s3d.shared.testing import RecordedRequest
from tests.agent.frontends.http.wire import opened


async def test_what_a_record_says(store: LocalStore) -> None:
    records: list[RecordedRequest] = []
    async with opened(store, record=records.append) as endpoint:
        await endpoint.ask("PUT", "/bucket")
        await endpoint.ask("PUT", "/bucket/k%20k", b"value", user_agent="probe/1")
        answer = await endpoint.ask("GET", "/bucket/none?versionId=x")
    assert [(each.operation, each.bucket, each.key) for each in records] == [
        ("CreateBucket", "bucket", ""),
        ("PutObject", "bucket", "k k"),
        ("GetObject", "bucket", "none"),
    ]
    _, put, get = records
    assert (put.method, put.path, put.status, put.received) == ("PUT", "/bucket/k%20k", 200, 5)
    assert put.user_agent == "probe/1"
    assert put.principal.startswith("arn:aws:iam::")
    assert (get.status, get.error) == (answer.status, "InvalidArgument")
    assert get.request_id == answer.headers["x-amz-request-id"]
    assert get.sent > 0
    assert not get.aborted


async def test_bytes_that_are_no_request_of_s3_are_recorded_too(store: LocalStore) -> None:
    records: list[RecordedRequest] = []
    async with opened(store, record=records.append) as endpoint:
        await endpoint.ask("PATCH", "/bucket/k")
    (record,) = records
    assert (record.method, record.status, record.operation) == ("PATCH", 405, "")
