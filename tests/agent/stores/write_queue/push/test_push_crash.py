"""The agent dies at each step of a push: what was acknowledged arrives, and nothing is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.agent_process import AgentProcess
from tests.peers.servers import Peer

MIB = 1 << 20
STEPS = (
    "queue.before_send",
    "queue.after_send",
    "queue.done",
    "queue.dropped",
    "queue.progress",
    "queue.before_create",
    "queue.after_create",
    "queue.created",
    "queue.before_part",
    "queue.after_part",
    "queue.before_complete",
    "queue.after_complete",
)
IN_EVERY_RUN = ("queue.after_send", "queue.after_create", "queue.after_complete")
"""The others are for make torture."""


@pytest.fixture
def there(seaweedfs: Peer) -> Iterator[Any]:
    """The remote itself."""
    client = boto3.client(
        "s3",
        endpoint_url=seaweedfs.endpoint,
        region_name=seaweedfs.region,
        aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


def write(s3: Any, bucket: str, told: dict[str, str]) -> None:
    """A small object and one in parts; told: key -> ETag of those that were acknowledged."""
    told["small"] = s3.put_object(Bucket=bucket, Key="small", Body=os.urandom(4096))["ETag"]
    named = {"Bucket": bucket, "Key": "parts"}
    named["UploadId"] = s3.create_multipart_upload(**named)["UploadId"]
    parts = []
    for number, size in enumerate((5 * MIB, 5 * MIB, 100), 1):
        part = s3.upload_part(**named, PartNumber=number, Body=os.urandom(size))
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    done = s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    told["parts"] = done["ETag"]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=pytest.mark.slow if step in IN_EVERY_RUN else pytest.mark.torture)
        for step in STEPS
    ],
)
def test_a_crash_loses_nothing_and_leaves_nothing(
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
    there: Any,
    new_bucket: str,
    step: str,
) -> None:
    remote = {
        "S3D_REMOTE": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
    }
    agent = start_agent(env={**remote, "S3D_FAILPOINT": f"{step}:kill"})
    told: dict[str, str] = {}
    s3 = agent.s3()
    try:
        write(s3, new_bucket, told)
    except (BotoCoreError, ClientError):
        pass  # It died before its answer.
    finally:
        s3.close()
    assert agent.wait() == -signal.SIGKILL
    again = start_agent(env=remote)
    assert again.stop() == 0
    for key, etag in told.items():
        assert there.head_object(Bucket=new_bucket, Key=key)["ETag"] == etag
    assert there.list_multipart_uploads(Bucket=new_bucket).get("Uploads", []) == []
