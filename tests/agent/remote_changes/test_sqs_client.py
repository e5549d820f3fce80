"""sqs_client: requests to a queue over HTTP; moto judges their form where it is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket

import pytest

from s3d.agent.remote_changes.sqs_client import (
    READ_TIMEOUT,
    WAIT,
    QueueFailed,
    QueueRefused,
    SqsClient,
)
from s3d.agent.stores.remote.static_credentials import RemoteKey
from tests.agent.remote_changes.queue_server import serving_queue

MOTO = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")
KEY = RemoteKey("AKID", "s" * 20, "session")


async def key():
    return KEY


async def region():
    return "eu-west-1"


def client(url, **options):
    return SqsClient(url, key=key, region=region, **options)


@pytest.fixture
async def queue():
    async with serving_queue() as server:
        yield server


@pytest.fixture
async def opened(queue):
    found = client(queue.url)
    yield found
    await found.close()


async def test_messages_are_received_and_deleted(queue, opened):
    await queue.put("one", "two")
    got = await opened.receive()
    assert [message.body for message in got] == ["one", "two"]
    await opened.delete([got[0].receipt])
    assert list(queue.messages.values()) == ["two"]
    headers = {name.lower(): value for name, value in queue.headers.items()}
    assert "Credential=AKID/" in headers["authorization"]
    assert "/eu-west-1/sqs/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "session"


async def test_a_poll_is_long_and_its_timeout_longer(queue, opened):
    await queue.put("one")
    await opened.receive()
    assert queue.batch["WaitTimeSeconds"] == WAIT == 20
    assert READ_TIMEOUT > WAIT + 10


async def test_a_poll_that_is_cancelled_ends_at_once(queue, opened):
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        poll = group.create_task(opened.receive())
        await queue.until_polls(1)
        poll.cancel()


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (403, {"__type": "AccessDenied", "message": "no"}, QueueRefused, "AccessDenied: no"),
        (
            400,
            {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"},
            QueueRefused,
            "QueueDoesNotExist: none",
        ),
        (400, {"__type": "x#InvalidClientTokenId"}, QueueRefused, "InvalidClientTokenId"),
        (500, {"__type": "InternalError"}, QueueFailed, "InternalError"),
        (503, {}, QueueFailed, "HTTP 503: {}"),
        (200, [], QueueFailed, "HTTP 200"),
        (200, {"Messages": "x"}, QueueFailed, "no list"),
    ],
)
async def test_an_error_says_what_and_whether_it_will_pass(
    queue, opened, status, body, error, text
):
    queue.refusal = status, body
    with pytest.raises(QueueFailed) as failed:
        await opened.receive()
    assert type(failed.value) is error
    assert text in str(failed.value)


async def test_rows_without_a_receipt_are_left_out(queue, opened):
    queue.refusal = 200, {"Messages": [7, {}, {"Body": "x"}, {"Body": "y", "ReceiptHandle": "r"}]}
    assert [message.body for message in await opened.receive()] == ["y"]


async def test_a_queue_that_is_not_there_is_no_refusal():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    absent = client(f"http://127.0.0.1:{port}/1/q")
    with pytest.raises(QueueFailed) as failed:
        await absent.receive()
    assert not isinstance(failed.value, QueueRefused)
    await absent.close()


async def test_another_endpoint_than_that_of_the_url(queue):
    queue.url = "https://sqs.eu-west-1.amazonaws.com/1/q"
    port = 0
    async with serving_queue() as other:
        other.url, endpoint = queue.url, other.url.rpartition("/000")[0]
        port = int(endpoint.rpartition(":")[2])
        found = client(queue.url, endpoint=endpoint)
        await other.put("one")
        assert [message.body for message in await found.receive()] == ["one"]
        await found.close()
    assert port


@pytest.mark.torture
@pytest.mark.skipif(MOTO is None, reason="moto_server is not installed (MOTO_SERVER names it)")
async def test_moto_understands_the_requests():
    import boto3

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = asyncio.subprocess.DEVNULL
    server = await asyncio.create_subprocess_exec(MOTO, "-p", str(port), stdout=quiet, stderr=quiet)
    try:
        sqs = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-west-1",
            aws_access_key_id="AKID",
            aws_secret_access_key="s" * 20,
        )
        url = (await asyncio.to_thread(sqs.create_queue, QueueName="events"))["QueueUrl"]
        for text in ("one", "two"):
            await asyncio.to_thread(sqs.send_message, QueueUrl=url, MessageBody=text)
        found = client(url)
        bodies = []
        while len(bodies) < 2:
            batch = await found.receive()
            bodies += [message.body for message in batch]
            await found.delete([message.receipt for message in batch])
        assert sorted(bodies) == ["one", "two"]
        left = await asyncio.to_thread(
            sqs.get_queue_attributes,
            QueueUrl=url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        assert set(left["Attributes"].values()) == {"0"}
        missing = client(f"{url}-missing")
        with pytest.raises(QueueRefused, match="Queue"):
            await missing.receive()
        await found.close()
        await missing.close()
    finally:
        server.terminate()
        await server.wait()
