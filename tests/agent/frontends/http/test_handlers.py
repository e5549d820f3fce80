"""handlers: an exchange that began before records were wanted ends as it began."""

from __future__ import annotations

from s3d.agent.s3.access_log_record import AccessRecord
from tests.agent.frontends.http.wire import plain_head


async def test_a_request_in_hand_ends_without_a_record_and_the_next_has_one(endpoint):
    records: list[AccessRecord] = []
    whole = endpoint.request("PUT", "/bucket/k", b"x" * 100)
    async with endpoint.wire() as wire:
        wire.send(whole[:-50])
        while not endpoint.server.counters_by_name()["uploads"]:
            async with endpoint.wire() as other:  # a round trip lets the loop work
                await other.ask(plain_head("GET", "/", {"host": endpoint.host}))
        endpoint.server.log_buckets(records.append)
        assert (await wire.ask(whole[-50:], "PUT")).status == 200
        assert [record for record in records if record.bucket] == []
        assert (await wire.ask(endpoint.request("GET", "/bucket/k"))).status == 200
    (record,) = [record for record in records if record.bucket]
    assert (record.operation, record.bucket, record.key) == ("REST.GET.OBJECT", "bucket", "k")
    assert record.bytes_sent == 100
