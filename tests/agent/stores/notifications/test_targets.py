"""targets: the requests that webhooks and queues get; a queue of moto takes them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import shutil
import socket
from urllib.parse import parse_qs

import pytest
from msgspec.structs import replace

from s3d.agent.s3.event_message import Event
from s3d.agent.s3.event_names import CREATED_PUT
from s3d.agent.storage.event_rows import EventRow
from s3d.agent.stores.notifications.delivery import NotDelivered
from s3d.agent.stores.notifications.targets import check_digest, sqs_request, webhook_request
from s3d.shared.config.notification_settings import NotificationTargetConfig
from s3d.shared.config.values import Secret

ROW = EventRow(7, 1.0, Event(CREATED_PUT, 1.0, "b", key="k"))
MOTO = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")
QUEUE = NotificationTargetConfig(
    name="jobs",
    type="sqs",
    url="http://127.0.0.1:1/1/jobs",
    access_key_id="AKID",
    secret_access_key=Secret("s" * 20),
    region="eu-west-1",
)


def test_a_webhook_gets_a_signature_and_a_token():
    config = NotificationTargetConfig(
        name="hook", url="http://h/", secret=Secret("secret12"), token=Secret("t" * 16)
    )
    request = webhook_request(config, ROW, b"{}")
    digest = hmac.new(b"secret12", b"{}", hashlib.sha256).hexdigest()
    assert request.headers["x-s3d-signature-256"] == f"sha256={digest}"
    assert request.headers["authorization"] == f"Bearer {'t' * 16}"
    assert request.headers["x-s3d-event"] == "ObjectCreated:Put"
    assert request.headers["x-s3d-delivery"] == "7"


def test_a_webhook_without_secrets_gets_neither():
    request = webhook_request(NotificationTargetConfig(name="hook", url="http://h/"), ROW, b"{}")
    assert not {"authorization", "x-s3d-signature-256"} & request.headers.keys()


def test_a_queue_gets_a_signed_send_message():
    request = sqs_request(QUEUE, ROW.event, b"{}")
    form = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
    assert form["Action"] == "SendMessage"
    assert form["MessageBody"] == "{}"
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert "/eu-west-1/sqs/aws4_request" in headers["authorization"]


def test_the_messages_of_a_fifo_queue_are_grouped_by_key():
    fifo = replace(QUEUE, url="http://h/1/jobs.fifo")
    one, other = (
        parse_qs(sqs_request(fifo, replace(ROW.event, key=key), b"{}").body.decode())
        for key in ("k", "l")
    )
    assert one["MessageGroupId"] != other["MessageGroupId"]
    assert one["MessageDeduplicationId"] == other["MessageDeduplicationId"]


def test_a_response_that_confirms_another_message_is_refused():
    digest = hashlib.md5(b"other").hexdigest()
    with pytest.raises(NotDelivered, match="does not confirm"):
        check_digest(b"{}", f"<MD5OfMessageBody>{digest}</MD5OfMessageBody>".encode())
    with pytest.raises(NotDelivered):
        check_digest(b"{}", b"<html>")


@pytest.mark.skipif(MOTO is None, reason="moto_server is not installed (MOTO_SERVER names it)")
async def test_a_queue_of_moto_takes_the_events(opened):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = await asyncio.create_subprocess_exec(
        MOTO, "-p", str(port), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        url = await make_queue(f"http://127.0.0.1:{port}")
        async with opened(replace(QUEUE, url=url)) as world:
            await world.notify("s3:ObjectCreated:*")
            await world.s3("PutObject", Bucket="bucket", Key="k", Body=b"1")
            messages = await received(url, 2)
    finally:
        server.terminate()
        await server.wait()
    # A standard queue does not keep the order.
    (test,), (event,) = ([m for m in messages if kind in m] for kind in ("Event", "Records"))
    assert test["Event"] == "s3:TestEvent"
    assert event["Records"][0]["s3"]["object"]["key"] == "k"


async def make_queue(endpoint: str) -> str:
    import boto3

    def make() -> str:
        return client(boto3, endpoint).create_queue(QueueName="jobs")["QueueUrl"]

    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncio.to_thread(make)
            except boto3.exceptions.botocore.exceptions.EndpointConnectionError:
                await asyncio.sleep(0.1)


async def received(url: str, count: int) -> list[dict]:
    import boto3

    endpoint = "/".join(url.split("/")[:3])
    messages = []

    def receive() -> list[dict]:
        got = client(boto3, endpoint).receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=1
        )
        return [json.loads(one["Body"]) for one in got.get("Messages", [])]

    async with asyncio.timeout(30):
        while len(messages) < count:
            messages += await asyncio.to_thread(receive)
    return messages


def client(boto3, endpoint):
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="s" * 20,
        config=boto3.session.Config(retries={"max_attempts": 0}),
    )
