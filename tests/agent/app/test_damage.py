"""A flipped bit at rest: it is never served and never pushed, and the object is named."""

from __future__ import annotations

import http.client
import os
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from s3d.cli.client.queue_client import QueueClient

pytestmark = pytest.mark.slow

MIB = 1 << 20
SMALL, MEDIUM, LARGE = os.urandom(4_000), os.urandom(100_000), os.urandom(6 * MIB + 5)


def flip(folder, data):
    """Change one bit of these bytes, wherever in the folder they lie."""
    flipped = 0
    for file in folder.rglob("*"):
        if not file.is_file() or file.name.endswith("-shm"):
            continue
        at = (content := file.read_bytes()).find(data)
        if at >= 0:
            with file.open("r+b") as opened:
                os.pwrite(opened.fileno(), bytes([content[at] ^ 1]), at)
            flipped += 1
    assert flipped


@pytest.fixture
def store(start_agent):
    """An agent whose store has objects, and a function that damages it while none runs."""
    agent = start_agent()
    s3 = agent.s3()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="small", Body=SMALL)
    s3.put_object(Bucket="bucket", Key="medium", Body=MEDIUM)
    s3.put_object(Bucket="bucket", Key="large", Body=LARGE)
    s3.put_object(Bucket="bucket", Key="good", Body=b"good" * 50_000)

    def damaged(data):
        agent.stop()
        flip(agent.home / "data/store", data)
        return start_agent()

    return damaged


def refusal(agent, key, **members):
    with pytest.raises(ClientError) as refused:
        agent.s3().get_object(Bucket="bucket", Key=key, **members)
    return refused.value.response["Error"]["Code"]


@pytest.mark.rule("REST-1")
@pytest.mark.finding("S10")
@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("small", SMALL[100:140]),
        ("medium", MEDIUM[70_000:70_040]),
        ("large", LARGE[5:45]),
    ],
    ids=["small", "medium", "large"],
)
def test_a_flipped_bit_is_an_error_and_the_object_is_named(store, key, data):
    agent = store(data)
    assert refusal(agent, key) == "InternalError"
    assert refusal(agent, key, Range="bytes=1-3999") == "InternalError"
    assert any(f"bucket/{key}" in warning for warning in agent.client.status().warnings)
    assert agent.stderr.count("Traceback") == 0
    good = agent.s3().get_object(Bucket="bucket", Key="good")["Body"].read()
    assert good == b"good" * 50_000


@pytest.mark.finding("S10")
def test_damage_behind_the_head_of_the_answer_breaks_it_off(store):
    agent = store(LARGE[5 * MIB : 5 * MIB + 40])
    s3 = agent.s3()
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "large"})
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    with closing(connection):
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    assert any("bucket/large" in warning for warning in agent.client.status().warnings)
    # A range that does not touch the damaged block is right.
    page = s3.get_object(Bucket="bucket", Key="large", Range=f"bytes=10-{4 * MIB}")
    assert page["Body"].read() == LARGE[10 : 4 * MIB + 1]


@pytest.mark.finding("S10")
def test_damage_of_a_part_and_of_a_copy(start_agent):
    agent = start_agent()
    s3 = agent.s3()
    s3.create_bucket(Bucket="bucket")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    place = {"Bucket": "bucket", "Key": "parts", "UploadId": upload}
    s3.upload_part(**place, PartNumber=1, Body=LARGE)
    s3.upload_part(**place, PartNumber=2, Body=MEDIUM)
    etags = [part["ETag"] for part in s3.list_parts(**place)["Parts"]]
    parts = [{"PartNumber": at, "ETag": etag} for at, etag in enumerate(etags, 1)]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/parts")
    agent.stop()
    flip(agent.home / "data/store", MEDIUM[:40])
    agent = start_agent()
    for key in ("parts", "copy"):
        assert refusal(agent, key, Range=f"bytes={len(LARGE)}-") == "InternalError"
        page = agent.s3().get_object(Bucket="bucket", Key=key, Range=f"bytes=0-{MIB}")
        assert page["Body"].read() == LARGE[: MIB + 1]


@pytest.mark.rule("REST-1")
@pytest.mark.finding("S10")
def test_queued_bytes_that_are_damaged_are_neither_served_nor_pushed(start_agent):
    behind = start_agent()
    behind.s3().create_bucket(Bucket="bucket")
    home = behind.home.parent / "gateway"
    front = start_agent(home=home, env=behind.as_remote)
    QueueClient(front.client).pause()
    objects = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
    for key, data in objects.items():
        front.s3().put_object(Bucket="bucket", Key=key, Body=data)
    front.stop()
    for data in objects.values():
        flip(home / "data", data[:40])
    front = start_agent(home=home, env=behind.as_remote)
    for key in objects:
        assert refusal(front, key) == "InternalError"
        assert any(f"bucket/{key}" in warning for warning in front.client.status().warnings)
    queue = QueueClient(front.client)
    queue.resume()
    assert queue.drain(30, hurry=True).failed.files == len(objects)
    assert {write.error.code for write in queue.transfers(state="failed")} == {"corrupt"}
    assert "Contents" not in behind.s3().list_objects_v2(Bucket="bucket")
