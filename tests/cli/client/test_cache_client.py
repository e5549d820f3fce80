"""The calls reach the routes; what the routes do is told in tests/agent/control."""

from __future__ import annotations

import pytest

from s3d.cli.client.cache_client import CacheClient
from s3d.shared.caching import CachePlace
from s3d.shared.errors import NotFoundError, UsageError
from tests.gateway.conftest import remote_settings


def test_without_a_remote_there_is_no_cache(start_agent):
    client = CacheClient(start_agent().client)
    for call in (client.status, client.clear, client.pins, lambda: next(client.entries())):
        with pytest.raises(UsageError) as caught:
            call()
        assert "S3D_REMOTE" in caught.value.remedy


@pytest.mark.slow
def test_all_calls_of_the_cache(start_agent, seaweedfs, bucket_name):
    agent = start_agent(env=dict(remote_settings(seaweedfs)))
    client = CacheClient(agent.client)
    agent.objects.create_bucket(bucket_name)
    for number in range(3):
        assert seaweedfs.ask("PUT", f"/{bucket_name}/p/{number}", b"12345") == 200
    job = client.prefetch(bucket_name, "p/", None)
    assert client.wait_for_prefetch(job.id, 10.0).done.files == 3
    assert client.cancel_prefetch(job.id).state == "done"
    assert [entry.key for entry in client.entries(bucket_name, "p/")] == ["p/0", "p/1", "p/2"]
    assert sum(page.checked.files for page in client.verify()) == 3
    place = CachePlace(bucket_name, key="p/0")
    client.pin(place)
    assert [status.pin.key for status in client.pins()] == ["p/0"]
    assert (client.unpin(place), client.unpin(place)) == (True, False)
    assert (client.evict(place), client.clear()) == (1, 2)
    assert client.status().files == 0
    with pytest.raises(NotFoundError):
        client.wait_for_prefetch("77", 0.0)
