"""On a real agent whose remote is away; the effects of the calls: tests/agent/control."""

import io

import pytest

from s3d.cli.client.queue_client import QueueClient
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.transfers import Totals


@pytest.fixture
def client(queueing):
    for key in ("a", "b"):
        queueing.objects.put("bucket", key, io.BytesIO(b"12345"), 5)
    return QueueClient(queueing.client)


def test_every_call_has_its_route(client):
    assert client.status().left == Totals(2, 10)
    first, second = client.transfers(bucket="bucket")
    assert [item.key for item in client.transfers(bucket="bucket", prefix="b")] == ["b"]
    assert list(client.transfers(state="failed")) == []
    assert client.transfer(first.id).key == "a"
    assert client.hold(first.id).state == "held"
    assert client.release(first.id).state == "waiting"
    assert client.set_priority(second.id, 7).priority == 7
    assert client.retry(first.id).state == "waiting"
    assert client.retry(first.id, as_key="c").key == "c"
    with client.export(second.id) as source:
        assert source.read() == b"12345"
    client.discard(second.id)
    assert client.retry_all("other") == 0
    assert client.drain(0.0, hurry=False).left == Totals(1, 5)
    assert client.set_bandwidth("2MiB").limit == 2 << 20
    assert client.bandwidth().timetable == "2MiB"
    assert not client.resume().paused


def test_errors_are_those_of_the_command_line(client):
    with pytest.raises(NotFoundError):
        client.transfer("999")
    with pytest.raises(S3dError, match="cannot resume"):
        client.release(next(client.transfers()).id)


def test_without_a_queue_it_is_a_matter_of_configuration(agent):
    with pytest.raises(UsageError, match="no write queue"):
        QueueClient(agent.client).status()
